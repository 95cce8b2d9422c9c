"""The command as people use it: what works, and that every mistake gets one line and changes nothing."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import minigan
from PIL import Image
from systems import posix

import minigan as minigan_package
from minigan import backend
from minigan.data import DATASETS
from minigan.inference.interpolation import METHODS
from minigan.losses import OBJECTIVES
from minigan.models import MODELS
from minigan.runs.config import Config, option
from minigan.runs.folder import RunFolder
from minigan.runs.presets import PRESETS
from minigan.runs.search import find_runs

TRAIN = ["train", "--batch-size", "8", "--width", "4", "--latent-dim", "8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    assert minigan(*TRAIN, "--max-steps", 4, "--out", path) == 0
    return path


def test_train_prints_where_the_files_are(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert minigan(*TRAIN, "--max-steps", 2) == 0
    assert minigan(*TRAIN, "--max-steps", 2) == 0
    out, err = capfd.readouterr()
    assert "minigan sample runs/shapes-2" in out
    for word in ("epoch 1/1", "Loss_D", "Loss_G", "D(x)", "D(G(z))", "images/s"):
        assert word in err
    assert minigan("train", "--resume", "--max-steps", 3) == 0
    assert RunFolder("runs/shapes-1").latest_checkpoint().step == 2
    assert RunFolder("runs/shapes-2").latest_checkpoint().step == 3
    assert minigan("train", "--resume", "--out", "runs/shapes-1", "--max-steps", 5) == 0
    assert RunFolder("runs/shapes-1").latest_checkpoint().step == 5


def test_training_resumes_from_a_single_checkpoint(run):
    path = RunFolder(run).checkpoint_paths()[0]
    assert minigan("train", "--resume", path, "--max-steps", 4) == 0


def test_samples_are_written_as_a_grid(run, tmp_path):
    assert minigan("sample", run, "--count", 10, "--out", tmp_path / "grid.png") == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (4 * 34 + 2, 3 * 34 + 2)
        assert grid.mode == "RGB"


def test_samples_are_the_same_in_an_array_and_in_files(run, tmp_path):
    assert minigan("sample", run, "--count", 5, "--seed", 3, "--out", tmp_path / "five.npz") == 0
    assert minigan("sample", run, "--count", 5, "--seed", 3, "--out", tmp_path / "five") == 0
    assert minigan("sample", run, "--count", 7, "--seed", 3, "--out", tmp_path / "seven.npz") == 0
    assert minigan("sample", run, "--count", 5, "--seed", 4, "--out", tmp_path / "other.npz") == 0
    arrays = {name: np.load(tmp_path / f"{name}.npz")["arr_0"] for name in ("five", "seven", "other")}
    assert arrays["five"].dtype == np.uint8
    assert arrays["five"].shape == (5, 32, 32, 3)
    assert (arrays["seven"][:5] == arrays["five"]).all()
    assert (arrays["other"] != arrays["five"]).any()
    files = sorted((tmp_path / "five").iterdir())
    assert [file.name for file in files] == [f"0000{i}.png" for i in range(5)]
    for file, array in zip(files, arrays["five"], strict=True):
        with Image.open(file) as image:
            assert (np.asarray(image) == array).all()


def test_samples_are_written_into_the_run_by_default(run):
    assert minigan("sample", run) == 0
    assert (run / "samples.png").exists()


def test_data_sets_are_listed_and_shown(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert minigan("data") == 0
    assert minigan("data", "list") == 0
    out = capsys.readouterr().out
    assert "shapes" in out
    assert "not found; minigan data fetch cifar10" in out
    assert minigan("data", "show", "shapes", "--count", 9, "--out", tmp_path / "grid.png") == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (3 * 34 + 2, 3 * 34 + 2)


def test_doctor_describes_the_machine(capsys):
    assert minigan("doctor") == 0
    out = capsys.readouterr().out
    for word in ("minigan", "numpy", "BLAS", "kernels", "threads", "backend", "GPU", "shapes", "cifar10"):
        assert word in out


def test_bench_measures_training_and_sampling(capsys):
    assert minigan("bench", "--batch-size", 4, "--width", 2, "--rounds", 2, "--seconds", 0.01, "--json") == 0
    result, *others = json.loads(capsys.readouterr().out)
    assert result["engine"] == "minigan"
    assert result["images_per_second"] > 0
    assert result["samples_per_second"] > 0
    if backend.on_cpu:
        assert not others
        assert 0 < result["of_blas_peak"] < 1.2
        assert result["peak_memory_mib"] > 20
    assert minigan("bench", "--batch-size", 4, "--width", 16, "--profile") == 0
    out = capsys.readouterr().out
    assert "conv2d_grad_input" in out
    assert "between them" in out
    assert minigan("bench", "--batch-size", 4, "--width", 2, "--rounds", 1, "--seconds", 0.01) == 0
    assert "images/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown COMMAND 'trian': did you mean 'train'?"),
        ([], "COMMAND"),
        (["train", "--epoch", "3"], "unknown argument --epoch: did you mean --epochs?"),
        (["train", "--epochs", "many"], "--epochs: invalid int value: 'many'"),
        (["train", "--data", "cifar"], "unknown data set 'cifar': did you mean 'cifar10'? Known:"),
        (["train", "--objective", "minmax"], "unknown objective 'minmax': did you mean 'minimax'?"),
        (["train", "--precision", "fp16"], "unknown precision 'fp16': did you mean"),
        (["train", "--batch-size", "1"], "--batch-size 1: batch normalization needs a batch of at least 2"),
        (["train", "--batch-size", "100000"], "expected at most the 20000 images of shapes"),
        (["train", "--lr", "-1"], "--lr -1.0: expected a number above 0"),
        (["train", "--lr", "nan"], "--lr nan: expected a number above 0"),
        (["train", "--betas", "0.5", "1"], "--betas 0.5 1.0: expected two numbers in [0, 1)"),
        (["train", "--epochs", "0"], "--epochs 0: expected 1 to"),
        (["train", "--max-steps", "0"], "--max-steps 0: expected 1 to"),
        (["train", "--width", "0"], "--width 0: expected 1 to 4096"),
        (["train", "--width", "99999999"], "--width 99999999: expected 1 to 4096"),
        (["train", "--latent-dim", "9999999999999999999"], "expected 1 to"),
        (["train", "--seed", "-1"], "--seed -1: expected 0 or more"),
        (["train", "--discriminator-steps", "0"], "--discriminator-steps 0: expected 1 to"),
        (["train", "--generator-steps", "0"], "--generator-steps 0: expected 1 to 1000"),
        (["train", "--generator-steps", "1001"], "--generator-steps 1001: expected 1 to 1000"),
        (["train", "--out", ""], "expected a name, got ''"),
        (["train", "--out", "."], "expected the name of a folder"),
        (["train", "--generator-batch-size", "1"], "--generator-batch-size 1: batch normalization needs a batch of at"),
        (["train", "--max-steps", "1", "--classifier", "nowhere"], "nowhere: expected the folder of a run"),
        (["train", "--out", "x" * 300], "File name too long"),
        (["train", "--data", "cifar10", "--root", "~nobody-of-this-name/x"], "~nobody-of-this-name"),
        (["train", "--data", "cifar10", "--root", "nowhere"], "nowhere"),
        (["train", "--root", "somewhere"], "shapes"),
        (["train", "--resume", "nowhere"], "nowhere: expected the folder of a run, found no config.json"),
        (["train", "--resume"], "--resume: expected the folder of a run, found none in runs/"),
        (["sample"], "RUN"),
        (["sample", "nowhere"], "nowhere: expected the folder of a run"),
        (["sample", "nowhere.safetensors"], "expected a checkpoint, found no such file"),
        (["sample", "nowhere", "--count", "0"], "--count 0: expected 1 to"),
        (["sample", "nowhere", "--count", "99999999999"], "expected 1 to"),
        (["sample", "nowhere", "--seed", "-5"], "--seed -5: expected 0 or more"),
        (["data", "fetch", "cifar100"], "did you mean 'cifar10'?"),
        (["data", "fetch", "shapes"], "shapes"),
        (["data", "show", "shape"], "did you mean 'shapes'?"),
        (["data", "frobnicate"], "unknown ACTION 'frobnicate'"),
        (["bench", "--against", "torhc"], "unknown PEER 'torhc': did you mean 'torch'?"),
        (["data", "show", "shapes", "--out", "shapes.jpg"], "expected NAME.png"),
        (["bench", "--rounds", "0"], "--rounds 0: expected 1 or more"),
        (["bench", "--seconds", "nan"], "--seconds nan: expected a number above 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert minigan(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []  # nothing was created


def test_mistakes_about_a_run_change_nothing_in_it(run, tmp_path, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    latest = RunFolder(run).checkpoint_paths()[-1]
    for arguments, message in [
        ([*TRAIN, "--out", run], "holds another run; continue it with `minigan train --resume"),
        ([*TRAIN, "--out", tmp_path / "file"], "expected a folder, found a file"),
        (["train", "--resume", run, "--width", 8], "--width 8: this run was started with 4"),
        (["train", "--resume", run, "--data", "cifar10"], "--data cifar10: this run was started with shapes"),
        (["train", "--resume", run, "--out", tmp_path / "else"], "a resumed run stays in its folder"),
        (["sample", run, "--out", "image.jpg"], "got the ending '.jpg'"),
        (["sample", run, "--out", tmp_path / "full"], "expected a new or empty folder"),
        (["sample", run, "--out", tmp_path / "file"], "expected a new or empty folder"),
    ]:
        assert minigan(*arguments) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"

    latest.write_bytes(latest.read_bytes()[:-10])
    for arguments in (["sample", run], ["train", "--resume", run]):
        assert minigan(*arguments) == 2
        assert "cut short" in capsys.readouterr().err
    latest.write_bytes(before[latest])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace('"shapes"', '"shpaes"', 1),
            "data is shpaes, but the checkpoint was trained with shapes",
        ),
        (
            lambda text: text.replace('"lr": 0.0002', '"lr": 0.001'),
            "lr is 0.001, but the checkpoint was trained with 0.0002",
        ),
        (lambda text: text.replace('"width": 4', '"width": 4.0'), "width: expected int, got 4.0"),
        (lambda text: text.replace('"width": 4', '"width": "4"'), "width: expected int, got '4'"),
        (lambda text: text.replace('"keep": 2', '"keep": null'), "keep: expected int, got None"),
    ],
)
def test_an_altered_setting_in_the_config_is_named(run, tmp_path, capsys, change, message):
    shutil.copytree(run, tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    text = config.read_text()
    assert change(text) != text
    config.write_text(change(text))
    assert minigan("train", "--resume", tmp_path / "run", "--max-steps", 9) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_newest_run_is_not_another_tools_folder(tmp_path, capsys, monkeypatch):
    """Only a run is resumed, whatever else there is in runs/; a run whose config.json is damaged still counts."""
    monkeypatch.chdir(tmp_path)
    assert minigan(*TRAIN, "--max-steps", 2) == 0
    later = 2**32
    for number, content in enumerate(OTHER_CONFIGS):
        folder = tmp_path / "runs" / f"other-{number}"
        folder.mkdir()
        if content is None:
            (folder / "config.json").mkdir()
        else:
            (folder / "config.json").write_bytes(content)
        os.utime(folder / "config.json", (later, later))
    assert minigan("train", "--resume", "--max-steps", 3) == 0
    assert RunFolder("runs/shapes-1").latest_checkpoint().step == 3
    assert [path.name for path in find_runs("runs")] == ["shapes-1"]
    (tmp_path / "runs" / "shapes-1" / "config.json").write_text("damaged")
    assert [path.name for path in find_runs("runs")] == ["shapes-1"]


OTHER_CONFIGS = [
    b"",
    b"[]",
    b"{",
    b"null",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"model": ["a", "list"], "data": {}}',
    b'{"model": "bert", "data": "wikipedia"}',
    b'{"model": 1, "data": 2, "betas": 3}',
    b'{"seed": ' + b"9" * 5000 + b"}",
    None,  # a folder of this name
]


@pytest.mark.filterwarnings("default")
def test_a_classifier_that_scores_nothing_is_checked_and_said_to_be_unused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert minigan(*TRAIN, "--model", "classifier", "--max-steps", 1, "--out", "scorer") == 0
    command = [*TRAIN, "--max-steps", 1, "--classifier", "scorer", "--out"]
    assert minigan(*command, "run") == 0
    warning = "minigan: warning: --classifier scorer is not used: "
    assert f"{warning}it scores samples with --evaluate-every" in capsys.readouterr().err
    assert minigan(*command, "second", "--model", "classifier", "--evaluate-every", 1) == 0
    assert f"{warning}a classifier generates no samples" in capsys.readouterr().err
    assert minigan(*command, "third", "--data", "digits") == 2
    assert "--classifier scorer: expected one for digits, found one for shapes" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("damage", ["", "step,epoch\n1,2\n", "nonsense", "\xff\xfe", "header only"])
def test_training_continues_despite_a_damaged_metrics_file(run, tmp_path, damage):
    shutil.copytree(run, tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.csv"
    metrics.write_bytes(metrics.read_bytes()[:40] if damage == "header only" else damage.encode("latin1"))
    assert minigan("train", "--resume", tmp_path / "run", "--max-steps", 6) == 0
    assert RunFolder(tmp_path / "run").read_metrics()["step"].tolist() == [6]


@posix
def test_a_file_error_gets_one_line(run, tmp_path, capsys):
    """The message of the operating system, without a traceback; no existing file is replaced."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "else")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "curves.png").write_text("mine")
    for arguments in [
        [*TRAIN, "--out", tmp_path / "file" / "sub"],
        [*TRAIN, "--out", tmp_path / "dangling" / "sub"],
        [*TRAIN, "--out", tmp_path / "mine"],
        ["sample", run, "--out", tmp_path / "file" / "x.png"],
        ["sample", run, "--out", tmp_path / "folder.png"],
        ["sample", run, "--out", "/dev/null/x.png"],
        ["data", "show", "shapes", "--out", tmp_path / "folder.png"],
    ]:
        assert minigan(*arguments) == 2, arguments
        error = capsys.readouterr().err
        assert error.count("\n") == 1, error
        assert error.startswith("minigan: error: ")
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["curves.png"]


@posix
def test_an_image_is_written_through_a_link_and_never_over_a_device(run, tmp_path, capsys):
    (tmp_path / "link.png").symlink_to(tmp_path / "target.png")
    assert minigan("sample", run, "--out", tmp_path / "link.png") == 0
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "target.png").is_file()
    os.mkfifo(tmp_path / "pipe.png")
    assert minigan("sample", run, "--out", tmp_path / "pipe.png") == 2
    assert "found a device or pipe" in capsys.readouterr().err


# --- help --------------------------------------------------------------------------------------------------------


def imported_by(*arguments):
    """The modules that a command imports, which succeeds."""
    command = [sys.executable, "-X", "importtime", "-m", "minigan", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout
    return {line.split("|")[-1].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["diagnose", "--help"]], ids=" ".join)
def test_help_is_quick(arguments):
    assert imported_by(*arguments).isdisjoint({"numpy", "matplotlib", "tqdm", "pooch", "PIL"})


def test_help_from_the_registries_imports_only_what_it_lists():
    imported = imported_by("train", "--help")
    assert "minigan.models" in imported
    assert imported.isdisjoint({"matplotlib", "tqdm", "pooch", "PIL", "safetensors", "minigan.training"})


def test_sampling_and_evaluation_do_not_import_training(run, tmp_path):
    imported = imported_by("sample", str(run), "--count", "2", "--out", str(tmp_path / "two.png"))
    assert "minigan.inference.sampler" in imported
    assert imported.isdisjoint({"minigan.training", "minigan.optim", "tqdm"})
    assert imported_by("evaluate", "--help").isdisjoint({"minigan.training", "minigan.optim"})


@pytest.fixture
def help_of(capsys, monkeypatch):
    """The help of a command, without the line breaks that fit it to a terminal."""
    monkeypatch.setenv("COLUMNS", "1000")

    def text(*arguments):
        assert minigan(*arguments, "--help") == 0
        return capsys.readouterr().out

    return text


def test_the_help_of_train_has_every_setting(help_of):
    text = help_of("train")
    for name in (*vars(Config()), "out", "resume", "no_graph"):
        assert f"\n  {option(name)} " in text, name


def test_the_help_of_train_lists_the_registries(help_of):
    lines = [line.strip() for line in help_of("train").splitlines()]
    for registry in (DATASETS, MODELS):
        for name, entry in registry.items():
            assert any(
                re.search(rf"(^|  ){name}( \(default\))?: {re.escape(entry.description)}$", line) for line in lines
            )
    for name in (*OBJECTIVES, *PRESETS):
        assert any(re.search(rf"(^|  ){name}( \(default\))?: ", line) for line in lines), name
    assert sum("(default): " in line for line in lines) == 3
    assert any("lsgan-cifar10: --data cifar10" in line and "--targets -1 1 0" in line for line in lines)


def test_the_help_of_train_has_the_defaults_of_the_registries(help_of):
    lines = {line.split()[0]: line for line in help_of("train").splitlines() if line.startswith("  --")}
    assert "(default: 50; with --data shapes 4, digits 8, mnist 20, " in lines["--epochs"]
    assert lines["--epochs"].endswith("; with --model classifier 10)")
    assert lines["--lr"].endswith("(default: 0.0002; with --model classifier 0.001)")
    assert lines["--betas"].endswith("(default: 0.5 0.999; with --model classifier 0.9 0.999)")
    assert lines["--image-size"].endswith("(default: none; with --data folder 64)")
    assert lines["--seed"].endswith("(default: 0)")
    # A model's default takes precedence over the data set's, even if it is the general one.
    assert lines["--width"].endswith("; with --model dense-gan 256, convolutional-gan 32, cgan 64, classifier 32)")
    assert Config.of_run(data="shapes", model="cgan").width == 64


def test_a_new_model_appears_in_the_help(help_of, monkeypatch):
    new = dataclasses.replace(MODELS["dcgan"], description="100 % new", defaults={"lr": 0.125})
    monkeypatch.setitem(MODELS, "new-gan", new)
    text = help_of("train")
    assert "new-gan: 100 % new\n" in text
    assert "new-gan 0.125)" in text


def test_other_commands_list_the_registries_too(help_of):
    assert all(name in help_of("data", "show") for name in DATASETS)
    assert "cifar10, mnist, fashion-mnist" in help_of("data", "fetch")
    assert " or ".join(METHODS) in help_of("sample")
    assert "fp32, tf32, bf16" in help_of("bench")


@pytest.mark.parametrize(
    "arguments", [["train", "--help"], ["train", "--max-steps", "1"], ["bench"], ["data", "list"]], ids=" ".join
)
def test_an_unknown_backend_gets_one_line(arguments, tmp_path):
    done = without_a_backend(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "minigan: error: unknown MINIGAN_BACKEND 'nmupy': did you mean 'numpy'? Known: numpy, cupy\n"
    assert list(tmp_path.iterdir()) == []


def test_help_and_minigan_doctor_work_with_an_unknown_backend():
    assert without_a_backend("--help").returncode == 0
    report = without_a_backend("doctor")
    assert report.returncode == 0
    assert "backend      none: unknown MINIGAN_BACKEND 'nmupy'" in report.stdout
    for word in ("BLAS", "workers", "GPU", "cifar10"):
        assert word in report.stdout


def without_a_backend(*arguments, cwd=None):
    package = str(Path(minigan_package.__file__).parents[1])
    environment = os.environ | {"MINIGAN_BACKEND": "nmupy", "PYTHONPATH": package}
    command = [sys.executable, "-m", "minigan", *arguments]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)


def test_the_version_is_printed(capsys):
    assert minigan("--version") == 0
    assert capsys.readouterr().out.startswith("minigan 0.")
