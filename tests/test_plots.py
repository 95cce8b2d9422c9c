"""Image grids, curves, and image files."""

import numpy as np
import pytest

from minigan import losses, plots
from minigan.training.metrics import GanMetrics


def test_a_grid_shows_every_image():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 1), np.uint8)
    grid = plots.image_grid(images, columns=2, border=1)
    assert grid.shape == (1 + 3 * 4, 1 + 2 * 5, 1)
    for index in range(5):
        top, left = 1 + index // 2 * 4, 1 + index % 2 * 5
        assert (grid[top : top + 3, left : left + 4] == index).all()
    assert (grid[9:12, 6:10] == 255).all()  # the cell without an image
    assert (grid[0] == 255).all()


def test_smoothing_preserves_constants_and_the_length():
    for length in (1, 2, 14, 40):
        assert plots.smoothed(np.full(length, 3.0)) == pytest.approx(np.full(length, 3.0))


def random_metrics():
    columns = GanMetrics.names
    return columns, {name: np.random.default_rng(0).random(30) for name in columns} | {"epoch": np.arange(30.0)}


def test_curves_show_the_metrics():
    columns, metrics = random_metrics()
    figure = plots.training_curves(metrics)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "output", "accuracy"]
    for axes, pair in zip(figure.axes, (columns[:2], columns[2:4], columns[4:]), strict=True):
        for line, name in zip((axes.lines[0], axes.lines[2]), pair, strict=True):
            assert (line.get_ydata() == metrics[name]).all()


@pytest.mark.parametrize(
    ("objective", "probability"),
    [(None, True), (losses.Minimax(), True), (losses.Objective(), True), (losses.LeastSquares(), False)],
)
def test_the_output_is_shown_between_0_and_1_if_it_is_a_probability(objective, probability):
    _, metrics = random_metrics()
    metrics["d_x"] += 3
    _, output, accuracy = plots.training_curves(metrics, objective).axes
    assert (output.get_ylim() == (-0.02, 1.02)) == probability
    assert accuracy.get_ylim() == (-0.02, 1.02)


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_images_can_be_read_back(tmp_path, channels):
    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (6, 7, channels)).astype(np.uint8)
    plots.save_image(tmp_path / "image.png", image)
    with Image.open(tmp_path / "image.png") as read:
        assert (np.asarray(read).reshape(image.shape) == image).all()
