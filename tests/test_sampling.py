"""Pictures from a trained run: classes, ways between latent points, the history; options that contradict each other."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

import minigan as mg
from minigan import cli, plots, sampling, training
from minigan.backend import asarray, to_numpy
from minigan.config import Config
from minigan.errors import UserError
from minigan.interpolation import METHODS, linear, spherical, walk
from minigan.run_folder import RunFolder
from minigan.sampling import Sampler

SMALL = {"batch_size": 8, "width": 4, "latent_dim": 8}
EPOCHS = 3
CLASSES = "circle, square, triangle, star, cross, ring, heart, diamond, crescent, arrow"


def trained(path, **settings):
    folder = RunFolder.create(path)
    training.train(training.Trainer(Config(**SMALL | settings), mg.data.load("shapes", count=40)), folder)
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A few steps with a high rate: after them pictures differ from each other, which at first they hardly do."""
    return trained(tmp_path_factory.mktemp("runs") / "cgan", model="cgan", epochs=EPOCHS, lr=0.02)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run of a generator that is not told the class; without pictures of its epochs, as one that has just begun."""
    folder = trained(tmp_path_factory.mktemp("runs") / "dcgan", epochs=EPOCHS, lr=2e-3)
    for path in folder.samples.glob("epoch_*.png"):
        path.unlink()
    return folder


@pytest.fixture(scope="module")
def sampler(conditional):
    return Sampler(conditional.latest_checkpoint())


def sample(*arguments):
    """The exit status of `minigan sample`, run in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["sample", *(str(argument) for argument in arguments)])
    return stop.value.code


def pictures_of(path):
    return np.load(path)["arr_0"]


def frames_of(path):
    with Image.open(path) as animation:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]


# --- the formulas --------------------------------------------------------------------------------------------


def textbook(a, b, steps):
    """Slerp as Shoemake and White write it, one point after the other."""
    omega = np.arccos(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
    return np.array(
        [
            (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)
            for t in (i / (steps - 1) for i in range(steps))
        ]
    )


@st.composite
def pairs(draw):
    """Two random points of one dimension, 2 to 64."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.normal(size=(2, draw(st.integers(2, 64)))) * draw(st.sampled_from([1e-3, 1.0, 1e3]))


steps_drawn = st.integers(2, 12)


def angles(points):
    """The angle between each of `points` and the next, from the chord: 2·asin(|u − v| / 2)."""
    units = points / np.linalg.norm(points, axis=-1, keepdims=True)
    return 2 * np.arcsin(np.minimum(np.linalg.norm(np.diff(units, axis=0), axis=-1) / 2, 1))


@given(pairs(), steps_drawn)
def test_linear_has_equal_steps(pair, steps):
    points = linear(*pair, steps)
    assert points.shape == (steps, pair.shape[1])
    assert (points[0] == pair[0]).all()
    assert (points[-1] == pair[1]).all()
    np.testing.assert_allclose(np.diff(points, axis=0), [(pair[1] - pair[0]) / (steps - 1)] * (steps - 1), atol=1e-9)


@given(pairs(), steps_drawn)
def test_spherical_is_the_textbook_formula(pair, steps):
    points = spherical(*pair, steps)
    assert (points[0] == pair[0]).all()
    assert (points[-1] == pair[1]).all()
    if 0.01 < angles(pair)[0] < np.pi - 0.01:
        np.testing.assert_allclose(points, textbook(*pair, steps), atol=1e-9 * np.abs(pair).max())


@given(pairs(), steps_drawn)
def test_between_equal_lengths_the_length_stays_and_the_angles_are_equal(pair, steps):
    a, b = pair[0], pair[1] * (np.linalg.norm(pair[0]) / np.linalg.norm(pair[1]))
    points = spherical(a, b, steps)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), np.linalg.norm(a), rtol=1e-9)
    np.testing.assert_allclose(angles(points), angles(np.stack([a, b]))[0] / (steps - 1), atol=1e-6)


@given(pairs(), steps_drawn, st.sampled_from([0, 1e-16, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2]), st.sampled_from([1, -1]))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spherical_is_stable_between_nearly_parallel_and_nearly_opposite_points(dtype, pair, steps, distance, sign):
    """However near: the length stays, and neighbours are equal angles apart."""
    a = pair[0] / np.linalg.norm(pair[0])
    b = sign * a + distance * pair[1] / np.linalg.norm(pair[1])
    a, b = a.astype(dtype), (b / np.linalg.norm(b)).astype(dtype)
    points = spherical(a, b, steps).astype("float64")
    assert (points[0] == a).all()
    assert (points[-1] == b).all()
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-3 if dtype == "float32" else 1e-9)
    whole = angles(np.stack([a, b]).astype("float64"))[0]
    np.testing.assert_allclose(angles(points), whole / (steps - 1), atol=1e-3 if dtype == "float32" else 1e-6)


def test_the_way_to_an_opposite_point_of_another_length():
    points = spherical(np.array([2.0, 0.0, 0.0]), np.array([-4.0, 0.0, 0.0]), 5)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), [2, 2.5, 3, 3.5, 4])
    np.testing.assert_allclose(angles(points), np.pi / 4)


def test_parallel_points_and_zero_are_reached_in_a_straight_line():
    a = np.array([[1.0, 2.0], [0.0, 0.0], [3.0, -4.0], [0.0, 0.0]])
    b = np.array([[3.0, 6.0], [3.0, -4.0], [0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(spherical(a, b, 6), linear(a, b, 6), atol=1e-12)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interpolation_keeps_kind_dtype_and_leading_axes(method, dtype):
    a, b = np.random.default_rng(0).normal(size=(2, 2, 3, 5)).astype(dtype)
    on_host = method(a, b, 4)
    assert isinstance(on_host, np.ndarray)
    assert on_host.shape == (2, 3, 4, 5)
    assert on_host.dtype == dtype
    ours = method(asarray(a), asarray(b), 4)
    assert type(ours) is type(asarray(a))
    assert (to_numpy(ours) == on_host).all()
    assert (on_host[1, 2] == method(a[1, 2], b[1, 2], 4)).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_walk_comes_back(method):
    points = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    steps = walk(points, 4, method)
    assert steps.shape == (12, 5)
    assert steps.dtype == "float32"
    assert (steps[0::4] == points).all()
    for i in range(3):
        leg = METHODS[method](points[i], points[(i + 1) % 3], 5)
        assert (np.concatenate([steps, steps[:1]])[4 * i : 4 * i + 5] == leg).all()
    assert (walk(points, 1, method) == points).all()


def test_what_cannot_be_interpolated_is_refused():
    a, b = np.zeros(3), np.zeros(4)
    with pytest.raises(ValueError, match=r"linear: expected two points of one shape .*, got \(3,\) and \(4,\)"):
        linear(a, b, 3)
    with pytest.raises(ValueError, match="spherical: expected steps of at least 2, the two ends, got 1"):
        spherical(a, a, 1)
    with pytest.raises(TypeError, match="got float64 and float32"):
        spherical(a, a.astype("float32"), 3)
    with pytest.raises(TypeError, match="expected two points of one floating dtype, got int64 and int64"):
        linear(a.astype("int64"), a.astype("int64"), 3)
    with pytest.raises(ValueError, match=r"expected points \(N, D\) with N of at least 2, got shape \(1, 3\)"):
        walk(a[None], 3)
    with pytest.raises(ValueError, match="expected steps of at least 1, got 0"):
        walk(np.zeros((2, 3)), 0)
    with pytest.raises(UserError, match="unknown interpolation 'spherial': did you mean 'spherical'"):
        walk(np.zeros((2, 3)), 3, "spherial")


# --- classes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["star", "3"])
def test_one_class_is_asked_for(conditional, sampler, tmp_path, capsys, name):
    assert sample(conditional.path, "--class", name, "--count", 5, "--seed", 2, "--out", tmp_path / "five.npz") == 0
    assert "5 pictures of class star from" in capsys.readouterr().out
    noise = sampler.noise(5, 2)
    five = pictures_of(tmp_path / "five.npz")
    assert (five == sampler.pictures(noise, np.full(5, 3))).all()
    assert (five != sampler.pictures(noise, np.full(5, 4))).any()


def test_without_a_class_they_come_in_turn(conditional, sampler, tmp_path):
    assert sample(conditional.path, "--count", 12, "--out", tmp_path / "twelve.npz") == 0
    twelve = pictures_of(tmp_path / "twelve.npz")
    assert (twelve == sampler.pictures(sampler.noise(12), np.arange(12) % 10)).all()
    assert (twelve == sampling.sample(conditional.latest_checkpoint(), 12)).all()


def test_class_names_come_before_numbers(sampler):
    sampler = Sampler.__new__(Sampler)
    sampler.conditional, sampler.class_names = True, ("7", "1", "0")
    assert [sampler.label(name) for name in ("7", "1", "0", "2")] == [0, 1, 2, 2]


def test_the_grid_has_a_row_for_each_class_with_the_same_noise(conditional, sampler, tmp_path, capsys):
    assert sample(conditional.path, "--grid", "--count", 3, "--seed", 1, "--out", tmp_path / "grid.npz") == 0
    out = capsys.readouterr().out
    assert "10 classes × 3 noises" in out
    assert f"row by row: {CLASSES}" in out
    grid = pictures_of(tmp_path / "grid.npz").reshape(10, 3, 32, 32, 3)
    for label, row in enumerate(grid):
        assert (row == sampler.pictures(sampler.noise(3, 1), np.full(3, label))).all()
    assert (grid[0] != grid[1]).any()
    assert sample(conditional.path, "--grid") == 0
    with Image.open(conditional.path / "class_grid.png") as picture:
        assert picture.size == (8 * 34 + 2, 10 * 34 + 2)


# --- between latent points -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_rows_walk_from_one_point_to_another(plain, tmp_path, method):
    options = ["--interpolate", method, "--count", 3, "--steps", 5, "--seed", 4]
    assert sample(plain.path, *options, "--out", tmp_path / "rows.npz") == 0
    sampler = Sampler(plain.latest_checkpoint())
    points = to_numpy(sampler.noise(6, 4))
    noise = np.concatenate([METHODS[method](points[2 * i], points[2 * i + 1], 5) for i in range(3)])
    rows = pictures_of(tmp_path / "rows.npz")
    assert rows.shape == (15, 32, 32, 3)
    assert len(np.unique(rows, axis=0)) == 15
    assert (rows == sampler.pictures(asarray(noise))).all()
    assert sample(plain.path, *options[:2]) == 0
    with Image.open(plain.path / "interpolation.png") as picture:
        assert picture.size == (8 * 34 + 2, 8 * 34 + 2)


def test_a_row_is_of_one_class(conditional, sampler, tmp_path, capsys):
    options = ["--interpolate", "spherical", "--count", 3, "--steps", 4]
    noise = sampler.noise(6)
    noise = spherical(noise[0::2], noise[1::2], 4).reshape(12, -1)
    assert sample(conditional.path, *options, "--out", tmp_path / "rows.npz") == 0
    assert "row by row: circle, square, triangle\n" in capsys.readouterr().out
    assert (pictures_of(tmp_path / "rows.npz") == sampler.pictures(noise, np.array([0, 1, 2]).repeat(4))).all()
    assert sample(conditional.path, *options, "--class", "ring", "--out", tmp_path / "ring.npz") == 0
    assert "row by row" not in capsys.readouterr().out
    assert (pictures_of(tmp_path / "ring.npz") == sampler.pictures(noise, np.full(12, 5))).all()


def test_an_animation_walks_through_the_points(conditional, sampler, plain, tmp_path, capsys):
    options = ["--interpolate", "spherical", "--count", 3, "--steps", 4, "--seed", 6]
    assert sample(conditional.path, *options, "--class", "heart", "--out", tmp_path / "walk.gif") == 0
    assert "12 frames through 3 points of class heart, spherical" in capsys.readouterr().out
    expected = sampler.pictures(walk(sampler.noise(3, 6), 4, "spherical"), np.full(12, 6))
    frames = frames_of(tmp_path / "walk.gif")
    assert len(frames) == 12
    for frame, picture in zip(frames, expected, strict=True):
        assert frame.shape == (128, 128, 3)
        assert np.abs(frame[::4, ::4].astype(int) - picture).mean() < 4  # 256 colours
    assert (sampler.closed_walk(2, 2, "linear") == sampler.closed_walk(2, 2, "linear", label=0)).all()
    assert sample(plain.path, *options, "--out", tmp_path / "plain.GIF") == 0
    assert len(frames_of(tmp_path / "plain.GIF")) == 12


def test_pictures_are_enlarged_by_whole_numbers():
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 20, 1)).astype(np.uint8)
    large = sampling.enlarged(images)
    assert large.shape == (2, 112, 80, 1)
    assert all((large[:, i::4, j::4] == images).all() for i in range(4) for j in range(4))
    assert sampling.enlarged(np.zeros((1, 200, 200, 3), np.uint8)).shape == (1, 200, 200, 3)


# --- the history ---------------------------------------------------------------------------------------------


def test_history_has_a_frame_for_each_epoch(conditional, tmp_path, capsys):
    assert sample(conditional.path, "--history") == 0
    assert f"frames: {EPOCHS}" in capsys.readouterr().out
    frames = frames_of(conditional.path / "history.gif")
    assert len(frames) == EPOCHS
    for number, frame in enumerate(frames, 1):
        with Image.open(conditional.epoch_samples(number)) as picture:
            assert frame.shape == np.asarray(picture).shape
            assert np.abs(frame.astype(int) - np.asarray(picture)).mean() < 6
    assert sample(conditional.path, "--history", "--out", tmp_path / "other.gif") == 0
    assert (tmp_path / "other.gif").read_bytes() == (conditional.path / "history.gif").read_bytes()


def test_history_is_in_the_order_of_the_epochs(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    for epoch in (10000, 2, 9999):
        plots.save_image(run.epoch_samples(epoch), np.full((4, 6, 1), epoch % 256, np.uint8))
    frames = sampling.history(run)
    assert [frame.shape for frame in frames] == [(4, 6, 1)] * 3
    assert [frame[0, 0, 0] for frame in frames] == [2, 9999 % 256, 10000 % 256]
    plots.save_image(run.epoch_samples(3), np.zeros((5, 6, 1), np.uint8))
    with pytest.raises(UserError, match=r"epoch_0003.png: expected a picture of \(4, 6, 1\)"):
        sampling.history(run)
    run.epoch_samples(3).write_bytes(run.epoch_samples(2).read_bytes()[:40])
    with pytest.raises(UserError, match=r"epoch_0003.png: expected a picture as minigan wrote it"):
        sampling.history(run)


def test_an_animation_keeps_greys_and_its_time(tmp_path):
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


def test_best_or_last_checkpoint(conditional, tmp_path, capsys):
    run = RunFolder(tmp_path / "run")
    shutil.copytree(conditional.path, run.path)
    assert sample(run.path, "--checkpoint", "best", "--out", tmp_path / "best.npz") == 2
    assert "expected the best checkpoint, found none" in capsys.readouterr().err
    first, last = run.checkpoint_paths()
    shutil.copy(first, run.best_path)
    for name, path in {"best": first, "last": last}.items():
        assert sample(run.path, "--checkpoint", name, "--count", 3, "--out", tmp_path / f"{name}.npz") == 0
        assert sample(path, "--count", 3, "--out", tmp_path / "one.npz") == 0
        assert (pictures_of(tmp_path / f"{name}.npz") == pictures_of(tmp_path / "one.npz")).all()
    assert (pictures_of(tmp_path / "best.npz") != pictures_of(tmp_path / "last.npz")).any()


def test_a_checkpoint_in_place_of_a_run(conditional, tmp_path):
    shutil.copy(conditional.checkpoint_paths()[-1], tmp_path / "some.safetensors")
    assert sample(tmp_path / "some.safetensors", "--grid", "--count", 2) == 0
    assert (tmp_path / "class_grid.png").exists()


# --- what does not fit together ------------------------------------------------------------------------------


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
def test_a_mistake_costs_one_line(conditional, arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path for path in conditional.path.rglob("*")}
    assert sample(conditional.path, *arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []
    assert {path for path in conditional.path.rglob("*")} == before


@pytest.mark.parametrize("option", [["--class", "star"], ["--class", "0"], ["--grid"]])
def test_a_run_that_is_not_conditional_has_no_classes(plain, option, tmp_path, capsys):
    assert sample(plain.path, *option, "--out", tmp_path / "x.png") == 2
    error = capsys.readouterr().err
    assert "this run's model, dcgan, cannot be asked for a class" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_pictures_of_epochs_has_no_history(plain, tmp_path, capsys):
    assert sample(plain.path, "--history", "--out", tmp_path / "history.gif") == 2
    error = capsys.readouterr().err
    assert "expected pictures of epochs, found none" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_has_no_history_and_no_other_checkpoint(conditional, tmp_path, capsys):
    path = conditional.checkpoint_paths()[-1]
    for option, message in [
        (["--history"], "expected the folder of a run"),
        (["--checkpoint", "best"], "--checkpoint best: expected a run's folder, got the checkpoint"),
    ]:
        assert sample(path, *option, "--out", tmp_path / "x.gif") == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
