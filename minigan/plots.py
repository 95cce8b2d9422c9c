"""Pictures: grids of samples, and the curves of a run."""

import numpy as np

from minigan.files import replacing
from minigan.losses import NonSaturating


def to_uint8(images, pixel_range=(-1, 1)):
    """Pictures in `pixel_range`, as generators make them, to uint8 in [0, 255]; float (N, H, W, C), NumPy."""
    low, high = pixel_range
    return np.clip(np.rint((images - low) * (255 / (high - low))), 0, 255).astype(np.uint8)


def image_grid(images, columns=None, border=2):
    """uint8 pictures (N, H, W, C) side by side on white: one uint8 picture (H', W', C).

    columns: by default ⌈√N⌉. border: pixels between the pictures and around them.
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


def save_image(path, image):
    """Write a uint8 picture (H, W, 1 or 3) as PNG, whole or not at all."""
    from PIL import Image

    with replacing(path) as temporary:
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(temporary, format="PNG")


def training_curves(metrics, objective=None):
    """A matplotlib figure of a run: losses, D(x) and D(G(z)), and the discriminator's accuracy over the epochs.

    metrics: {column: array}, as RunFolder.read_metrics returns them; objective: the run's, by default the
    non-saturating one. The dashed lines are where a game in balance ends up: a discriminator that can only guess
    gives every picture the score between real and fake, and is right half of the time.
    """
    figure = new_figure(13, 3.8)
    objective = objective or NonSaturating()
    panels = (
        ("loss", {"loss_d": "Loss_D", "loss_g": "Loss_G"}, objective.balance),
        ("score", {"d_x": "D(x)", "d_g_z": "D(G(z))"}, objective.threshold),
        ("accuracy", {"accuracy_real": "on real", "accuracy_fake": "on fake"}, 0.5),
    )
    for axes, (title, columns, balance) in zip(figure.subplots(1, 3), panels, strict=True):
        for (column, name), colour in zip(columns.items(), ("tab:blue", "tab:orange"), strict=True):
            axes.plot(metrics["epoch"], metrics[column], color=colour, alpha=0.25, linewidth=0.8)
            axes.plot(metrics["epoch"], smoothed(metrics[column]), color=colour, linewidth=1.8, label=name)
        axes.axhline(balance, color="grey", linestyle="--", linewidth=0.8, label=f"balance, {balance:.3g}")
        axes.set(xlabel="epoch", title=title)
        axes.legend(frameon=False)
        if title == "accuracy" or (title == "score" and isinstance(objective, NonSaturating)):
            axes.set_ylim(-0.02, 1.02)
    return figure


def classifier_curves(metrics, scores):
    """A matplotlib figure of a classifier's run: loss and accuracy over the epochs, and the accuracy on test pictures.

    metrics, scores: {column: float array}, as RunFolder.read_metrics and read_scores return them.
    """
    figure = new_figure(9, 3.8)
    loss, accuracy = figure.subplots(1, 2)
    for axes, column in ((loss, "loss"), (accuracy, "accuracy")):
        axes.plot(metrics["epoch"], metrics[column], color="tab:blue", alpha=0.25, linewidth=0.8)
        axes.plot(metrics["epoch"], smoothed(metrics[column]), color="tab:blue", linewidth=1.8, label="training")
        axes.set(xlabel="epoch", title=column)
    if len(scores["epoch"]):
        last = scores["test_accuracy"][-1]
        accuracy.plot(scores["epoch"], scores["test_accuracy"], "o-", color="tab:orange", label=f"test, {last:.2%} now")
    accuracy.legend(frameon=False)
    return figure


def new_figure(width, height):
    """A matplotlib figure that needs no screen and leaves the reader's own pyplot as it is; inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def smoothed(values, window=15):
    """Centred moving average; the window shrinks at both ends."""
    kernel = np.ones(min(window, len(values) - 1 + len(values) % 2))  # odd, so that it has a centre
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")


def save_figure(path, figure):
    """Write a matplotlib figure as PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def save_animation(path, frames, seconds_per_frame=0.25):
    """Write uint8 pictures (H, W, 1 or 3) of one size as a GIF that starts anew at its end, whole or not at all.

    A GIF has at most 256 colours a frame: greys stay as they are, colours become the nearest of a palette chosen for
    each frame. Of equal frames in a row one is kept, and shown for as long. A frame's time is a multiple of 0.01 s.
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
            loop=0,  # without end
        )
