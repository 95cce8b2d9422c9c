"""Sampling from a trained run: classes, paths between latent points, the history, and options that contradict."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence

import minigan as mg
from minigan import cli, plots
from minigan.backend import asarray, to_numpy
from minigan.errors import UserError
from minigan.inference.interpolation import METHODS, spherical, walk
from minigan.inference.sampler import Sampler, enlarge, epoch_grids, sample
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import loop

SMALL = {"batch_size": 8, "width": 4, "latent_dim": 8}
EPOCHS = 3
CLASSES = "circle, square, triangle, star, cross, ring, heart, diamond, crescent, arrow"


def trained(path, **settings):
    folder = RunFolder.create(path)
    loop.train(loop.make_trainer(Config(**SMALL | settings), mg.data.load("shapes", count=40)), folder)
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A run of a few steps with a high learning rate, so that its images differ, unlike those of initial weights."""
    return trained(tmp_path_factory.mktemp("runs") / "cgan", model="cgan", epochs=EPOCHS, lr=0.02)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without classes, and without the images of its epochs, like one that has just started."""
    folder = trained(tmp_path_factory.mktemp("runs") / "dcgan", epochs=EPOCHS, lr=2e-3)
    for path in folder.samples.glob("epoch_*.png"):
        path.unlink()
    return folder


@pytest.fixture(scope="module")
def sampler(conditional):
    return Sampler(conditional.latest_checkpoint())


def run_sample(*arguments):
    """The exit status of `minigan sample`, run in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["sample", *(str(argument) for argument in arguments)])
    return stop.value.code


def images_of(path):
    return np.load(path)["arr_0"]


def frames_of(path):
    with Image.open(path) as animation:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]


# --- classes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["star", "3"])
def test_one_class_can_be_chosen(conditional, sampler, tmp_path, capsys, name):
    assert run_sample(conditional.path, "--class", name, "--count", 5, "--seed", 2, "--out", tmp_path / "five.npz") == 0
    assert "5 images of class star from" in capsys.readouterr().out
    noise = sampler.noise(5, 2)
    five = images_of(tmp_path / "five.npz")
    assert (five == sampler.generate(noise, np.full(5, 3))).all()
    assert (five != sampler.generate(noise, np.full(5, 4))).any()


def test_by_default_the_classes_come_in_turn(conditional, sampler, tmp_path):
    assert run_sample(conditional.path, "--count", 12, "--out", tmp_path / "twelve.npz") == 0
    twelve = images_of(tmp_path / "twelve.npz")
    assert (twelve == sampler.generate(sampler.noise(12), np.arange(12) % 10)).all()
    assert (twelve == sample(conditional.latest_checkpoint(), 12)).all()


def test_class_names_take_precedence_over_numbers():
    sampler = Sampler.__new__(Sampler)
    sampler.conditional, sampler.class_names = True, ("7", "1", "0")
    assert [sampler.label(name) for name in ("7", "1", "0", "2")] == [0, 1, 2, 2]


def test_the_grid_has_a_row_for_each_class_with_the_same_noise(conditional, sampler, tmp_path, capsys):
    assert run_sample(conditional.path, "--grid", "--count", 3, "--seed", 1, "--out", tmp_path / "grid.npz") == 0
    out = capsys.readouterr().out
    assert "10 classes × 3 noises" in out
    assert f"row by row: {CLASSES}" in out
    grid = images_of(tmp_path / "grid.npz").reshape(10, 3, 32, 32, 3)
    for label, row in enumerate(grid):
        assert (row == sampler.generate(sampler.noise(3, 1), np.full(3, label))).all()
    assert (grid[0] != grid[1]).any()
    assert run_sample(conditional.path, "--grid") == 0
    with Image.open(conditional.path / "class_grid.png") as image:
        assert image.size == (8 * 34 + 2, 10 * 34 + 2)


# --- paths between latent points -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_each_row_is_a_path_from_one_point_to_another(plain, tmp_path, method):
    options = ["--interpolate", method, "--count", 3, "--steps", 5, "--seed", 4]
    assert run_sample(plain.path, *options, "--out", tmp_path / "rows.npz") == 0
    sampler = Sampler(plain.latest_checkpoint())
    points = to_numpy(sampler.noise(6, 4))
    noise = np.concatenate([METHODS[method](points[2 * i], points[2 * i + 1], 5) for i in range(3)])
    rows = images_of(tmp_path / "rows.npz")
    assert rows.shape == (15, 32, 32, 3)
    assert len(np.unique(rows, axis=0)) == 15
    assert (rows == sampler.generate(asarray(noise))).all()
    assert run_sample(plain.path, *options[:2]) == 0
    with Image.open(plain.path / "interpolation.png") as image:
        assert image.size == (8 * 34 + 2, 8 * 34 + 2)


def test_each_row_has_one_class(conditional, sampler, tmp_path, capsys):
    options = ["--interpolate", "spherical", "--count", 3, "--steps", 4]
    noise = sampler.noise(6)
    noise = spherical(noise[0::2], noise[1::2], 4).reshape(12, -1)
    assert run_sample(conditional.path, *options, "--out", tmp_path / "rows.npz") == 0
    assert "row by row: circle, square, triangle\n" in capsys.readouterr().out
    assert (images_of(tmp_path / "rows.npz") == sampler.generate(noise, np.array([0, 1, 2]).repeat(4))).all()
    assert run_sample(conditional.path, *options, "--class", "ring", "--out", tmp_path / "ring.npz") == 0
    assert "row by row" not in capsys.readouterr().out
    assert (images_of(tmp_path / "ring.npz") == sampler.generate(noise, np.full(12, 5))).all()


def test_an_animation_walks_through_the_points(conditional, sampler, plain, tmp_path, capsys):
    options = ["--interpolate", "spherical", "--count", 3, "--steps", 4, "--seed", 6]
    assert run_sample(conditional.path, *options, "--class", "heart", "--out", tmp_path / "walk.gif") == 0
    assert "12 frames through 3 points of class heart, spherical" in capsys.readouterr().out
    expected = sampler.generate(walk(sampler.noise(3, 6), 4, "spherical"), np.full(12, 6))
    frames = frames_of(tmp_path / "walk.gif")
    assert len(frames) == 12
    for frame, image in zip(frames, expected, strict=True):
        assert frame.shape == (128, 128, 3)
        assert np.abs(frame[::4, ::4].astype(int) - image).mean() < 4  # 256 colours
    assert (sampler.closed_walk(2, 2, "linear") == sampler.closed_walk(2, 2, "linear", label=0)).all()
    assert run_sample(plain.path, *options, "--out", tmp_path / "plain.GIF") == 0
    assert len(frames_of(tmp_path / "plain.GIF")) == 12


def test_images_are_enlarged_by_a_whole_number():
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 20, 1)).astype(np.uint8)
    large = enlarge(images)
    assert large.shape == (2, 112, 80, 1)
    assert all((large[:, i::4, j::4] == images).all() for i in range(4) for j in range(4))
    assert enlarge(np.zeros((1, 200, 200, 3), np.uint8)).shape == (1, 200, 200, 3)


# --- the history ---------------------------------------------------------------------------------------------


def test_the_history_has_a_frame_for_each_epoch(conditional, tmp_path, capsys):
    assert run_sample(conditional.path, "--history") == 0
    assert f"frames: {EPOCHS}" in capsys.readouterr().out
    frames = frames_of(conditional.path / "history.gif")
    assert len(frames) == EPOCHS
    for number, frame in enumerate(frames, 1):
        with Image.open(conditional.epoch_samples(number)) as image:
            assert frame.shape == np.asarray(image).shape
            assert np.abs(frame.astype(int) - np.asarray(image)).mean() < 6
    assert run_sample(conditional.path, "--history", "--out", tmp_path / "other.gif") == 0
    assert (tmp_path / "other.gif").read_bytes() == (conditional.path / "history.gif").read_bytes()


def test_the_history_is_in_the_order_of_the_epochs(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    for epoch in (10000, 2, 9999):
        plots.save_image(run.epoch_samples(epoch), np.full((4, 6, 1), epoch % 256, np.uint8))
    frames = epoch_grids(run)
    assert [frame.shape for frame in frames] == [(4, 6, 1)] * 3
    assert [frame[0, 0, 0] for frame in frames] == [2, 9999 % 256, 10000 % 256]
    plots.save_image(run.epoch_samples(3), np.zeros((5, 6, 1), np.uint8))
    with pytest.raises(
        UserError, match=r"epoch_0003.png: expected an image of shape \(4, 6, 1\), like the first one, got \(5, 6, 1\)"
    ):
        epoch_grids(run)
    run.epoch_samples(3).write_bytes(run.epoch_samples(2).read_bytes()[:40])
    with pytest.raises(UserError, match=r"epoch_0003.png: expected an image \(PNG\)"):
        epoch_grids(run)


def test_an_animation_keeps_greys_and_its_timing(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 20, 30, 1)).astype(np.uint8)
    plots.save_animation(tmp_path / "grey.gif", frames, seconds_per_frame=0.07)
    read = frames_of(tmp_path / "grey.gif")
    assert (np.stack(read)[..., :1] == frames).all()
    with Image.open(tmp_path / "grey.gif") as animation:
        assert animation.info["loop"] == 0
        assert animation.info["duration"] == 70
    assert [path.name for path in tmp_path.iterdir()] == ["grey.gif"]


def test_an_animation_keeps_few_colours_exactly(tmp_path):
    palette = np.random.default_rng(1).integers(0, 256, (3, 100, 3)).astype(np.uint8)  # each frame has its own
    frames = [colours[np.random.default_rng(2).integers(0, 100, (20, 30))] for colours in palette]
    plots.save_animation(tmp_path / "colours.gif", frames)
    for frame, read in zip(frames, frames_of(tmp_path / "colours.gif"), strict=True):
        assert np.abs(frame.astype(int) - read).max() <= 4


# --- which checkpoint ----------------------------------------------------------------------------------------


def test_the_best_or_the_last_checkpoint_can_be_chosen(conditional, tmp_path, capsys):
    run = RunFolder(tmp_path / "run")
    shutil.copytree(conditional.path, run.path)
    assert run_sample(run.path, "--checkpoint", "best", "--out", tmp_path / "best.npz") == 2
    assert "expected the best checkpoint, found none" in capsys.readouterr().err
    first, last = run.checkpoint_paths()
    shutil.copy(first, run.best_path)
    for name, path in {"best": first, "last": last}.items():
        assert run_sample(run.path, "--checkpoint", name, "--count", 3, "--out", tmp_path / f"{name}.npz") == 0
        assert run_sample(path, "--count", 3, "--out", tmp_path / "one.npz") == 0
        assert (images_of(tmp_path / f"{name}.npz") == images_of(tmp_path / "one.npz")).all()
    assert (images_of(tmp_path / "best.npz") != images_of(tmp_path / "last.npz")).any()


def test_a_checkpoint_can_be_given_instead_of_a_run(conditional, tmp_path):
    shutil.copy(conditional.checkpoint_paths()[-1], tmp_path / "some.safetensors")
    assert run_sample(tmp_path / "some.safetensors", "--grid", "--count", 2) == 0
    assert (tmp_path / "class_grid.png").exists()


# --- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--class star --grid", "--grid with --class: expected one of the two, not both"),
        ("--grid --interpolate linear", "--grid with --interpolate: expected one of the two"),
        ("--history --interpolate linear", "--history with --interpolate: expected one of the two"),
        ("--history --class 0", "--history with --class: expected one of the two"),
        ("--history --grid", "--history with --grid: expected one of the two"),
        ("--history --count 3", "--history with --count: expected one of the two"),
        ("--history --seed 0", "--history with --seed: expected one of the two"),
        ("--history --checkpoint last", "--history with --checkpoint: expected one of the two"),
        ("--history --out h.png", "--out h.png: expected NAME.gif for --history"),
        ("--steps 5", "--steps 5: expected --interpolate as well"),
        ("--history --steps 5", "--steps 5: expected --interpolate as well"),
        ("--interpolate linear --steps 1", "--steps 1: expected 2 to 1000"),
        ("--interpolate linear --steps 1001", "--steps 1001: expected 2 to 1000"),
        ("--interpolate linear --count 1001", "--count 1001: expected 1 to 1000"),
        ("--grid --count 0", "--count 0: expected 1 to 1000"),
        ("--interpolate spherial", "did you mean 'spherical'?"),
        ("--interpolate linear --count 1 --out w.gif", "--count 1: expected at least 2 points to walk between"),
        (
            "--out s.gif",
            "--out s.gif: expected NAME.png, NAME.npz or a folder; .gif is for --interpolate and --history",
        ),
        ("--grid --out s.GIF", "--out s.GIF: expected NAME.png, NAME.npz or a folder"),
        ("--class star --out s.gif", "--out s.gif: expected NAME.png, NAME.npz or a folder"),
        ("--checkpoint bset", "did you mean 'best'?"),
        ("--class hart", f"unknown class 'hart': did you mean 'heart'? Known: {CLASSES}"),
        ("--class 10", f"unknown class '10': Known: {CLASSES}"),
        ("--class -1", f"unknown class '-1': Known: {CLASSES}"),
        ("--class=", f"unknown class '': Known: {CLASSES}"),
    ],
)
def test_the_error_for_a_mistake_is_one_line(conditional, arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path for path in conditional.path.rglob("*")}
    assert run_sample(conditional.path, *arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []
    assert {path for path in conditional.path.rglob("*")} == before


@pytest.mark.parametrize("option", [["--class", "star"], ["--class", "0"], ["--grid"]])
def test_a_run_that_is_not_conditional_has_no_classes(plain, option, tmp_path, capsys):
    assert run_sample(plain.path, *option, "--out", tmp_path / "x.png") == 2
    error = capsys.readouterr().err
    assert "this run's model, dcgan, is not conditioned on a class" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_images_of_epochs_has_no_history(plain, tmp_path, capsys):
    assert run_sample(plain.path, "--history", "--out", tmp_path / "history.gif") == 2
    error = capsys.readouterr().err
    assert "expected the images of epochs, found none" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_has_no_history_and_no_other_checkpoint(conditional, tmp_path, capsys):
    path = conditional.checkpoint_paths()[-1]
    for option, message in [
        (["--history"], "expected the folder of a run"),
        (["--checkpoint", "best"], "--checkpoint best: expected a run's folder, got the checkpoint"),
    ]:
        assert run_sample(path, *option, "--out", tmp_path / "x.gif") == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# --- imports -------------------------------------------------------------------------------------------------


def test_sampling_imports_nothing_that_only_training_needs(conditional, tmp_path):
    code = (
        "import sys\n"
        "from minigan import cli\n"
        "try:\n"
        f"    cli.main(['sample', {str(conditional.path)!r}, '--count', '2', '--out', {str(tmp_path / 'two.npz')!r}])\n"
        "except SystemExit as stop:\n"
        "    assert stop.code == 0, stop.code\n"
        "print('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    imported = set(done.stdout.split())
    assert "minigan.inference.sampler" in imported
    needed_for_training = ("minigan.training", "minigan.optim", "minigan.data.batches", "minigan.ops.gpu.graph")
    assert [name for name in imported if name.startswith(needed_for_training)] == []
    assert images_of(tmp_path / "two.npz").shape == (2, 32, 32, 3)
