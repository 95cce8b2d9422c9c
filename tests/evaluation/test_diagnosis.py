"""minigan diagnose: every recorded run of a real training gets exactly the findings that its samples show."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import minigan
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minigan import plots
from minigan.errors import UserError
from minigan.evaluation import diagnosis
from minigan.evaluation.figure import figure
from minigan.evaluation.history import MIN_ROWS, RunHistory

RECORDED = Path(__file__).parents[1] / "recorded"

VANISHING, COLLAPSE, OSCILLATION = "vanishing generator gradient", "mode collapse", "oscillation"
STRONG, WEAK = "discriminator too strong", "discriminator too weak"
HEALTHY, UNUSUAL = "healthy", "nothing unusual"

# recorded/README.md describes the samples of each run.
EXPECTED = {
    "strong-fashion": [STRONG],
    "strong-shapes": [STRONG],
    "strong-dense": [STRONG],
    "vanishing-fashion": [VANISHING, STRONG],
    "vanishing-shapes": [VANISHING, STRONG],
    "vanishing-dense": [VANISHING, STRONG],
    "vanishing-saturated": [VANISHING, STRONG],
    "vanishing-late": [VANISHING, STRONG],
    "vanishing-lsgan": [VANISHING, COLLAPSE],
    "collapse-fashion": [COLLAPSE],
    "collapse-fashion-1": [COLLAPSE],
    "collapse-wide": [COLLAPSE],
    "collapse-classes": [COLLAPSE, STRONG],
    "collapse-classes-1": [COLLAPSE, STRONG],
    "waves-mnist": [COLLAPSE, OSCILLATION],
    "waves-damped": [COLLAPSE, OSCILLATION],
    "waves-dcgan": [COLLAPSE, OSCILLATION],
    "waves-dense": [OSCILLATION],
    "waves-dense-2": [OSCILLATION],
    "waves-dense-1": [UNUSUAL],  # the waves die down
    "waves-dcgan-1": [UNUSUAL],  # the waves die down
    "weak-dense": [WEAK],
    "weak-dense-1": [WEAK],
    "weak-lsgan": [WEAK],
    "healthy-fashion": [HEALTHY],
    "healthy-smoothing": [HEALTHY],
    "healthy-mnist": [HEALTHY],
    "healthy-lsgan": [HEALTHY],
    "healthy-narrow-1": [HEALTHY],
    "healthy-narrow-2": [HEALTHY],
    "learning-shapes": [UNUSUAL],
    "learning-shapes-1": [UNUSUAL],
    "learning-noisy": [UNUSUAL],
}


def names(path):
    return [finding.name for finding in diagnosis.diagnose(RunHistory(path))]


@pytest.fixture
def run(tmp_path):
    """A copy of a recorded run that a test may change."""
    shutil.copytree(RECORDED / "healthy-mnist", tmp_path / "run")
    return tmp_path / "run"


def rewrite(run, change=lambda columns: columns, **config):
    """Change the columns of a run's metrics.csv, and settings of its config.json."""
    lines = (run / "metrics.csv").read_text().splitlines()
    columns = dict(zip(lines[0].split(","), np.loadtxt(lines[1:], delimiter=",").T, strict=True))
    columns = change(columns)
    rows = [",".join(f"{value:.9g}" for value in row) for row in zip(*columns.values(), strict=True)]
    (run / "metrics.csv").write_text("\n".join([",".join(columns), *rows]) + "\n")
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(settings | config))


# --- the recorded runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", EXPECTED)
def test_a_recorded_run_gets_its_findings_and_no_others(recording):
    assert names(RECORDED / recording) == EXPECTED[recording]


def test_every_recording_is_listed_and_reveals_no_folders():
    assert {path.name for path in RECORDED.iterdir() if path.is_dir()} == set(EXPECTED)
    readme = (RECORDED / "README.md").read_text(encoding="utf-8")
    for name in EXPECTED:
        assert f"`{name}`" in readme
        config = json.loads((RECORDED / name / "config.json").read_text())
        assert config["root"] is None
        assert "source" not in config["dataset"]


def test_every_finding_has_two_recordings_and_every_objective_one():
    for finding in (VANISHING, COLLAPSE, OSCILLATION, STRONG, WEAK, HEALTHY, UNUSUAL):
        assert sum(finding in found for found in EXPECTED.values()) >= 2
    objectives = {json.loads((RECORDED / name / "config.json").read_text())["objective"] for name in EXPECTED}
    assert objectives == {"non-saturating", "minimax", "least-squares"}


def test_the_gradient_vanishes_with_the_minimax_loss_only():
    """strong-fashion and vanishing-fashion differ only in --objective."""
    histories = [RunHistory(RECORDED / name) for name in ("strong-fashion", "vanishing-fashion")]
    strong, vanishing = (history.config.to_dict() for history in histories)
    assert {key for key in strong if strong[key] != vanishing[key]} == {"objective"}
    assert all(diagnosis.has_won(history) for history in histories)
    assert histories[0].recent("gradient_g") > 1e5 * histories[1].recent("gradient_g")


def test_missing_classes_are_named():
    found = diagnosis.mode_collapse(RunHistory(RECORDED / "collapse-classes"))
    assert found.evidence["diversity"] > 1  # pixels alone do not show it
    assert found.evidence["share of classes generated"] == 0.4
    assert "T-shirt, trouser, pullover, sneaker, bag, ankle boot" in found.words
    assert "dress" not in found.words


def test_without_classifier_scores_only_diversity_shows_a_collapse(tmp_path):
    shutil.copytree(RECORDED / "collapse-classes", tmp_path / "run")
    (tmp_path / "run" / "scores.json").unlink()
    assert names(tmp_path / "run") == [STRONG]
    shutil.copytree(RECORDED / "collapse-fashion", tmp_path / "other")
    (tmp_path / "other" / "scores.csv").unlink()
    assert COLLAPSE not in names(tmp_path / "other")


def test_scores_json_is_used_if_scores_csv_is_missing(run):
    (run / "scores.csv").unlink()
    report = json.loads((RECORDED / "collapse-classes" / "scores.json").read_text())
    report["samples"]["diversity"] = 0.2
    (run / "scores.json").write_text(json.dumps(report))
    (found,) = diagnosis.diagnose(RunHistory(run))
    assert found.name == COLLAPSE
    assert found.evidence == {"diversity": 0.2, "share of classes generated": 0.4}


# --- what does not matter --------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", ["waves-mnist", "healthy-fashion", "collapse-fashion", "strong-dense"])
@pytest.mark.parametrize("every", [2, 3])
def test_the_findings_do_not_depend_on_how_often_a_run_was_logged(recording, every, tmp_path):
    shutil.copytree(RECORDED / recording, tmp_path / "run")
    rewrite(tmp_path / "run", lambda columns: {name: values[::every] for name, values in columns.items()})
    assert names(tmp_path / "run") == EXPECTED[recording]


@pytest.mark.parametrize(("a", "b"), [(-1.0, 1.0), (0.0, 5.0)])
def test_least_squares_outputs_and_losses_are_relative_to_their_targets(a, b, tmp_path):
    """A run with targets 0 and 1 is rescaled to targets a and b: the findings stay the same."""
    for name in ("healthy-lsgan", "weak-lsgan", "strong-shapes"):
        shutil.copytree(RECORDED / name, tmp_path / name)

        def scaled(columns):
            outputs = {key: a + (b - a) * columns[key] for key in ("d_x", "d_g_z")}
            return columns | outputs | {key: (b - a) ** 2 * columns[key] for key in ("loss_d", "loss_g")}

        rewrite(tmp_path / name, scaled, targets=[a, b, b])
        assert names(tmp_path / name) == EXPECTED[name]


def test_label_smoothing_raises_the_smallest_possible_loss(run):
    """With targets of 0.9 a discriminator that has won has L_D = −0.9·log 0.9 − 0.1·log 0.1 = 0.325, not 0."""

    def won(columns):
        perfect = dict.fromkeys(("accuracy_real", "accuracy_fake"), np.ones_like(columns["step"]))
        return columns | perfect | {"loss_d": np.full_like(columns["step"], 0.33)}

    rewrite(run, won, label_smoothing=0.1)
    assert names(run) == [STRONG]
    rewrite(run, won, label_smoothing=0.0)
    assert names(run) == [UNUSUAL]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0, 0.5), heavy=st.booleans())
def test_batch_noise_of_any_size_is_not_an_oscillation(seed, size, heavy):
    history = RunHistory(RECORDED / "healthy-mnist")
    random = np.random.default_rng(seed)
    for column in ("d_x", "d_g_z"):
        noise = random.standard_t(3, 600) if heavy else random.normal(size=600)
        history.metrics[column] = 0.5 + size * noise
    history.metrics["step"] = np.arange(1, 601) * 10
    assert diagnosis.oscillation(history) is None


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    period=st.floats(30, 90),
    height=st.floats(0.12, 0.4),
    phase=st.floats(0, 7),
    noise=st.floats(0, 0.05),
)
def test_slow_waves_are_found_under_noise(seed, period, height, phase, noise):
    history = RunHistory(RECORDED / "healthy-mnist")
    rows = np.arange(1, 601)
    wave = height * np.sin(2 * np.pi * rows / period + phase)
    history.metrics["step"] = rows * 10
    history.metrics["d_x"] = np.full(600, 0.5)
    history.metrics["d_g_z"] = 0.5 + wave + noise * np.random.default_rng(seed).normal(size=600)
    found = diagnosis.oscillation(history)
    turns = found.evidence["turns of D(G(z))"]
    assert abs(turns - 2 * 300 / period) <= 2  # two per wave, in the second half
    assert "turns of D(x)" not in found.evidence


def test_a_drift_or_a_few_jumps_are_not_an_oscillation(run):
    history = RunHistory(run)
    history.metrics["step"] = np.arange(1, 601) * 10
    history.metrics["d_x"] = np.linspace(0.9, 0.1, 600)
    jumps = np.full(600, 0.3)
    jumps[[320, 321, 322, 400, 401, 402, 520, 521, 522]] = 1
    history.metrics["d_g_z"] = jumps
    assert diagnosis.oscillation(history) is None


def test_turning_points():
    curve = np.array([0, 1, 3, 2, 2.5, 0, 0.5, 2, 4.0, 1])
    assert diagnosis.turning_points(curve, 1.5) == [0, 2, 5, 8]
    assert diagnosis.turning_points(curve, 3.5) == [0]  # the fall after the high of 4 is too short
    assert diagnosis.turning_points(np.ones(5), 0.1) == []


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(MIN_ROWS, 400),
    every=st.sampled_from([1, 7, 10, 500]),
    scale=st.sampled_from([0, 1e-30, 1, 1e6]),
    objective=st.sampled_from(["non-saturating", "minimax", "least-squares"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_numbers_can_be_diagnosed(rows, every, scale, objective, seed, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(RECORDED / "healthy-mnist", run)
    random = np.random.default_rng(seed)

    def random_columns(columns):
        step = every * np.arange(1.0, rows + 1)
        others = {name: scale * abs(random.normal(size=rows)) for name in columns if name not in ("step", "epoch")}
        return {"step": step, "epoch": step / 937} | others

    rewrite(run, random_columns, objective=objective)
    history = RunHistory(run)
    findings = diagnosis.diagnose(history)
    assert findings
    json.dumps([finding.evidence for finding in findings], allow_nan=False)
    plots.save_figure(run / "diagnosis.png", figure(history, findings))


# --- the command -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", ["vanishing-fashion", "waves-mnist", "collapse-classes", "healthy-fashion"])
def test_the_command_prints_findings_evidence_and_advice(recording, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(RECORDED / recording, run)
    assert minigan("diagnose", run) == 0
    out = capsys.readouterr().out
    positions = [out.index(name.upper()) for name in EXPECTED[recording]]
    assert positions == sorted(positions)
    assert out.count("Seen: ") == out.count("Try: ") == len(positions)
    assert out.rstrip().endswith(str(run / "diagnosis.png"))
    with Image.open(run / "diagnosis.png") as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"), int)
        assert pixels.shape[1] > 1500
    reddish = (pixels[..., 0] - pixels[..., 2] > 80) & (pixels[..., 1] < 90)  # the titles of panels with findings
    assert reddish.any() == (EXPECTED[recording] != [HEALTHY])


def test_the_command_prints_json(run, capsys):
    assert minigan("diagnose", run, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["figure"] == str(run / "diagnosis.png")
    assert report["now"] == {"from_step": 1130, "to_step": 1500}
    (found,) = report["findings"]
    assert set(found) == {"name", "words", "evidence", "advice"}
    assert found["name"] == HEALTHY
    assert found["evidence"]["Loss_D"] == pytest.approx(1.38, abs=0.01)


def text_of(run, name):
    return (run / name).read_text()


def damaged_scores(run):
    (run / "scores.json").write_text('{"samples": {}}')


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "metrics.csv").unlink(), "expected a column loss_d"),
        (lambda run: (run / "metrics.csv").write_text(""), "expected a column"),
        (lambda run: (run / "metrics.csv").write_bytes(b"\xff\xfe\x00nonsense"), "expected a column"),
        (
            lambda run: (run / "metrics.csv").write_text(text_of(run, "metrics.csv").replace("gradient_g", "norm_g")),
            "expected a column gradient_g",
        ),
        (
            lambda run: (run / "metrics.csv").write_text("".join(text_of(run, "metrics.csv").splitlines(True)[:20])),
            "expected at least 20 rows for a diagnosis, found 19",
        ),
        (
            lambda run: (run / "metrics.csv").write_text(text_of(run, "metrics.csv").replace("\n5", "\nx5")),
            "lines are damaged",
        ),
        (
            lambda run: (run / "metrics.csv").write_text(text_of(run, "metrics.csv").replace("\n50,", "\n5000,")),
            "expected whole steps that increase",
        ),
        (lambda run: rewrite(run, model="classifier"), "expected the run of a generator, found a classifier's"),
        (
            lambda run: rewrite(run, objective="least-squares", targets=[1.0, 1.0, 0.0]),
            "real and generated images have the same target",
        ),
        (lambda run: (run / "config.json").write_text("{"), "config.json: expected JSON"),
        (lambda run: (run / "config.json").unlink(), "expected the folder of a run"),
        (damaged_scores, "expected the scores that minigan evaluate writes"),
        (lambda run: (run / "scores.json").write_text("no"), "expected the scores that minigan evaluate writes"),
        (lambda run: (run / "scores.json").write_text("[1]"), "expected the scores that minigan evaluate writes"),
    ],
)
def test_a_run_that_cannot_be_diagnosed_gets_one_line(damage, message, run, capsys):
    damage(run)
    assert minigan("diagnose", run) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (run / "diagnosis.png").exists()


def test_the_last_line_of_a_killed_run_may_be_incomplete(run):
    path = run / "metrics.csv"
    path.write_text(path.read_text()[:-40])
    assert names(run) == [HEALTHY]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected the folder of a run"):
        RunHistory(tmp_path)
