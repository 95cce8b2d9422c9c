"""Image grids and animations of samples, and the curves of a run."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minigan.errors import UserError
from minigan.files import replacing
from minigan.foreign import reading
from minigan.losses import NonSaturating, Objective

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PIXELS = 2**27  # of an image that is read: a grid has at most 100 images of 1024 × 1024

Images = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]
PathLike = str | os.PathLike[str]


def image_grid(images: Images, columns: int | None = None, border: int = 2) -> Images:
    """Arrange uint8 images (N, H, W, C) in a grid on a white background: one uint8 image (H', W', C).

    columns: ⌈√N⌉ by default. border: pixels between the images and around them.
    """
    n, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    grid = np.full((border + rows * (height + border), border + columns * (width + border), channels), 255, np.uint8)
    for index, image in enumerate(images):
        top = border + index // columns * (height + border)
        left = border + index % columns * (width + border)
        grid[top : top + height, left : left + width] = image
    return grid


def save_image(path: PathLike, image: Images) -> None:
    """Write a uint8 image (H, W, 1 or 3) as PNG, atomically."""
    from PIL import Image

    with replacing(path) as temporary:
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(temporary, format="PNG")


def read_image(path: PathLike) -> Images:
    """An image that save_image() wrote: uint8 (H, W, 1 or 3). Raises UserError for anything else.

    Only PNG is read, whatever other formats Pillow knows.
    """
    from minigan.data.images import open_image

    image = open_image(path, ("PNG",), MAX_PIXELS)
    if image.mode not in ("L", "RGB"):
        raise UserError(f"{path}: expected an image as minigan writes it, grey or RGB, found one of mode {image.mode}")
    return np.asarray(image).reshape(image.height, image.width, -1)


@contextmanager
def own_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and without a screen, whatever its settings on this machine are.

    A user's matplotlibrc can ask for LaTeX, MPLBACKEND for a screen, or for a name that matplotlib refuses when it is
    imported: neither may end a training. The user's own settings are in force again after the block.
    """
    backend = os.environ.pop("MPLBACKEND", None)  # matplotlib reads it when it is first imported
    try:
        with reading("matplotlib", "the library and its settings", "check matplotlibrc", UserError):
            import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


@own_style()
def training_curves(metrics: Mapping[str, Numbers], objective: Objective | None = None) -> "Figure":
    """A matplotlib figure of a GAN's run: the losses, D(x) and D(G(z)), and D's accuracy, against the epochs.

    metrics: {column: (M,) array}, as returned by RunFolder.read_metrics; objective: that of the run, NonSaturating()
    by default. The dashed lines are the values at equilibrium, if the discriminator can only guess: its output is
    halfway between real and fake for every image, and half of its answers are right.
    """
    figure = new_figure(13, 3.8)
    objective = objective or NonSaturating()
    panels = (
        ("loss", {"loss_d": "Loss_D", "loss_g": "Loss_G"}, objective.balance),
        ("output", {"d_x": "D(x)", "d_g_z": "D(G(z))"}, objective.threshold),
        ("accuracy", {"accuracy_real": "on real", "accuracy_fake": "on fake"}, 0.5),
    )
    for axes, (title, columns, balance) in zip(figure.subplots(1, 3), panels, strict=True):
        for (column, name), colour in zip(columns.items(), ("tab:blue", "tab:orange"), strict=True):
            axes.plot(metrics["epoch"], metrics[column], color=colour, alpha=0.25, linewidth=0.8)
            axes.plot(metrics["epoch"], smoothed(metrics[column]), color=colour, linewidth=1.8, label=name)
        axes.axhline(balance, color="grey", linestyle="--", linewidth=0.8, label=f"balance, {balance:.3g}")
        axes.set(xlabel="epoch", title=title)
        axes.legend(frameon=False)
        if title == "accuracy" or (title == "output" and objective.logistic):
            axes.set_ylim(-0.02, 1.02)  # a probability
    return figure


@own_style()
def classifier_curves(metrics: Mapping[str, Numbers], scores: Mapping[str, Numbers]) -> "Figure":
    """A matplotlib figure of a classifier's run: loss and accuracy, and the accuracy on test images, by epoch.

    metrics, scores: {column: (M,) float array}, as returned by RunFolder.read_metrics and read_scores.
    """
    figure = new_figure(9, 3.8)
    loss, accuracy = figure.subplots(1, 2)
    for axes, column in ((loss, "loss"), (accuracy, "accuracy")):
        axes.plot(metrics["epoch"], metrics[column], color="tab:blue", alpha=0.25, linewidth=0.8)
        axes.plot(metrics["epoch"], smoothed(metrics[column]), color="tab:blue", linewidth=1.8, label="training")
        axes.set(xlabel="epoch", title=column)
    if len(scores.get("epoch", ())) and "test_accuracy" in scores:
        last = scores["test_accuracy"][-1]
        accuracy.plot(scores["epoch"], scores["test_accuracy"], "o-", color="tab:orange", label=f"test, {last:.2%} now")
    accuracy.legend(frameon=False)
    return figure


def new_figure(width: float, height: float) -> "Figure":
    """A matplotlib figure, width × height inches, that needs no screen and leaves the caller's pyplot unchanged."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def smoothed(values: Numbers, window: int = 15) -> Numbers:
    """Centred moving average of values (M,); the window shrinks at both ends."""
    kernel = np.ones(min(window, len(values) - 1 + len(values) % 2))  # an odd length, so that it has a centre
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")


@own_style()
def save_figure(path: PathLike, figure: "Figure") -> None:
    """Write a matplotlib figure as PNG, atomically."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def save_animation(path: PathLike, frames: Iterable[Images], seconds_per_frame: float = 0.25) -> None:
    """Write uint8 images (H, W, 1 or 3), all of one size, as a GIF that repeats forever, atomically.

    A GIF frame has at most 256 colours: grey images are exact, colours are mapped to a palette chosen for each frame.
    Consecutive equal frames are merged into one that is shown for their total time. Durations are rounded to 0.01 s.
    """
    from PIL import Image

    first, *others = [
        Image.fromarray(frame[..., 0]) if frame.shape[2] == 1 else Image.fromarray(frame).quantize(256, kmeans=1)
        for frame in frames
    ]
    with replacing(path) as temporary:
        first.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=others,
            duration=max(10, 10 * round(100 * seconds_per_frame)),
            loop=0,  # forever
        )
