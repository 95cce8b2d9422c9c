"""Convolutions of stride 1 whose kernel is about as large as the picture, with few channels out: a row at a time.

im2col would write every picture kh·kw times. But along a row such a convolution is little else than a dense layer:

    y[n, p] += x[n, h] @ T[h − p + top]        T[i][(w, c), (q, o)] = w[i, w − q + left, c, o], or 0 outside

with x[n, h] a row of W·C numbers, y[n, p] one of W'·O, and T[i] row i of the kernel, shifted along itself once for
every output column (a Toeplitz matrix). The kh matrices, side by side with the last kernel row first, are one band
matrix (W·C, kh·W'·O). A row of the picture meets consecutive rows of the kernel and consecutive rows of y, so all
that it is multiplied with is a slice of columns, without a copy:

    y[:, rows] += x[:, h] @ T[:, columns]      dx[:, h] = dy[:, rows] @ T[:, columns]ᵀ
    dT[:, columns] += x[:, h]ᵀ @ dy[:, rows]

Measured with a 28×28 kernel, "same", 32 channels to 1, 28×28 pixels, batch 128, float32, 2 cores, im2col in chunks
against this, minima: conv2d 890 and 13 ms, grad_input 3300 and 14 ms, grad_weight 915 and 16 ms. As one dense layer
over the whole picture, a matrix of 79 MB, conv2d takes 33 ms; as one product of all rows with all of T, 14 to 17 ms.
"""

import numpy as np

from minigan.ops.geometry import conv_output_size
from minigan.ops.numpy_convolution import add_bias
from minigan.ops.positions import taps_inside
from minigan.parallel import over_slices

LEAST_LOWERED = 32  # times the picture, what im2col would write; from 9 times on there is a gain, but a smaller one
MOST_OUT_CHANNELS = 4  # with 8 the gain is 1 to 4, with 32 often a loss: im2col's products are then at full speed
LEAST_BATCH = 8  # with fewer pictures, making T may cost more than the products


def suits(batch, input_size, kernel_size, stride, padding, out_channels):
    """Whether a convolution is of the kind that this file computes, and gains by it."""
    if stride != (1, 1) or batch < LEAST_BATCH or out_channels > MOST_OUT_CHANNELS:
        return False
    (height, width), (kh, kw) = input_size, kernel_size
    tall, wide = conv_output_size(input_size, kernel_size, stride, padding)
    lowered = tall * wide * kh * kw
    return 4 * kh >= 3 * height and 4 * kw >= 3 * width and lowered >= LEAST_LOWERED * height * width


def conv2d(x, w, padding, bias=None):
    """As convolution.conv2d; each worker sums over its rows of the pictures, then the workers' sums are added."""
    n, height, width, channels = x.shape
    kernel_size, out_channels = w.shape[:2], w.shape[3]
    tall, wide = conv_output_size((height, width), kernel_size, (1, 1), padding)
    rows = np.ascontiguousarray(x).reshape(n, height, width * channels)
    matrix = band_matrix(w, width, wide, padding[1][0])

    def part(start, stop):
        y = np.zeros((n, tall * wide * out_channels), np.result_type(x, w))
        for h in range(start, stop):
            columns, met = row_slices(h, tall, kernel_size[0], padding[0][0], wide * out_channels)
            y[:, met] += rows[:, h] @ matrix[:, columns]
        return y

    y, *others = over_slices(part, height)
    for other in others:
        y += other
    y = y.reshape(n, tall, wide, out_channels)
    add_bias(y, bias)
    return y


def conv2d_grad_input(dy, w, input_size, padding, bias=None):
    """As convolution.conv2d_grad_input."""
    n, tall, wide, out_channels = dy.shape
    kernel_rows, channels = w.shape[0], w.shape[2]
    (height, width), ((top, _), (left, _)) = input_size, padding
    gradients = np.ascontiguousarray(dy).reshape(n, -1)
    matrix = band_matrix(w, width, wide, left)
    dx = np.empty((n, height, width * channels), np.result_type(dy, w))

    def part(start, stop):
        for h in range(start, stop):
            columns, met = row_slices(h, tall, kernel_rows, top, wide * out_channels)
            np.matmul(gradients[:, met], matrix[:, columns].T, out=dx[:, h])

    over_slices(part, height)
    dx = dx.reshape(n, height, width, channels)
    add_bias(dx, bias)
    return dx


def conv2d_grad_weight(x, dy, kernel_size, padding):
    """As convolution.conv2d_grad_weight; each worker takes some columns of the pictures, so some rows of dT."""
    n, height, width, channels = x.shape
    _, tall, wide, out_channels = dy.shape
    (kh, kw), ((top, _), (left, _)) = kernel_size, padding
    rows = np.ascontiguousarray(x).reshape(n, height, width * channels)
    gradients = np.ascontiguousarray(dy).reshape(n, -1)
    d_matrix = np.zeros((width * channels, kh * wide * out_channels), np.result_type(x, dy))

    def part(start, stop):
        inside = slice(start * channels, stop * channels)
        for h in range(height):
            columns, met = row_slices(h, tall, kh, top, wide * out_channels)
            d_matrix[inside, columns] += rows[:, h, inside].T @ gradients[:, met]

    over_slices(part, width)
    return band_matrix_transposed(d_matrix, kh, kw, channels, out_channels, width, wide, left)


def row_slices(h, out_height, kernel_rows, top, run):
    """(columns of the band matrix, columns of a flat output picture) that row h meets; a row of either is `run`."""
    first, last, p = taps_inside(h + top - (kernel_rows - 1), out_height, kernel_rows, 1, 0)
    return slice(first * run, last * run), slice(p * run, (p + last - first) * run)


def band_matrix(w, width, out_width, left):
    """T, (W·C, kh·W'·O): for each column of a picture a window of the kernel, last row and column first, amid zeros."""
    kh, kw, channels, out_channels = w.shape
    strip = np.zeros((channels, kh, width + out_width - 1, out_channels), w.dtype)
    first, last, start = taps_inside(width + left - kw, strip.shape[2], kw, 1, 0)
    strip[:, :, start : start + last - first] = w[::-1, ::-1][:, first:last].transpose(2, 0, 1, 3)
    matrix = np.empty((width, channels, kh, out_width, out_channels), w.dtype)
    for column in range(width):
        matrix[column] = strip[:, :, width - 1 - column : width - 1 - column + out_width]
    return matrix.reshape(width * channels, -1)


def band_matrix_transposed(d_matrix, kh, kw, channels, out_channels, width, out_width, left):
    """band_matrix transposed: dT summed along its diagonals, to (kh, kw, C, O)."""
    d_matrix = d_matrix.reshape(width, channels, kh, out_width, out_channels)
    strip = np.zeros((channels, kh, width + out_width - 1, out_channels), d_matrix.dtype)
    for column in range(width):
        strip[:, :, width - 1 - column : width - 1 - column + out_width] += d_matrix[column]
    first, last, start = taps_inside(width + left - kw, strip.shape[2], kw, 1, 0)
    dw = np.zeros((kh, kw, channels, out_channels), d_matrix.dtype)  # zero where a tap meets nothing but padding
    dw[::-1, ::-1][:, first:last] = strip[:, :, start : start + last - first].transpose(1, 2, 0, 3)
    return dw
