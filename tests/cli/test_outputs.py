"""No command writes over a file of a run, or over a file of another kind than it writes."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command import minigan
from systems import posix

from minigan import plots
from minigan.errors import UserError
from minigan.inference.sampler import save_images
from minigan.runs.outputs import KINDS, require_output

TRAIN = ["train", "--data", "digits", "--model", "dense-gan", "--batch-size", 8, "--width", 4, "--latent-dim", 8]
OWN = ["config.json", "metrics.csv", "scores.csv", "curves.png", ".lock", "samples", "checkpoints"]

# Every way to write a file whose name the user chooses: the arguments, and the ending that they expect.
COMMANDS = {
    "evaluate": (["evaluate", "RUN", "--count", 200], ".json"),
    "sample": (["sample", "RUN", "--count", 2], ".png"),
    "sample an array": (["sample", "RUN", "--count", 2], ".npz"),
    "sample a folder": (["sample", "RUN", "--count", 2], ""),
    "interpolate": (["sample", "RUN", "--interpolate", "linear", "--count", 2, "--steps", 2], ".gif"),
    "history": (["sample", "RUN", "--history"], ".gif"),
    "report": (["report", "RUN"], ".html"),
    "data show": (["data", "show", "digits", "--count", 2], ".png"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    assert minigan(*TRAIN, "--max-steps", 3, "--checkpoint-every", 1, "--log-every", 1, "--out", path) == 0
    plots.save_image(path / "samples" / "epoch_0001.png", np.zeros((4, 4, 1), np.uint8))
    (path / "scores.csv").write_text("step,epoch,diversity\n3,1,0.5\n")
    return path


def contents(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def refused(capsys, command, run, out):
    arguments = [run if argument == "RUN" else argument for argument in COMMANDS[command][0]]
    assert minigan(*arguments, "--out", out) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_is_never_written_over(command, run, capsys):
    before = contents(run)
    files = [*before, *(run / name for name in ("samples", "checkpoints"))]
    files += [run / "samples" / f"new{COMMANDS[command][1]}", run / "checkpoints" / "a" / f"b{COMMANDS[command][1]}"]
    for path in files:
        refused(capsys, command, run, path)
    assert contents(run) == before
    assert not (run / "checkpoints" / "a").exists()


@posix
@pytest.mark.parametrize("name", ["config.json", "metrics.csv", "curves.png", "checkpoints/step_00000003.safetensors"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_link_does_not_help(command, name, run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    before = contents(tmp_path / "run")
    link = tmp_path / f"link{COMMANDS[command][1]}"
    link.symlink_to(tmp_path / "run" / name)
    refused(capsys, command, run, link)
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_of_another_kind_is_kept(command, run, tmp_path, capsys):
    ending = COMMANDS[command][1]
    for content in (b"my thesis", b'{"name": "a package"}', b"[1]", b"\xff\xd8\xff\xe0 a JPEG", b"<html>mine</html>"):
        mine = tmp_path / f"mine{ending}"
        mine.write_bytes(content)
        refused(capsys, command, run, mine)
        assert mine.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]  # no neighbours.png either


def test_a_data_set_is_not_replaced_by_samples(run, tmp_path, capsys):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3), y_train=np.ones(3))
    before = contents(tmp_path)
    refused(capsys, "sample an array", run, tmp_path / "mnist.npz")
    with pytest.raises(UserError, match=r"another \.npz file of samples, found something else"):
        save_images(np.zeros((1, 4, 4, 1), np.uint8), tmp_path / "mnist.npz")
    assert contents(tmp_path) == before


def test_a_file_of_the_same_kind_is_replaced(run, tmp_path):
    for command in ("sample", "sample an array", "interpolate", "report", "data show"):
        arguments, ending = COMMANDS[command]
        out = tmp_path / f"{command}{ending}".replace(" ", "-")
        arguments = [run if argument == "RUN" else argument for argument in arguments]
        assert minigan(*arguments, "--out", out) == 0
        first = out.read_bytes()
        assert minigan(*arguments, "--out", out) == 0
        assert len(out.read_bytes()) == len(first)
        out.write_bytes(b"")  # as mktemp leaves it: nothing is lost
        assert minigan(*arguments, "--out", out) == 0
        assert len(out.read_bytes()) == len(first)


def test_diagnose_keeps_a_file_that_is_not_its_figure(tmp_path, capsys):
    shutil.copytree(Path(__file__).parents[1] / "recorded" / "healthy-mnist", tmp_path / "run")
    (tmp_path / "run" / "diagnosis.png").write_text("my notes")
    assert minigan("diagnose", tmp_path / "run") == 2
    assert "expected a new file or another PNG image" in capsys.readouterr().err
    assert (tmp_path / "run" / "diagnosis.png").read_text() == "my notes"


def test_each_kind_recognizes_only_its_own(tmp_path, run):
    recorded = Path(__file__).parents[1] / "recorded" / "collapse-classes" / "scores.json"
    assert minigan("report", run, "--out", tmp_path / "report.html") == 0
    plots.save_image(tmp_path / "image", np.zeros((2, 2, 1), np.uint8))
    plots.save_animation(tmp_path / "animation", [np.zeros((2, 2, 1), np.uint8)])
    np.savez(tmp_path / "array.npz", np.zeros(2))
    with zipfile.ZipFile(tmp_path / "zip", "w") as file:
        file.writestr("arr_0.txt", "")
    files = {
        "PNG image": tmp_path / "image",
        "GIF animation": tmp_path / "animation",
        ".npz file of samples": tmp_path / "array.npz",
        "file of scores": recorded,
        "report of minigan": tmp_path / "report.html",
    }
    assert files.keys() == KINDS.keys()
    for kind, recognizes in KINDS.items():
        assert [name for name, path in files.items() if recognizes(path)] == [kind]
        assert not recognizes(tmp_path / "zip")


def test_a_project_that_is_no_run_may_have_a_folder_called_samples(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model": "bert", "data": "wikipedia"}))
    require_output(tmp_path / "samples" / "new.png", "PNG image")
    require_output(tmp_path / "curves.png", "PNG image")
