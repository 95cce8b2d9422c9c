"""Convolutions over tiny pictures, position by position, with no product spent on padding.

From 4×4 to 2×2 pixels with a 4×4 kernel, 7 of every 16 products of im2col are with zeros of the border. Here each
output position multiplies only the part of its window that lies inside the picture: for one row of the kernel the
pixels it meets are contiguous, (N, pixels·C) with a fixed stride, which BLAS takes as it is, without a copy.

Measured at 4×4 to 2×2, 256 to 512 channels, batch 128, two cores, im2col in chunks against this:
conv2d 8.2 and 5.2 ms, grad_input 9.0 and 5.5 ms, grad_weight 8.1 and 5.0 ms.
"""

import numpy as np

from minigan.ops.geometry import conv_output_size
from minigan.parallel import over_slices

MOST_POSITIONS = 4  # beyond, the products become many and small
LEAST_CHANNELS = 128  # with fewer, they are too small to be worth a call each


def suits(input_size, kernel_size, stride, padding, channels):
    """Whether pictures of this size are better done position by position: few positions, much padding."""
    height, width = conv_output_size(input_size, kernel_size, stride, padding)
    lowered = height * width * kernel_size[0] * kernel_size[1]
    return (
        height * width <= MOST_POSITIONS and lowered > 2 * input_size[0] * input_size[1] and channels >= LEAST_CHANNELS
    )


def taps_inside(position, size, kernel, stride, before):
    """(first tap, last tap + 1, first pixel) of a window along one axis, the part inside the picture."""
    start = position * stride - before
    return max(0, -start), min(kernel, size - start), max(0, start)


def kernel_rows(input_size, output_size, kernel_size, stride, padding):
    """(p, q, i, j0, j1, row, column): row i of the kernel at output (p, q), taps j0 to j1 from pixel (row, column)."""
    (height, width), (kh, kw), (sh, sw), ((top, _), (left, _)) = input_size, kernel_size, stride, padding
    for p in range(output_size[0]):
        i0, i1, row = taps_inside(p, height, kh, sh, top)
        for q in range(output_size[1]):
            j0, j1, column = taps_inside(q, width, kw, sw, left)
            if j1 > j0:
                yield from ((p, q, i, j0, j1, row + i - i0, column) for i in range(i0, i1))


def conv2d(x, w, stride, padding, bias=None):
    """As convolution.conv2d."""
    n, kernel_size, out_channels = x.shape[0], w.shape[:2], w.shape[3]
    size = conv_output_size(x.shape[1:3], kernel_size, stride, padding)
    rows = list(kernel_rows(x.shape[1:3], size, kernel_size, stride, padding))
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    y = np.empty((n, *size, out_channels), np.result_type(x, w))
    y[...] = 0 if bias is None else bias

    # Each worker takes some of the output channels, not of the pictures: here the kernel is larger than the batch,
    # and BLAS copies what it reads of it into its own layout for every product.
    def part(start, stop):
        product = np.empty((n, stop - start), y.dtype)
        for p, q, i, j0, j1, row, column in rows:
            pixels = x[:, row, column : column + j1 - j0].reshape(n, -1)
            np.matmul(pixels, w[i, j0:j1].reshape(-1, out_channels)[:, start:stop], out=product)
            y[:, p, q, start:stop] += product

    over_slices(part, out_channels)
    return y


def conv2d_grad_input(dy, w, input_size, stride, padding, bias=None):
    """As convolution.conv2d_grad_input: for each tap, all positions that use it, in one product."""
    n, out_channels = dy.shape[0], dy.shape[3]
    kernel_size, channels = w.shape[:2], w.shape[2]
    gradients = np.ascontiguousarray(dy.transpose(1, 2, 0, 3))  # (H', W', N, O)
    w = np.ascontiguousarray(w)
    dx = np.empty((n, *input_size, channels), np.result_type(dy, w))
    dx[...] = 0 if bias is None else bias
    pixels = dx.transpose(1, 2, 0, 3)  # (H, W, N, C)
    met_by_tap = list(taps(input_size, dy.shape[1:3], kernel_size, stride, padding))

    def part(start, stop):
        for i, j, outputs, inputs in met_by_tap:
            product = gradients[outputs].reshape(-1, out_channels) @ w[i, j, start:stop].T
            met = pixels[inputs][..., start:stop]
            met += product.reshape(met.shape)

    over_slices(part, channels)
    return dx


def conv2d_grad_weight(x, dy, kernel_size, stride, padding):
    """As convolution.conv2d_grad_weight: for each tap, the pictures at all positions that use it, in one product."""
    channels, out_channels = x.shape[3], dy.shape[3]
    pixels = np.ascontiguousarray(x.transpose(1, 2, 0, 3))  # (H, W, N, C)
    gradients = np.ascontiguousarray(dy.transpose(1, 2, 0, 3))  # (H', W', N, O)
    met_by_tap = list(taps(x.shape[1:3], dy.shape[1:3], kernel_size, stride, padding))
    every_tap = len(met_by_tap) == kernel_size[0] * kernel_size[1]  # otherwise some meet nothing but padding
    dw = (np.empty if every_tap else np.zeros)((*kernel_size, channels, out_channels), np.result_type(x, dy))

    def part(start, stop):
        for i, j, outputs, inputs in met_by_tap[start:stop]:
            met = pixels[inputs].reshape(-1, channels)
            np.matmul(met.T, gradients[outputs].reshape(-1, out_channels), out=dw[i, j])

    over_slices(part, len(met_by_tap))
    return dw


def taps(input_size, output_size, kernel_size, stride, padding):
    """(i, j, outputs, inputs) of each tap: where a window has it inside the picture, what it meets."""

    def along(tap, axis):
        before, step = padding[axis][0], stride[axis]
        inside = [p for p in range(output_size[axis]) if 0 <= p * step + tap - before < input_size[axis]]
        if not inside:
            return None
        first, last = (p * step + tap - before for p in (inside[0], inside[-1]))
        return slice(inside[0], inside[-1] + 1), slice(first, last + 1, step)

    for i in range(kernel_size[0]):
        for j in range(kernel_size[1]):
            rows, columns = along(i, 0), along(j, 1)
            if rows and columns:
                yield i, j, (rows[0], columns[0]), (rows[1], columns[1])
