"""A transposed convolution by hand: two definitions, one answer, and why some kernels leave a checkerboard.

You will see the 2×2 picture [[1, 2], [3, 4]] grow to 3×3 under a kernel of ones. First by scattering: each number
writes a scaled copy of the kernel into the output, and overlaps add up. Then by zero insertion: an ordinary
convolution of the picture, padded and with zeros between its numbers. Then as matrices: a convolution is a product
with W, the transposed one a product with Wᵀ, and that is its name. Last, how often each output pixel is written to.

    python examples/02_transposed_convolution.py    writes transposed_convolution.png and .gif files of both definitions
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.ops import reference
from minigan.plots import save_animation


def scatter(x, kernel, stride=1):
    """Definition 1, one input element after another: the outputs on the way, and the contribution of each."""
    size = [(n - 1) * stride + k for n, k in zip(x.shape, kernel.shape, strict=True)]
    y, steps = np.zeros(size), []
    for i, j in np.ndindex(*x.shape):
        copy = np.zeros(size)
        copy[i * stride : i * stride + kernel.shape[0], j * stride : j * stride + kernel.shape[1]] = x[i, j] * kernel
        y = y + copy
        steps.append((y, copy))
    return steps


def zero_insertion(x, kernel, stride=1):
    """Definition 2: s − 1 zeros between the elements, a border of k − 1, then a convolution with the kernel flipped."""
    border, spread = len(kernel) - 1, stride * (len(x) - 1) + 1
    padded = np.zeros((spread + 2 * border,) * 2)
    padded[border : border + spread : stride, border : border + spread : stride] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return padded, (windows * kernel[::-1, ::-1]).sum(axis=(2, 3))


def layer(x, kernel, definition, **settings):
    """The same by minigan's layer."""
    transposed = mg.layers.ConvTranspose2D(1, 1, len(kernel), bias=False, definition=definition, **settings)
    transposed.astype("float64").weight.value[..., 0, 0] = asarray(kernel)
    y, _ = transposed.forward(asarray(x[None, :, :, None].astype(float)))
    return to_numpy(y)[0, :, :, 0]


def matrix_of_convolution(kernel, size):
    """W: a picture of size², as one long vector, times W is its convolution. Column by column, from unit pictures."""
    units = np.eye(size * size).reshape(-1, size, size, 1)
    outputs = reference.conv2d(units, kernel[:, :, None, None], stride=(1, 1), padding=((0, 0), (0, 0)))
    return outputs.reshape(size * size, -1).T  # (outputs, inputs)


def show(axes, array, title, mark=None):
    """Numbers on a grid; `mark`: (row, column, height, width) framed."""
    axes.imshow(array, cmap="Blues", vmin=0, vmax=max(array.max(), 1) * 1.6)
    for (i, j), value in np.ndenumerate(array):
        axes.text(j, i, f"{value:g}", ha="center", va="center", fontsize=9, alpha=1 if value else 0.3)
    if mark:
        i, j, h, w = mark
        axes.add_patch(plt.Rectangle((j - 0.5, i - 0.5), w, h, fill=False, color="tab:orange", linewidth=3))
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10)


def frame(panels):
    """One picture of an animation, uint8 (H, W, 3), of (array, title, mark) panels."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.2 * len(panels), 3.2), layout="constrained", dpi=80)
    for ax, panel in zip(axes, panels, strict=True):
        show(ax, *panel)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    plt.close(figure)
    return pixels


def main(out):
    x, kernel = np.array([[1, 2], [3, 4]]), np.ones((2, 2))
    steps, (padded, y) = scatter(x, kernel), zero_insertion(x, kernel)
    for definition in ("scatter", "zero_insertion"):
        np.testing.assert_allclose(layer(x, kernel, definition), y)
    np.testing.assert_allclose(steps[-1][0], y)
    picture, small = np.array([[1, 2, 3], [1, 0, 1], [0, 1, 2]]), np.array([[1, 0], [1, 0]])
    w = matrix_of_convolution(small, 3)  # (4, 9)
    print(f"convolution of {picture.tolist()} with {small.tolist()}: {(w @ picture.ravel()).reshape(2, 2).tolist()}")
    print(f"transposed convolution of {x.tolist()} with a kernel of ones: {y.tolist()}, by both definitions")
    np.testing.assert_allclose((w.T @ x.ravel()).reshape(3, 3), scatter(x, small)[-1][0])

    print("\n   input  kernel  stride  padding   output = (input − 1)·stride + kernel − 2·padding   zeros  border")
    for n, k, s, p in ((2, 2, 1, 0), (2, 2, 2, 0), (2, 3, 1, 0), (3, 3, 2, 1), (4, 4, 2, 1), (16, 4, 2, 1)):
        size = layer(np.ones((n, n)), np.ones((k, k)), "scatter", stride=s, padding=p).shape[0]
        assert size == (n - 1) * s + k - 2 * p
        print(f"{n:8}{k:8}{s:8}{p:9}{size:9}{s - 1:48}{k - p - 1:8}")

    figure, axes = plt.subplots(3, 4, figsize=(12, 9.5), layout="constrained")
    for ax, (i, j), (_, copy) in zip(axes[0], np.ndindex(2, 2), steps, strict=True):
        show(ax, copy, f"1. scatter: {x[i, j]} writes\n{x[i, j]} times the kernel", (i, j, 2, 2))
    show(axes[1, 0], y, "the sum of the four")
    show(axes[1, 1], padded, "2. zero insertion:\nwindow of output (1, 1)", (1, 1, 2, 2))
    show(axes[1, 2], w, "3. W of the convolution 3×3 → 2×2\nwith [[1, 0], [1, 0]]")
    show(axes[1, 3], w.T, "Wᵀ: the transposed one, 2×2 → 3×3")
    for ax, (k, s) in zip(axes[2], ((3, 2), (4, 2), (5, 3), (6, 3)), strict=True):
        writes = scatter(np.ones((5, 5)), np.ones((k, k)), s)[-1][0]
        ax.imshow(writes, cmap="Blues", vmin=0)
        ax.set_title(
            f"writes per pixel, kernel {k}, stride {s}:\n{'even' if k % s == 0 else 'checkerboard'}", fontsize=10
        )
        ax.set(xticks=[], yticks=[])
    figure.savefig(out, dpi=110)

    so_far = [(y, "y so far", (i, j, 2, 2)) for (y, _), (i, j) in zip(steps, np.ndindex(2, 2), strict=True)]
    frames = [frame([(x, "x", (*panel[2][:2], 1, 1)), panel]) for panel in so_far]
    save_animation(out.with_name(f"{out.stem}_scatter.gif"), frames, 0.9)
    padded, y = zero_insertion(x, kernel, stride=2)
    frames = []
    for n, (i, j) in enumerate(np.ndindex(*y.shape)):
        so_far = np.where(np.arange(y.size).reshape(y.shape) <= n, y, 0)
        frames.append(frame([(padded, "x with zeros, stride 2", (i, j, 2, 2)), (so_far, "y so far", (i, j, 1, 1))]))
    save_animation(out.with_name(f"{out.stem}_zero_insertion.gif"), frames, 0.5)
    print(
        "\nWith a kernel that the stride divides, all pixels but those at the border are written to equally often. "
        f"See {out} and two .gif."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("transposed_convolution.png"))
    main(**vars(parser.parse_args()))
