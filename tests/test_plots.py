"""Grids and curves."""

import numpy as np
import pytest

from minigan import plots


def test_grid_places_every_picture():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 1), np.uint8)
    grid = plots.image_grid(images, columns=2, border=1)
    assert grid.shape == (1 + 3 * 4, 1 + 2 * 5, 1)
    for index in range(5):
        top, left = 1 + index // 2 * 4, 1 + index % 2 * 5
        assert (grid[top : top + 3, left : left + 4] == index).all()
    assert (grid[9:12, 6:10] == 255).all()  # the place that no picture fills
    assert (grid[0] == 255).all()


def test_to_uint8_is_the_inverse_of_scaling():
    pixels = np.arange(256, dtype=np.uint8)
    for dtype in ("float32", "float64"):
        assert (plots.to_uint8(pixels.astype(dtype) * (1 / 127.5) - 1) == pixels).all()
    assert plots.to_uint8(np.array([-7.0, 7.0])).tolist() == [0, 255]


def test_smoothed_keeps_a_constant_and_the_length():
    for length in (1, 2, 14, 40):
        assert plots.smoothed(np.full(length, 3.0)) == pytest.approx(np.full(length, 3.0))


def test_curves_show_the_metrics():
    columns = ("loss_d", "loss_g", "d_x", "d_g_z", "accuracy_real", "accuracy_fake")
    metrics = {name: np.random.default_rng(0).random(30) for name in columns} | {"epoch": np.arange(30.0)}
    figure = plots.training_curves(metrics)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "score", "accuracy"]
    for axes, pair in zip(figure.axes, (columns[:2], columns[2:4], columns[4:]), strict=True):
        for line, name in zip((axes.lines[0], axes.lines[2]), pair, strict=True):
            assert (line.get_ydata() == metrics[name]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_images_are_read_back(tmp_path, channels):
    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (6, 7, channels)).astype(np.uint8)
    plots.save_image(tmp_path / "image.png", image)
    with Image.open(tmp_path / "image.png") as read:
        assert (np.asarray(read).reshape(image.shape) == image).all()
