"""`minigan report`: what the page says, what it may replace, how large it gets, and how it works in a browser."""

import base64
import hashlib
import json
import re
import shutil
from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from command import minigan
from PIL import Image
from systems import posix

from minigan import data, plots, report
from minigan.errors import UserError
from minigan.report import figures, frames
from minigan.report.markup import flat
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import make_trainer, train

RECORDED = Path(__file__).parents[1] / "recorded"
EPOCHS = 5
EVIL = '</script><script>alert("1")</script>'
VOID = {"meta", "img", "input", "br", "hr", "link"}


def trained(path, **settings):
    """The folder of a run of a few steps on 64 digits, as `minigan train` leaves it."""
    few = {"data": "digits", "epochs": EPOCHS, "batch_size": 16, "latent_dim": 8, "width": 4, "log_every": 1}
    trainer = make_trainer(Config.of_run(**few | settings), data.load("digits", count=64))
    train(trainer, RunFolder.create(path))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("runs") / "first", model="dense-gan")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("runs") / "classifier", model="classifier", epochs=2)


@pytest.fixture(scope="module")
def scored(run, tmp_path_factory):
    """A run with scores of both kinds, and with names that must be shown as text, not run as scripts."""
    path = tmp_path_factory.mktemp("runs") / '<script>alert("2")'
    shutil.copytree(RECORDED / "collapse-classes", path)
    shutil.copytree(run / "samples", path / "samples")
    for name in ("config.json", "scores.json"):
        text = (path / name).read_text(encoding="utf-8")
        assert '"trouser"' in text
        (path / name).write_text(text.replace('"trouser"', json.dumps(EVIL)), encoding="utf-8")
    (path / "scores.csv").write_text(
        "step,epoch,diversity,classifier_is,classifier_fd,mode_coverage,class_accuracy\n"
        "10,1,0.5,2.5,30,0.9,0.5\n20,2,1.01,3.5,20,1,0.75\n30,3,1.2,,,,\n40,4,0.97,3.25,10,1,0.625\n"
    )
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A function that returns the path of a run's report; the report is written once for all tests."""
    reports = {}

    def of(path):
        if path not in reports:
            reports[path] = tmp_path_factory.mktemp("reports") / "report.html"
            assert report.write(path, reports[path]) == reports[path]
        return reports[path]

    return of


@pytest.fixture(scope="module")
def page_of(written):
    """A function that returns the HTML of a run's report."""
    return lambda path: written(path).read_text(encoding="utf-8")


class Outline(HTMLParser):
    """The structure of a page: its tags, ids, references to ids, and text; asserts that tags are nested correctly."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.references, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.references += [found[name] for name in ("aria-labelledby", "for") if name in found]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):  # <path/> of SVG
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if not {"script", "style", "svg"} & set(self.open):
            self.texts.append(text)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


# --- what the page says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["run", "classifier", "scored"])
def test_the_page_is_one_valid_file(page_of, which, request):
    text = page_of(request.getfixturevalue(which))
    outline = Outline(text)
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.references) <= set(outline.ids)
    references = re.findall(r'(?:href="|url\()#([^")]+)', text)
    assert references
    assert set(references) <= set(outline.ids)

    assert outline.all("html") == [{"lang": "en"}]
    assert len(outline.all("h1")) == len(outline.all("title")) == len(outline.all("main")) == 1
    assert len(outline.all("h2")) == len(outline.all("section"))
    assert len(outline.all("caption")) == len(outline.all("table")) > 0
    assert all(cell.get("scope") in ("row", "col") for cell in outline.all("th"))
    assert all(image["alt"] for image in outline.all("img"))
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in outline.all("svg"))

    for _, attributes in outline.tags:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("data:image/", "#"))
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text


def test_the_page_of_a_run(page_of, run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    text = page_of(run)
    outline = Outline(text)
    for text_part in (
        "Report of the run first",
        "dense-gan",
        "non-saturating",
        "Steps done 20",
        f"Epochs done {EPOCHS} of {EPOCHS}",
        f"Epoch {EPOCHS} of {EPOCHS}",
        "Real images of digits",
        f"`minigan evaluate {run}` computes them",
        "latent dim 8",
        "28 × 28 × 1",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    ):
        assert text_part in outline.text, text_part
    assert "discriminator lr" not in outline.text  # which was not set
    assert [drawing["aria-label"].split()[0] for drawing in outline.all("svg")][:3] == ["loss", "output", "accuracy"]
    assert re.search(r"Loss_D ends at \d", outline.all("svg")[0]["aria-label"])
    grids = json.loads(re.search(r'id="frames">(.*)</script>', text)[1])
    assert [epoch for epoch, _ in grids] == list(range(1, EPOCHS + 1))
    assert len({source for _, source in grids}) == EPOCHS
    assert outline.all("img")[0]["src"] == grids[-1][1]
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_run_that_is_too_short_for_a_diagnosis(page_of, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.csv"
    metrics.write_text("".join(metrics.read_text().splitlines(True)[:3]))
    outline = Outline(page_of(tmp_path / "run"))
    assert "expected at least 20 rows for a diagnosis, found 2; train for longer" in outline.text
    assert "Epochs done 0.5 of 5" in outline.text


def test_the_diagnosis_and_its_figure(page_of, scored):
    outline = Outline(page_of(scored))
    assert "Mode collapse The generator has collapsed: " in outline.text
    assert "Discriminator too strong The discriminator has won" in outline.text
    assert "Seen Loss_D" in outline.text
    assert "Try a smaller --discriminator-lr" in outline.text
    labels = [drawing["aria-label"].split(" over the epochs")[0] for drawing in outline.all("svg")]
    assert labels == [
        "loss",
        "output",
        "accuracy",
        "loss, discriminator too strong",
        "accuracy, discriminator too strong",
        "gradient",
        "diversity, mode collapse",
    ]


def test_the_best_of_each_score_is_marked(page_of, scored, run):
    text = page_of(scored)
    table = re.search(r'<caption id="epochs-table">.*?</table>', text, re.DOTALL)[0]
    heads = re.findall(r'<th scope="col">(.*?)</th>', table)
    assert heads == ["epoch", "diversity", "classifier IS", "classifier FD", "mode coverage", "class accuracy"]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in table.splitlines() if "<td" in line]
    best = {(row[0], column) for row in rows for column, cell in enumerate(row) if "best" in cell}
    assert best == {("2", 1), ("2", 2), ("4", 3), ("2", 4), ("2", 5)}
    assert rows[2] == ["3", "1.200", "–", "–", "–", "–"]
    short = Outline(page_of(run)).text  # it has only its diversity
    assert "epoch diversity 1 0." in short
    assert "classifier FD" not in short


def test_scores_are_next_to_those_of_real_data_with_their_protocol(page_of, scored):
    text = Outline(page_of(scored)).text
    scores = json.loads((scored / "scores.json").read_text(encoding="utf-8"))
    for name, key in (("classifier IS", "classifier_is"), ("classifier FD", "classifier_fd")):
        texts = [scores[kind][key] for kind in ("samples", "real")]
        if key == "classifier_is":
            texts = [f"{score['mean']:.3f} ± {score['std']:.3f}" for score in texts]
        else:
            texts = [f"{score:.3f}" for score in texts]
        assert " ".join([name, *texts]) in text
    for name, value in flat(scores["protocol"]):
        assert f"{name} {value}" in text
    assert scores["protocol"]["features"]["sha256"] in text
    assert "computes them" not in text


def test_the_page_has_scores_of_the_inception_network(page_of, scored, tmp_path):
    shutil.copytree(scored, tmp_path / "run")
    path = tmp_path / "run" / "scores.json"
    standard = {"inception_score": {"mean": 8.1, "std": 0.1}, "fid": 12.5}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"inception": {"samples": standard, "real": standard}}))
    text = Outline(page_of(tmp_path / "run")).text
    assert "Inception Score 8.100 ± 0.100 8.100 ± 0.100 FID 12.500 12.500" in text


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"samples": 1, "real": 2}', "\x00"])
def test_damaged_scores_are_named_in_the_page(page_of, scored, tmp_path, damage):
    shutil.copytree(scored, tmp_path / "run")
    (tmp_path / "run" / "scores.json").write_text(damage)
    text = Outline(page_of(tmp_path / "run")).text
    assert "scores.json: expected the scores that minigan evaluate writes" in text


def test_names_are_shown_and_not_run_as_scripts(page_of, scored):
    text = page_of(scored)
    assert "<script>alert" not in text
    assert text.count("<script") == 2  # the page's own, and the JSON of its images
    outline = Outline(text)
    assert 'Report of the run <script>alert("2")' in outline.text
    assert outline.text.count(EVIL) >= 2  # in the classes of the data set, and of the scores
    assert '<script>alert("2"): report of minigan' in unescape(re.search("<title>(.*)</title>", text)[1])


def test_the_page_of_a_classifier_has_curves_accuracy_and_settings(page_of, classifier):
    outline = Outline(page_of(classifier))
    headings = ["curves", "epochs", "configuration"]
    assert [attributes["aria-labelledby"] for attributes in outline.all("section")] == headings
    assert "epoch test accuracy 1 " in outline.text
    assert outline.all("img") == []
    assert "Objective" not in outline.text
    assert "test, " in outline.all("svg")[1]["aria-label"]


def test_the_page_of_a_conditional_run_explains_its_columns(page_of, tmp_path):
    path = trained(tmp_path / "run", model="cgan", epochs=1, width=2)
    outline = Outline(page_of(path))
    assert "a column for each class" in outline.all("img")[0]["alt"]
    assert outline.all("input") == []  # one grid needs no slider
    assert "After the first epoch" in outline.text


def test_the_page_does_not_reveal_folders(page_of, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((tmp_path / "run/config.json").read_text(encoding="utf-8"))
    config |= {"root": "/home/somebody/data", "classifier": "/home/somebody/runs/scorer"}
    config["dataset"]["source"] = "/home/somebody/data/cifar-10-batches-py"
    (tmp_path / "run/config.json").write_text(json.dumps(config), encoding="utf-8")
    text = page_of(tmp_path / "run")
    assert "somebody" not in text
    assert all(f">{name}<" in text for name in ("data", "scorer", "cifar-10-batches-py"))


def test_the_page_of_a_run_in_its_first_epoch(page_of, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "samples")
    (tmp_path / "run" / "scores.csv").unlink()
    text = Outline(page_of(tmp_path / "run")).text
    assert "None yet: a run writes a grid at the end of each epoch." in text
    assert "Scores over the epochs" not in text


def test_the_same_run_gives_the_same_page(page_of, scored, tmp_path):
    assert report.write(scored, tmp_path / "again.html").read_text(encoding="utf-8") == page_of(scored)


def test_figures_use_the_colours_of_the_page(page_of, scored):
    text = page_of(scored)
    used = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", "".join(re.findall("<svg.*?</svg>", text, re.DOTALL))))
    assert used <= {*figures.COLOURS.values(), "none"}
    assert {"var(--first)", "var(--second)", "var(--alarm)", "var(--muted)", "currentColor"} <= used
    for name in used:
        if name.startswith("var"):
            assert text.count(f"{name[4:-1]}: #") == 2  # in light and in dark


def test_only_the_pages_own_script_may_run(page_of, scored):
    text = page_of(scored)
    policy = Outline(text).all("meta")[-1]["content"]
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


# --- how large it gets -----------------------------------------------------------------------------------------


def test_two_hundred_epochs_fit_into_five_megabytes(page_of, run, tmp_path):
    """Grids that compress as badly as those of CIFAR-10, 150 KB of PNG each, and a row for every 10 of 390 steps."""
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("epoch_*.png"))
    folder, random = RunFolder(tmp_path / "run"), np.random.default_rng(0)
    shapes = data.load("shapes", count=640).images
    for epoch in range(1, 201):
        if epoch <= 10:  # the other epochs are copies, to save time
            images = shapes[random.choice(640, 64)] + random.normal(size=(64, 32, 32, 3)) * 12
            grid = plots.image_grid(images.clip(0, 255).astype(np.uint8))
            plots.save_image(folder.epoch_samples(epoch), grid)
            assert folder.epoch_samples(epoch).stat().st_size > 140_000
        else:
            shutil.copy(folder.epoch_samples(epoch % 10 + 1), folder.epoch_samples(epoch))
    assert grid.shape == (274, 274, 3)
    columns = (folder.metrics_path).read_text().splitlines()[0]
    rows = np.abs(random.normal(size=(7800, columns.count(",") + 1))) + 0.5
    rows[:, 0], rows[:, 1] = np.arange(1, 7801) * 10, np.arange(1, 7801) / 39
    folder.metrics_path.write_text("\n".join([columns, *(",".join(f"{v:.6g}" for v in row) for row in rows)]) + "\n")
    text = page_of(folder.path)
    assert 2e6 < len(text.encode()) < 5e6
    assert "60 of the run&#x27;s 200 grids" in text
    epochs = [epoch for epoch, _ in json.loads(re.search(r'id="frames">(.*)</script>', text)[1])]
    assert (len(epochs), epochs[0], epochs[-1]) == (60, 1, 200)
    assert set(np.diff(epochs)) == {3, 4}


def test_large_grids_are_reduced_in_number_and_in_size(run, tmp_path):
    folder = RunFolder(run)
    whole = frames.frames(folder)
    assert [epoch for epoch, _, _ in whole] == list(range(1, EPOCHS + 1))
    characters = sum(len(source) for _, source, _ in whole)
    fewer = frames.frames(folder, max_characters=0.7 * characters)
    assert 1 < len(fewer) < EPOCHS
    assert (fewer[0], fewer[-1]) == (whole[0], whole[-1])
    assert frames.frames(folder, max_characters=0) == whole[-1:]
    Image.new("RGB", (2000, 1000)).save(tmp_path / "large.png")
    assert frames.encode(tmp_path / "large.png")[1] == (1024, 512)


def test_encoding_keeps_the_pixels(run, tmp_path, monkeypatch):
    """A grey grid may lose a little, and one with few levels of grey nothing; without WebP, it is a PNG."""
    real = run / "samples" / "real.png"
    exact = np.asarray(Image.open(real), float)
    assert abs(decoded(frames.encode(real)) - exact).mean() < 4
    Image.fromarray((np.indices((64, 64)).sum(axis=0) // 8 % 2 * 255).astype(np.uint8)).save(tmp_path / "plain.png")
    assert (decoded(frames.encode(tmp_path / "plain.png")) == np.asarray(Image.open(tmp_path / "plain.png"))).all()
    monkeypatch.setattr("PIL.features.check", lambda feature: False)
    assert frames.encode(real)[0].startswith("data:image/png")
    assert (decoded(frames.encode(real)) == exact).all()


def decoded(source_and_size):
    import io

    with Image.open(io.BytesIO(base64.b64decode(source_and_size[0].split(",")[1]))) as image:
        assert image.size == source_and_size[1]
        return np.asarray(image.convert("L"), float)


def test_spread_is_even_and_ends_with_the_last_item():
    assert frames.spread([1, 2, 3], 5) == [1, 2, 3]
    assert frames.spread(list(range(101)), 5) == [0, 25, 50, 75, 100]
    assert frames.spread([1, 2, 3], 1) == [3]
    assert frames.spread([], 5) == []


# --- what is refused -------------------------------------------------------------------------------------------


@posix
def test_the_command_writes_into_the_run_and_replaces_its_own_report(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    assert minigan("report", tmp_path / "run") == 0
    out = tmp_path / "run" / "report.html"
    assert capsys.readouterr().out.startswith(f"{out} (0.")
    first = out.read_bytes()
    out.write_bytes(first + b"<!-- older -->")
    assert minigan("report", tmp_path / "run") == 0
    assert out.read_bytes() == first
    (tmp_path / "link.html").symlink_to(out)
    assert minigan("report", tmp_path / "run", "--out", tmp_path / "link.html") == 0
    assert (tmp_path / "link.html").is_symlink()


@posix
def test_a_mistake_gets_one_line_and_changes_nothing(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    shutil.copytree(run, tmp_path / "unbegun", ignore=shutil.ignore_patterns("metrics.csv"))
    shutil.copytree(run, tmp_path / "damaged")
    (tmp_path / "damaged" / "samples" / f"epoch_000{EPOCHS}.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    shutil.copytree(run, tmp_path / "header")
    (tmp_path / "header" / "metrics.csv").write_text((run / "metrics.csv").read_text().splitlines(True)[0])
    (tmp_path / "thesis.html").write_text("<html>mine</html>")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for arguments, message in [
        ([tmp_path / "nowhere"], "nowhere: expected the folder of a run, found no config.json in it"),
        ([tmp_path / "empty"], "expected the folder of a run"),
        ([tmp_path / "thesis.html"], "expected the folder of a run"),
        (
            [tmp_path / "unbegun"],
            "metrics.csv: expected a column loss_d, found none: the run has not logged anything yet",
        ),
        ([tmp_path / "header"], "metrics.csv: expected numbers, found none"),
        ([tmp_path / "damaged"], f"epoch_000{EPOCHS}.png: expected an image (PNG)"),
        ([run, "--out", tmp_path / "empty"], "expected the name of a file, found a folder"),
        ([run, "--out", tmp_path / "no" / "where.html"], "no to write to, found none; create it first"),
        ([run, "--out", tmp_path / "thesis.html" / "x.html"], "expected a folder to write to, found the file"),
        (
            [run, "--out", tmp_path / "thesis.html"],
            "expected a new file or another report of minigan, found something else",
        ),
        ([run, "--out", "/dev/null"], "found a device or pipe"),
    ]:
        assert minigan("report", *arguments) == 2, arguments
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert message in captured.err, captured.err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_damaged_configuration_is_named(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text("[]")
    with pytest.warns(UserWarning, match="expected the settings of a run, got a list; the settings in step_"):
        report.write(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(UserError, match="expected the settings of a run"):
        report.write(tmp_path / "run")


# --- in a browser ----------------------------------------------------------------------------------------------


@pytest.fixture
def visit(browser, written):
    """A function that opens the report of a run; the test fails if the page logs anything or uses the network."""
    problems, contexts = [], []

    def opened(path, **settings):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        page.on("requestfailed", lambda request: problems.append(request.url[:80]))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or problems.append(request.url))
        page.clock.install(time=datetime(2026, 1, 1))
        page.goto(written(path).as_uri())
        page.clock.pause_at(datetime(2026, 1, 2))  # from now on, time passes only in run_for(), even on a busy machine
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def state(page):
    """(epoch, source of the image), after checking that slider, text and description agree."""
    text = page.locator("#position").text_content()
    epoch = int(re.fullmatch(rf"Epoch (\d+) of {EPOCHS}", text)[1])
    assert page.locator("#epoch").get_attribute("aria-valuetext") == text.replace("E", "e")
    assert page.locator("#epoch").input_value() == str(epoch - 1)
    assert f"after epoch {epoch}," in page.locator("#grid").get_attribute("alt")
    assert page.evaluate("document.getElementById('grid').decode().then(() => true)")
    return epoch, page.locator("#grid").get_attribute("src")


def test_the_slider_works_by_keyboard(visit, run):
    page = visit(run)
    last = state(page)
    assert last[0] == EPOCHS
    page.get_by_label("Epoch", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    before = state(page)
    assert before[0] == EPOCHS - 1
    assert before[1] != last[1]
    page.keyboard.press("Home")
    assert state(page)[0] == 1
    page.keyboard.press("End")
    assert state(page) == last
    assert page.locator("#position").get_attribute("aria-live") == "polite"


def test_previous_and_next_stop_at_the_ends(visit, run):
    page = visit(run)
    previous, following = (page.get_by_role("button", name=name) for name in ("Previous", "Next"))
    following.click()
    assert state(page)[0] == EPOCHS  # the last one
    previous.focus()
    for _ in range(EPOCHS + 1):
        page.keyboard.press("Enter")
    assert state(page)[0] == 1
    following.click()
    assert state(page)[0] == 2


def test_play_pauses_and_stops_at_the_end(visit, run):
    page = visit(run)
    page.get_by_role("button", name="Play").press("Enter")
    assert state(page)[0] == 1
    page.clock.run_for(650)
    assert state(page)[0] == 3
    assert page.locator("#position").get_attribute("aria-live") == "off"
    page.get_by_role("button", name="Pause").press("Space")
    page.clock.run_for(2000)
    assert state(page)[0] == 3
    assert page.locator("#position").get_attribute("aria-live") == "polite"
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(5000)
    assert state(page)[0] == EPOCHS
    assert page.locator("#play").text_content() == "Play"  # it has stopped at the end
    page.locator("#play").click()
    page.clock.run_for(350)
    page.get_by_role("button", name="Previous").click()  # any other control pauses it
    page.clock.run_for(2000)
    assert state(page)[0] == 1


@pytest.mark.parametrize("which", ["run", "classifier", "scored"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_screen(visit, request, which, width):
    page = visit(request.getfixturevalue(which), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = "[...document.querySelectorAll('.scroll, svg, figure, dl')].map((e) => e.getBoundingClientRect().right)"
    assert max(page.evaluate(inside)) <= width


CONTRASTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => channels(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour && channels(colour)[3] !== 0) return colour;
    }
  };
  const own = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll("body *:not(script, style, noscript)")].filter(own).map((e) => {
    const style = getComputedStyle(e);
    const inside = e.closest("svg");
    const [a, b] = [light(inside ? style.fill : style.color), light(behind(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.tagName, e.textContent];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast_in_both_schemes(visit, scored, scheme):
    page = visit(scored, color_scheme=scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    found = page.evaluate(CONTRASTS)
    assert {"P", "TD", "TH", "DT", "text", "tspan", "BUTTON"} <= {tag for _, tag, _ in found}
    assert [one for one in found if one[0] < 4.5] == []


def test_without_javascript_the_last_grid_is_shown(visit, run):
    page = visit(run, java_script_enabled=False)
    assert page.locator("#grid").is_visible()
    assert not page.locator("#controls").is_visible()
    assert page.locator("noscript p").is_visible()


def test_a_print_is_dark_on_white_and_complete(visit, scored):
    page = visit(scored, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#play").is_visible()
    assert page.locator("#position").is_visible()
    assert page.locator("#grid").is_visible()


def test_every_control_shows_its_focus(visit, run):
    page = visit(run)
    names = []
    for _ in range(4):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert names == ["previous", "play", "next", "epoch"]
