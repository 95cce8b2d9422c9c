"""A transposed convolution by hand: two definitions with one result, and why some kernels leave a checkerboard.

You will see the 2×2 image [[1, 2], [3, 4]] grow to 3×3 under a kernel of ones. First by scattering: each number adds a
scaled copy of the kernel to the output. Then by zero insertion: an ordinary convolution of the image with zeros around
and between its numbers. Then as matrices: a convolution multiplies by a matrix W, the transposed convolution by Wᵀ,
which is where its name comes from. The last row counts how often each output pixel is written to.

    python examples/02_transposed_convolution.py    writes transposed_convolution.png and a .gif for each definition
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.ops import reference


def scatter(x, kernel, stride=1):
    """Definition 1: y[i·s + a, j·s + b] += x[i, j]·kernel[a, b]; a list of (y so far, what x[i, j] added)."""
    size = [(n - 1) * stride + k for n, k in zip(x.shape, kernel.shape, strict=True)]
    y, steps = np.zeros(size), []
    for i, j in np.ndindex(*x.shape):
        added = np.zeros(size)
        added[i * stride : i * stride + kernel.shape[0], j * stride : j * stride + kernel.shape[1]] = x[i, j] * kernel
        y = y + added
        steps.append((y, added))
    return steps


def zero_insertion(x, kernel, stride=1):
    """Definition 2: s − 1 zeros between the elements, k − 1 around them, then a convolution; (x with zeros, y)."""
    border, spread = len(kernel) - 1, stride * (len(x) - 1) + 1
    padded = np.zeros((spread + 2 * border,) * 2)
    padded[border : border + spread : stride, border : border + spread : stride] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)  # (H', W', k, k)
    return padded, (windows * kernel[::-1, ::-1]).sum(axis=(2, 3))


def layer(x, kernel, definition, **settings):
    """The same with minigan's layer."""
    transposed = mg.layers.ConvTranspose2D(1, 1, len(kernel), bias=False, definition=definition, **settings)
    transposed.astype("float64").weight.value[..., 0, 0] = asarray(kernel)
    y, _ = transposed.forward(asarray(x[None, :, :, None].astype(float)))
    return to_numpy(y)[0, :, :, 0]


def matrix_of_convolution(kernel, size):
    """W (outputs, size²), which maps an image, flattened, to its convolution. Each column is that of a unit image."""
    units = np.eye(size * size).reshape(-1, size, size, 1)
    outputs = reference.conv2d(units, kernel[:, :, None, None], stride=(1, 1), padding=((0, 0), (0, 0)))
    return outputs.reshape(size * size, -1).T


def main(out):
    x, kernel = np.array([[1, 2], [3, 4]]), np.ones((2, 2))
    steps, (padded, y) = scatter(x, kernel), zero_insertion(x, kernel)
    np.testing.assert_allclose(steps[-1][0], y)
    for definition in ("scatter", "zero_insertion"):
        np.testing.assert_allclose(layer(x, kernel, definition), y)

    image, small = np.array([[1, 2, 3], [1, 0, 1], [0, 1, 2]]), np.array([[1, 0], [1, 0]])
    w = matrix_of_convolution(small, 3)  # (4, 9)
    np.testing.assert_allclose((w.T @ x.ravel()).reshape(3, 3), scatter(x, small)[-1][0])
    convolved = (w @ image.ravel()).reshape(2, 2)
    print(f"convolution of {image.tolist()} with {small.tolist()}: {convolved.astype(int).tolist()}")
    print(f"transposed convolution of {x.tolist()} with ones: {y.astype(int).tolist()}, by both definitions")

    print("\n   input  kernel  stride  padding   output = (input − 1)·stride + kernel − 2·padding   zeros  border")
    for n, k, s, p in ((2, 2, 1, 0), (2, 2, 2, 0), (2, 3, 1, 0), (3, 3, 2, 1), (4, 4, 2, 1), (16, 4, 2, 1)):
        size = layer(np.ones((n, n)), np.ones((k, k)), "scatter", stride=s, padding=p).shape[0]
        assert size == (n - 1) * s + k - 2 * p
        print(f"{n:8}{k:8}{s:8}{p:9}{size:9}{s - 1:48}{k - p - 1:8}")

    plot(out, x, steps, y, padded, w)
    animate(out, x, steps, *zero_insertion(x, kernel, stride=2))
    print("\nIf the stride divides the kernel size, all pixels except those near the border are written equally often.")
    print(f"See {out}, and the two .gif files next to it.")


def plot(out, x, steps, y, padded, w):
    figure = mg.plots.new_figure(12, 9.5)
    axes = figure.subplots(3, 4)
    for ax, (i, j), (_, added) in zip(axes[0], np.ndindex(2, 2), steps, strict=True):
        show(ax, added, f"1. scatter: {x[i, j]} adds\n{x[i, j]} times the kernel", (i, j, 2, 2))
    show(axes[1, 0], y, "the sum of the four")
    show(axes[1, 1], padded, "2. zero insertion:\nthe window of output (1, 1)", (1, 1, 2, 2))
    show(axes[1, 2], w, "3. convolution, 3×3 → 2×2:\nW for the kernel [[1, 0], [1, 0]]")
    show(axes[1, 3], w.T, "transposed convolution,\n2×2 → 3×3: Wᵀ")
    for ax, (k, s) in zip(axes[2], ((3, 2), (4, 2), (5, 3), (6, 3)), strict=True):
        writes = scatter(np.ones((5, 5)), np.ones((k, k)), s)[-1][0]
        ax.imshow(writes, cmap="Blues", vmin=0)
        pattern = "even" if k % s == 0 else "checkerboard"
        ax.set_title(f"writes per pixel, kernel {k}, stride {s}:\n{pattern}", fontsize=10)
        ax.set(xticks=[], yticks=[])
    figure.savefig(out, dpi=110)


def animate(out, x, steps, padded, y):
    """Definition 1 with stride 1, number by number; definition 2 with stride 2, window by window."""
    frames = []
    for (so_far, _), (i, j) in zip(steps, np.ndindex(2, 2), strict=True):
        frames.append(frame((x, "x", (i, j, 1, 1)), (so_far, "y so far", (i, j, 2, 2))))
    mg.plots.save_animation(out.with_name(f"{out.stem}_scatter.gif"), frames, 0.9)
    frames = []
    for n, (i, j) in enumerate(np.ndindex(*y.shape)):
        so_far = np.where(np.arange(y.size).reshape(y.shape) <= n, y, 0)
        frames.append(frame((padded, "x with zeros, stride 2", (i, j, 2, 2)), (so_far, "y so far", (i, j, 1, 1))))
    mg.plots.save_animation(out.with_name(f"{out.stem}_zero_insertion.gif"), frames, 0.5)


def frame(*panels):
    """One frame of an animation, uint8 (H, W, 3), from two arguments of show()."""
    figure = mg.plots.new_figure(6.4, 3.2)
    for ax, panel in zip(figure.subplots(1, 2), panels, strict=True):
        show(ax, *panel)
    figure.set_dpi(80)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def show(axes, array, title, mark=None):
    """A matrix with its numbers; `mark`, (row, column, height, width), is framed."""
    axes.imshow(array, cmap="Blues", vmin=0, vmax=max(array.max(), 1) * 1.6)
    for (i, j), value in np.ndenumerate(array):
        axes.text(j, i, f"{value:g}", ha="center", va="center", fontsize=9, alpha=1 if value else 0.3)
    if mark:
        i, j, height, width = mark
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), width, height, fill=False, color="tab:orange", linewidth=3))
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("transposed_convolution.png"), help="the image to write")
    main(**vars(parser.parse_args()))
