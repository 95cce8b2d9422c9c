"""Image grids, curves, and image files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan import losses, plots
from minigan.errors import UserError
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


BAD_STYLE = "text.usetex: True\nlines.linewidth: 40\nfont.family: no such font\nsavefig.dpi: 1\naxes.facecolor: black\n"


def drawn(folder, **environment):
    """The PNG that a Python with this environment draws, in a folder whose matplotlibrc matplotlib reads."""
    code = (
        "import numpy as np; from minigan import plots; x = np.linspace(0.1, 0.9, 30); "
        "names = 'epoch loss_d loss_g d_x d_g_z accuracy_real accuracy_fake'.split(); "
        "plots.save_figure('curves.png', plots.training_curves(dict.fromkeys(names, x)))"
    )
    package = str(Path(plots.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": package} | environment
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, env=environment, check=True)
    return (folder / "curves.png").read_bytes()


def test_no_setting_of_matplotlib_changes_or_ends_a_figure(tmp_path):
    plain = drawn(tmp_path)
    assert drawn(tmp_path, MPLBACKEND="bogus") == plain
    (tmp_path / "matplotlibrc").write_text(BAD_STYLE)
    assert drawn(tmp_path, MPLBACKEND="tkagg") == plain


def test_the_users_own_style_is_kept():
    import matplotlib

    with matplotlib.rc_context({"lines.linewidth": 7}):
        curves = dict.fromkeys("epoch loss_d loss_g d_x d_g_z accuracy_real accuracy_fake".split(), np.ones(3))
        figure = plots.training_curves(curves)
        assert matplotlib.rcParams["lines.linewidth"] == 7
    assert {line.get_linewidth() for line in figure.axes[0].lines} == {0.8, 1.8}


@pytest.mark.parametrize("image_format", ["JPEG", "GIF", "BMP"])
def test_only_png_is_read_whatever_the_name(tmp_path, image_format):
    Image.new("L", (4, 4)).save(tmp_path / "epoch_0001.png", format=image_format)
    with pytest.raises(UserError, match=r"epoch_0001.png: expected an image \(PNG\)"):
        plots.read_image(tmp_path / "epoch_0001.png")
