"""Draw the figures of docs/layers/ into docs/images/layers/: python docs/figures/layers.py"""

from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from drawing import BLUE, ORANGE, save
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch

import minigan as mg
from minigan.backend import asarray, to_numpy

OUT = Path(__file__).parent.parent / "images" / "layers"
GREY = "0.55"


def main():
    figures = {
        "dense": dense,
        "conv2d": conv2d,
        "conv_transpose2d": conv_transpose2d,
        "batch_norm": batch_norm,
        "leaky_relu": partial(activation, mg.layers.LeakyReLU(0.2), "LeakyReLU, slope 0.2", other=mg.layers.ReLU()),
        "relu": partial(activation, mg.layers.ReLU(), "ReLU"),
        "tanh": partial(activation, mg.layers.Tanh(), "tanh"),
        "sigmoid": partial(activation, mg.layers.Sigmoid(), "sigmoid", reach=7),
        "dropout": dropout,
        "embedding": embedding,
        "reshape": reshape,
        "flatten": flatten,
        "sequential": sequential,
        "conditional": conditional,
    }
    save(figures, OUT)


# --- helpers ---------------------------------------------------------------------------------------------------------


def forward(layer, x, **options):
    """The output of a layer, as a NumPy array."""
    return to_numpy(layer.forward(asarray(x), **options)[0])


def both(layer, x, dy):
    """(y, dx) of a layer."""
    y, cache = layer.forward(asarray(x))
    return to_numpy(y), to_numpy(layer.backward(asarray(dy), cache))


def digits(count):
    """Synthetic digits, float32 (count, 28, 28, 1) in [0, 1]."""
    return to_numpy(mg.data.to_float(mg.data.load("digits", count=count).images, (0, 1)))


def numbers(axes, array, title, colours="Blues", frame=None, reach=None, rows=None, columns=None):
    """Draw a small matrix with its numbers; `frame`, (row, column, height, width), marks a part of it.

    reach: the value with the deepest colour; rows, columns: the size of the panel, if larger than the matrix.
    """
    reach = reach or max(np.abs(array).max(), 1)
    mesh = np.arange(array.shape[1] + 1) - 0.5, np.arange(array.shape[0] + 1) - 0.5
    low = -2.2 * reach if colours == "blue_orange" else 0
    colours = blue_orange() if colours == "blue_orange" else colours
    axes.pcolormesh(*mesh, array, cmap=colours, vmin=low, vmax=2.2 * reach, edgecolor="white", linewidth=1.5)
    for (i, j), value in np.ndenumerate(array):
        axes.text(j, i, f"{value:g}".replace("-", "−"), ha="center", va="center")
    if frame:
        i, j, height, width = frame
        axes.add_patch(
            plt.Rectangle((j - 0.5, i - 0.5), width, height, fill=False, color=ORANGE, linewidth=2.5, zorder=5)
        )
    rows, columns = rows or array.shape[0], columns or array.shape[1]
    axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal", anchor="W")
    axes.axis("off")
    axes.set_title(title, loc="left")


def sign(axes, text, height=0.5):
    """Draw an operator, such as =, in a panel of its own."""
    axes.axis("off")
    axes.text(0.5, height, text, ha="center", va="center", fontsize=16, transform=axes.transAxes)


def blue_orange():
    """A colour map: orange below zero, white at zero, blue above."""
    return LinearSegmentedColormap.from_list("blue_orange", [ORANGE, "white", BLUE])


def box(axes, x, y, text, width=1.5, height=0.7, colour="0.93"):
    """Draw a box with text in it, centred at (x, y)."""
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(
        FancyBboxPatch(
            corner, width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour, edgecolor="0.4"
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=11)


def arrow(axes, start, end, colour, text="", offset=(0, 0.12), align="center"):
    """Draw an arrow with a label at its middle."""
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.8})
    middle = (np.array(start) + end) / 2 + offset
    axes.text(*middle, text, ha=align, va="center", fontsize=10.5, color=colour)


def blank(width, height):
    """A figure with one empty panel, whose units have the same length in both directions."""
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    axes.axis("off")
    axes.set_aspect("equal")
    return figure, axes


# --- the figures -----------------------------------------------------------------------------------------------------


def dense():
    """The matrix products of the forward and the backward pass, with small numbers."""
    layer = mg.layers.Dense(3, 2).astype("float64")
    layer.weight.value[...] = asarray(np.array([[1.0, 0], [2, -1], [0, 1]]))
    layer.bias.value[...] = asarray(np.array([1.0, 0]))
    x, dy = np.array([[1.0, 2, 3], [0, 1, 2]]), np.array([[1.0, 0], [2, 1]])
    y, dx = both(layer, x, dy)
    w, b, dw = (to_numpy(array) for array in (layer.weight.value, layer.bias.value, layer.weight.grad))
    rows = (
        ((x, "x (2, 3)"), "·", (w, "W (3, 2)"), "+", (b[None], "b (2,)"), "=", (y, "y (2, 2)")),
        ((x.T, "xᵀ (3, 2)"), "·", (dy, "dy (2, 2)"), "=", (dw, "dW (3, 2)"), "", None),
        ((dy, "dy (2, 2)"), "·", (w.T, "Wᵀ (2, 3)"), "=", (dx, "dx (2, 3)"), "", None),
    )
    figure, grid = plt.subplots(3, 7, figsize=(8, 5.8), layout="constrained", width_ratios=[3, 0.6, 3, 0.6, 3, 0.6, 3])
    for row, (panels, items) in enumerate(zip(grid, rows, strict=True)):
        for axes, item in zip(panels, items, strict=True):
            if item is None or isinstance(item, str):
                sign(axes, item or "")
            else:
                numbers(axes, *item, colours="Oranges" if row else "Blues", reach=8, rows=3, columns=3)
    return figure


def conv2d():
    """A digit convolved with two edge kernels; the window with the largest output of each is framed."""
    x = digits(4)[3:]
    kernels = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # Sobel: to the right; transposed: downwards
    kernels = np.stack([kernels, kernels.T])
    layer = mg.layers.Conv2D(1, 2, 3, padding="same")
    layer.weight.value[:, :, 0, :] = asarray(kernels.transpose(1, 2, 0).astype("float32"))
    y = forward(layer, x)[0]  # (28, 28, 2)
    figure, grid = plt.subplots(2, 3, figsize=(7.6, 5.2), layout="constrained", width_ratios=[3, 1.6, 3])
    for channel, ((left, middle, right), kernel) in enumerate(zip(grid, kernels, strict=True)):
        row, column = np.unravel_index(y[..., channel].argmax(), y.shape[:2])
        left.imshow(x[0, :, :, 0], cmap="Greys", vmax=1.4)
        left.set_title("x: 28×28×1")
        left.add_patch(plt.Rectangle((column - 1.5, row - 1.5), 3, 3, fill=False, color=ORANGE, linewidth=2.5))
        numbers(middle, kernel, f"W[:, :, 0, {channel}]", colours="blue_orange")
        reach = np.abs(y).max()
        right.imshow(y[..., channel], cmap=blue_orange(), vmin=-reach, vmax=reach)
        right.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, color="black", linewidth=1.5))
        where = ("from left to right", "from top to bottom")[channel]
        right.set_title(f"y[..., {channel}]: ink begins (blue)\nor ends (orange), {where}")
        for axes in (left, right):
            bare(axes)
    return figure


def bare(axes):
    """Prepare a panel for an image: no ticks, a thin frame."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color="0.8")


def conv_transpose2d():
    """Scatter, element by element, and zero insertion; the layer gives the same result by both definitions."""
    x, kernel = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 2], [0, 1]])
    results = []
    for definition in ("scatter", "zero_insertion"):
        layer = mg.layers.ConvTranspose2D(1, 1, 2, bias=False, definition=definition).astype("float64")
        layer.weight.value[:, :, 0, 0] = asarray(kernel)
        results.append(forward(layer, x[None, :, :, None])[0, :, :, 0])
    y = results[0]
    np.testing.assert_allclose(y, results[1])
    figure, grid = plt.subplots(2, 5, figsize=(8.8, 4.5), layout="constrained")
    numbers(grid[0, 0], x, "x", reach=8, rows=3, columns=3)
    for axes, (i, j) in zip([*grid[0, 1:]], np.ndindex(2, 2), strict=True):
        copy = np.zeros((3, 3))
        copy[i : i + 2, j : j + 2] = x[i, j] * kernel
        numbers(axes, copy, f"x[{i}, {j}] = {x[i, j]:g}\nwrites {x[i, j]:g}·W", frame=(i, j, 2, 2), reach=8)
    padded, flipped = np.pad(x, 1), kernel[::-1, ::-1]
    numbers(grid[1, 0], kernel, "W (stride 1)", reach=8, rows=3, columns=3)
    numbers(grid[1, 1], y, "y: the sum\nof the four", reach=14, frame=(1, 1, 1, 1))
    numbers(grid[1, 2], padded, "or: x in a border\nof k − 1 zeros", frame=(1, 1, 2, 2), reach=8)
    numbers(grid[1, 3], flipped, "convolved with\nthe flipped W", reach=8, rows=3, columns=3)
    window = (padded[1:3, 1:3] * flipped).sum()
    assert window == y[1, 1]
    sum_of_window = f"in the frame:\n1·1 + 2·0\n+ 3·2 + 4·1\n= {window:g}"
    grid[1, 4].axis("off")
    grid[1, 4].text(0, 0.6, sum_of_window, transform=grid[1, 4].transAxes, va="center", linespacing=1.4)
    return figure


def batch_norm():
    """Three channels of a convolution of images, on different scales, before and after the normalization."""
    mg.backend.seed(3)
    x = mg.data.to_float(mg.data.load("shapes", count=64).images)  # (64, 32, 32, 3)
    convolution = mg.layers.Conv2D(3, 3, 4, stride=2, padding="same")
    convolution.weight.value *= asarray(np.array([1.0, 3, 3], "float32"))
    convolution.bias.value[...] = asarray(np.array([-1.5, 2, 0], "float32"))
    x = forward(convolution, x)  # (64, 16, 16, 3)
    y = forward(mg.layers.BatchNorm(3), x)
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.3), layout="constrained")
    for axes, array, title in zip(panels, (x, y), ("before", "after: mean 0, std 1"), strict=True):
        for channel, colour in enumerate((BLUE, ORANGE, GREY)):
            values = array[..., channel].ravel()
            label = f"{values.mean().round(2) + 0.0:.1f} ± {values.std():.1f}".replace("-", "−")
            bins = np.linspace(-5, 5, 60)
            axes.hist(values, bins, density=True, histtype="step", color=colour, linewidth=1.6, label=label)
        axes.set(title=title, xlabel="value of a channel", yticks=[], xlim=(-5, 5))
        axes.legend(frameon=False, title="mean ± std", loc="upper right")
    return figure


def activation(layer, name, reach=4.0, other=None):
    """y and ∂y/∂x, which is what backward returns for dy = 1. `other`: a similar layer, drawn in grey."""
    x = np.linspace(-reach, reach, 401)
    y, slope = both(layer, x, np.ones_like(x))
    kink = np.abs(np.diff(slope)) > 0.5  # leave a gap at a jump
    slope = np.where(np.append(kink, False), np.nan, slope)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    if other:
        y_other, slope_other = both(other, x, np.ones_like(x))
        left.plot(x, y_other, color=GREY, linestyle="--", label=type(other).__name__)
        jump = np.abs(np.diff(slope_other)) > 0.5
        right.plot(x, np.where(np.append(jump, False), np.nan, slope_other), color=GREY, linestyle="--")
    left.plot(x, y, color=BLUE, linewidth=2, label=type(layer).__name__)
    right.plot(x, slope, color=ORANGE, linewidth=2)
    left.set(title=f"y: {name}", xlabel="x")
    right.set(title="∂y/∂x", xlabel="x", ylim=(-0.06, 1.12))
    if other:
        left.legend(frameon=False)
    if np.nanmax(slope) < 0.5:
        right.set(ylim=(0, 0.3), yticks=[0, 0.125, 0.25], yticklabels=["0", "1/8", "1/4"])
    for axes in (left, right):
        axes.axvline(0, color="0.85", linewidth=0.8, zorder=0)
        axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    return figure


def dropout():
    """One digit in training mode, twice, and in evaluation mode."""
    mg.backend.seed(0)
    x, layer = digits(3)[2:], mg.layers.Dropout(0.4)
    panels = [
        ("x", x),
        ("training mode: y", forward(layer, x)),
        ("again: another mask", forward(layer, x)),
        ("evaluation mode: y = x", forward(layer, x, train=False)),
    ]
    figure, row = plt.subplots(1, 4, figsize=(8.8, 2.9), layout="constrained")
    for axes, (title, image) in zip(row, panels, strict=True):
        colours = axes.imshow(image[0, :, :, 0], cmap="Blues", vmin=0, vmax=1 / 0.6)
        bare(axes)
        axes.set(title=title, xlabel=f"mean {image.mean():.3f}")
    figure.colorbar(colours, ax=row[-1], shrink=0.75, ticks=[0, 1, 1 / 0.6]).ax.set_yticklabels(["0", "1", "1/0.6"])
    return figure


def embedding():
    """A one-hot row times the table is a row of the table."""
    layer = mg.layers.Embedding(4, 3).astype("float64")
    table = np.array([[0.2, -0.1, 0.5], [0.4, 0.3, -0.2], [-0.6, 0.1, 0.7], [0.0, 0.8, -0.3]])
    layer.weight.value[...] = asarray(table)
    labels = np.array([2, 0])
    y = forward(layer, labels)
    onehot = np.eye(4)[labels]
    np.testing.assert_allclose(onehot @ table, y)
    figure, row = plt.subplots(1, 7, figsize=(8.6, 2.7), layout="constrained", width_ratios=[1, 0.6, 4, 0.5, 3, 0.5, 3])
    numbers(row[0], labels[:, None].astype(float), "labels\n(2,)", rows=4)
    numbers(row[2], onehot, "one-hot h\n(2, 4)", rows=4, reach=2)
    numbers(row[4], table, "W (4, 3):\na row for each class", frame=(2, 0, 1, 3), colours="blue_orange")
    numbers(row[6], y, "y (2, 3)", frame=(0, 0, 1, 3), rows=4, colours="blue_orange")
    for axes, text in ((row[1], "→"), (row[3], "·"), (row[5], "=")):
        sign(axes, text, height=0.72)
    return figure


def cells(axes, array, x, y, colours):
    """Draw a matrix as cells of one unit each, with its upper left corner at (x, y)."""
    for (i, j), value in np.ndenumerate(array):
        axes.add_patch(
            plt.Rectangle((x + j, y - i - 1), 1, 1, facecolor=colours[int(value)], edgecolor="white", linewidth=1.5)
        )
        axes.text(x + j + 0.5, y - i - 0.5, f"{value:g}", ha="center", va="center", fontsize=11)


def shades(count, channels):
    """A colour for each of `count` numbers: one per channel."""
    palette = ["#a9cbe6", "#ffcf9f", "#d5d5d5"]
    return [palette[index % channels] for index in range(count)]


def vector_and_image(vector, image, titles, downwards):
    """The vector above the channels of the image, with an arrow from one to the other."""
    height, width, channels = image.shape
    colours = shades(vector.size, channels)
    figure, axes = blank(8, 3.1)
    top = height + 2.6
    cells(axes, vector[None], 0, top, colours)
    axes.text(vector.size / 2, top + 0.35, titles[0], ha="center", fontsize=11)
    start = (vector.size - channels * width - (channels - 1) * 1.2) / 2
    for channel in range(channels):
        left = start + channel * (width + 1.2)
        cells(axes, image[..., channel], left, height, colours)
        axes.text(left + width / 2, -0.45, f"channel {channel}", ha="center", va="center", fontsize=10.5)
    ends = [(vector.size / 2, top - 1.15), (vector.size / 2, height + 0.2)]
    arrow(axes, *(ends if downwards else ends[::-1]), "0.3")
    axes.text(vector.size / 2 + 0.4, height + 0.9, titles[1], ha="left", va="center", fontsize=11)
    axes.set(xlim=(-0.2, vector.size + 0.2), ylim=(-0.9, top + 0.9))
    return figure


def reshape():
    """A vector becomes an image of two channels."""
    vector = np.arange(12.0)
    image = forward(mg.layers.Reshape(2, 3, 2), vector[None])[0]
    titles = ("x: (12,) for each example", "Reshape(2, 3, 2): 2 rows, 3 columns, 2 channels")
    return vector_and_image(vector, image, titles, downwards=True)


def flatten():
    """An image of three channels becomes a vector."""
    image = np.arange(12.0).reshape(2, 2, 3)
    vector = forward(mg.layers.Flatten(), image[None])[0]
    titles = ("y: (12,) for each example", "Flatten: from 2 rows, 2 columns, 3 channels")
    return vector_and_image(vector, image, titles, downwards=False)


def sequential():
    """Three layers: forward to the right, backward to the left, with a cache for each layer."""
    figure, axes = blank(8.6, 2.9)
    for index, name in enumerate(("Dense", "BatchNorm", "Tanh")):
        x = 1.7 + 2.7 * index
        box(axes, x, 1, name, height=1.3)
        box(axes, x, -0.55, f"cache {index + 1}", width=1.2, height=0.5, colour="white")
        axes.annotate("", (x, -0.28), (x, 0.33), arrowprops={"arrowstyle": "<|-|>", "color": GREY, "linewidth": 1.3})
    for index, (y, dy) in enumerate((("x", "dx"), ("y₁", "dy₁"), ("y₂", "dy₂"), ("y", "dy"))):
        left, right = 2.7 * index - 0.2, 2.7 * index + 0.9
        arrow(axes, (left, 1.35), (right, 1.35), BLUE, y, (0, 0.22))
        arrow(axes, (right, 0.65), (left, 0.65), ORANGE, dy, (0, -0.24))
    axes.text(-0.2, 2.1, "forward", color=BLUE, fontsize=11)
    axes.text(9.0, -0.2, "backward", color=ORANGE, fontsize=11, ha="right")
    axes.set(xlim=(-0.4, 9.2), ylim=(-0.95, 2.4))
    return figure


def conditional():
    """The two paths, their concatenation, and the rest of the network."""
    figure, axes = blank(8.6, 3.6)
    box(axes, 2.2, 2.4, "x_path", width=1.6)
    box(axes, 2.2, 0.4, "label_path", width=1.6)
    box(axes, 5.2, 1.4, "[a, b]", width=1.1, height=1.9)
    box(axes, 7.9, 1.4, "rest", width=1.4)
    arrow(axes, (0.1, 2.52), (1.35, 2.52), BLUE, "x", (0, 0.2))
    arrow(axes, (1.35, 2.28), (0.1, 2.28), ORANGE, "dx", (0, -0.22))
    arrow(axes, (0.1, 0.4), (1.35, 0.4), BLUE, "labels", (0, 0.2))
    arrow(axes, (3.05, 2.52), (4.6, 1.98), BLUE, "a: A channels", (0.35, 0.32))
    arrow(axes, (4.6, 1.7), (3.05, 2.26), ORANGE, "da", (-0.15, -0.2))
    arrow(axes, (3.05, 0.54), (4.6, 1.12), BLUE, "b: B", (-0.2, 0.2))
    arrow(axes, (4.6, 0.84), (3.05, 0.28), ORANGE, "db", (0.3, -0.2))
    arrow(axes, (5.8, 1.55), (7.15, 1.55), BLUE, "A + B", (0, 0.2))
    arrow(axes, (7.15, 1.25), (5.8, 1.25), ORANGE, "d[a, b]", (0, -0.24))
    arrow(axes, (8.65, 1.55), (9.6, 1.55), BLUE, "y", (0, 0.2))
    arrow(axes, (9.6, 1.25), (8.65, 1.25), ORANGE, "dy", (0, -0.24))
    axes.text(2.2, -0.25, "gradients reach its parameters, but not the labels", ha="center", fontsize=10, color="0.35")
    axes.set(xlim=(-0.1, 9.8), ylim=(-0.55, 3.0))
    return figure


if __name__ == "__main__":
    main()
