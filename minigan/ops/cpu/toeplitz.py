"""Convolution by a Toeplitz matrix, for stride 1, kernels about as large as the image, and few output channels.

im2col would copy every image kh·kw times. But along one row of the image, such a convolution is almost a dense layer:

    y[n, p] += x[n, h] @ T[h − p + top]        T[i][(w, c), (q, o)] = w[i, w − q + left, c, o], or 0 outside

Here x[n, h] is a row of W·C numbers, y[n, p] a row of W'·O, and T[i] is row i of the kernel, shifted by one for every
output column: a Toeplitz matrix. The kh matrices, concatenated with the last kernel row first, form one band matrix
(W·C, kh·W'·O). Row h of the image is multiplied by consecutive rows of the kernel and contributes to consecutive rows
of y, so all of its factors are one slice of columns, without a copy:

    y[:, rows] += x[:, h] @ T[:, columns]      dx[:, h] = dy[:, rows] @ T[:, columns]ᵀ
    dT[:, columns] += x[:, h]ᵀ @ dy[:, rows]

A product with T multiplies what lies beside the kernel by 0, and 0·NaN is NaN: a pixel that is not finite would spread
over whole rows. The images that hold one are computed by im2col (`replace_lost`), so that it spreads as far as the
kernel and no result depends on the size of the batch. The test takes less than 1 % of the time.

Measured with a 28×28 kernel, "same", 32 channels to 1, 28×28 pixels, batch 128, float32, 2 cores, im2col in chunks and
Toeplitz, minima: conv2d 890 and 13 ms, grad_input 3300 and 14 ms, grad_weight 915 and 16 ms. As one dense layer over
the whole image, a matrix of 79 MB, conv2d takes 33 ms; as one product of all rows with all of T, 14 to 17 ms.
"""

from collections.abc import Callable

import numpy as np

from minigan.backend import Array
from minigan.ops.cpu import im2col
from minigan.ops.cpu.direct import taps_inside
from minigan.ops.cpu.im2col import add_bias
from minigan.ops.cpu.threads import parallel_for
from minigan.ops.geometry import Padding, Size, conv_output_size

MIN_EXPANSION = 32  # how many times im2col would copy the image; from 9 times on there is a gain, but a smaller one
MAX_OUT_CHANNELS = 4  # with 8 the speed-up is 1 to 4, with 32 often a loss: im2col's products then run at full speed
MIN_BATCH = 8  # with fewer images, computing T may cost more than the products


def is_applicable(
    batch: int, input_size: Size, kernel_size: Size, stride: Size, padding: Padding, out_channels: int
) -> bool:
    """Whether this file can compute such a convolution, and is the faster choice."""
    if stride != (1, 1) or batch < MIN_BATCH or out_channels > MAX_OUT_CHANNELS:
        return False
    (height, width), (kh, kw) = input_size, kernel_size
    out_height, out_width = conv_output_size(input_size, kernel_size, stride, padding)
    lowered = out_height * out_width * kh * kw
    return 4 * kh >= 3 * height and 4 * kw >= 3 * width and lowered >= MIN_EXPANSION * height * width


def conv2d(x: Array, w: Array, padding: Padding, bias: Array | None = None) -> Array:
    """See convolution.conv2d. Each worker sums over its rows of the images, then the workers' sums are added."""
    n, height, width, channels = x.shape
    kernel_size, out_channels = w.shape[:2], w.shape[3]
    out_height, out_width = conv_output_size((height, width), kernel_size, (1, 1), padding)
    x_rows = np.ascontiguousarray(x).reshape(n, height, width * channels)
    matrix = band_matrix(w, width, out_width, padding[1][0])

    def worker(start: int, stop: int) -> Array:
        y = np.zeros((n, out_height * out_width * out_channels), np.result_type(x, w))
        for h in range(start, stop):
            columns, rows = row_slices(h, out_height, kernel_size[0], padding[0][0], out_width * out_channels)
            y[:, rows] += x_rows[:, h] @ matrix[:, columns]
        return y

    y, *others = parallel_for(worker, height)
    for other in others:
        y += other
    y = y.reshape(n, out_height, out_width, out_channels)
    add_bias(y, bias)
    replace_lost(y, y, w, lambda lost: im2col.conv2d(x[lost], w, (1, 1), padding, bias))
    return y


def conv2d_grad_input(dy: Array, w: Array, input_size: Size, padding: Padding, bias: Array | None = None) -> Array:
    """See convolution.conv2d_grad_input."""
    n, out_height, out_width, out_channels = dy.shape
    kernel_height, channels = w.shape[0], w.shape[2]
    (height, width), ((top, _), (left, _)) = input_size, padding
    gradients = np.ascontiguousarray(dy).reshape(n, -1)
    matrix = band_matrix(w, width, out_width, left)
    dx = np.empty((n, height, width * channels), np.result_type(dy, w))

    def worker(start: int, stop: int) -> None:
        for h in range(start, stop):
            columns, rows = row_slices(h, out_height, kernel_height, top, out_width * out_channels)
            np.matmul(gradients[:, rows], matrix[:, columns].T, out=dx[:, h])

    parallel_for(worker, height)
    dx = dx.reshape(n, height, width, channels)
    add_bias(dx, bias)
    replace_lost(dx, dy, w, lambda lost: im2col.conv2d_grad_input(dy[lost], w, input_size, (1, 1), padding, bias))
    return dx


def conv2d_grad_weight(x: Array, dy: Array, kernel_size: Size, padding: Padding) -> Array:
    """See convolution.conv2d_grad_weight. Each worker takes some columns of the images, that is, some rows of dT."""
    n, height, width, channels = x.shape
    _, out_height, out_width, out_channels = dy.shape
    (kh, kw), ((top, _), (left, _)) = kernel_size, padding
    x_rows = np.ascontiguousarray(x).reshape(n, height, width * channels)
    gradients = np.ascontiguousarray(dy).reshape(n, -1)
    d_matrix = np.zeros((width * channels, kh * out_width * out_channels), np.result_type(x, dy))

    def worker(start: int, stop: int) -> None:
        own = slice(start * channels, stop * channels)
        for h in range(height):
            columns, rows = row_slices(h, out_height, kh, top, out_width * out_channels)
            d_matrix[own, columns] += x_rows[:, h, own].T @ gradients[:, rows]

    parallel_for(worker, width)
    return band_matrix_transposed(d_matrix, kh, kw, channels, out_channels, width, out_width, left)


def replace_lost(result: Array, tested: Array, w: Array, compute: Callable[[Array], Array]) -> None:
    """Replace result[n] by compute for each image n whose tested[n] is not finite, unless the kernel is not either.

    tested: the side with few channels, y or dy; y has a NaN or an infinity wherever x has one.
    """
    finite = np.asarray(np.isfinite(tested).all(axis=(1, 2, 3)))
    if not finite.all() and np.isfinite(w).all():  # with such a kernel nothing can be saved, and im2col takes long
        result[~finite] = compute(~finite)


def row_slices(h: int, out_height: int, kernel_height: int, top: int, row_size: int) -> tuple[slice, slice]:
    """(columns of the band matrix, numbers of a flat output image) for row h of the image.

    row_size: W'·O, the numbers in one row of the output and in one row of the kernel's band.
    """
    first, last, p = taps_inside(h + top - (kernel_height - 1), out_height, kernel_height, 1, 0)
    return slice(first * row_size, last * row_size), slice(p * row_size, (p + last - first) * row_size)


def band_matrix(w: Array, width: int, out_width: int, left: int) -> Array:
    """T, (W·C, kh·W'·O).

    Each column of the image has a window of `strip`: the kernel, last row and last column first, between zeros. From
    one column of the image to the next, the window moves by one.
    """
    kh, kw, channels, out_channels = w.shape
    strip = np.zeros((channels, kh, width + out_width - 1, out_channels), w.dtype)
    first, last, start = taps_inside(width + left - kw, strip.shape[2], kw, 1, 0)
    strip[:, :, start : start + last - first] = w[::-1, ::-1][:, first:last].transpose(2, 0, 1, 3)
    matrix = np.empty((width, channels, kh, out_width, out_channels), w.dtype)
    for column in range(width):
        matrix[column] = strip[:, :, width - 1 - column : width - 1 - column + out_width]
    return matrix.reshape(width * channels, -1)


def band_matrix_transposed(
    d_matrix: Array, kh: int, kw: int, channels: int, out_channels: int, width: int, out_width: int, left: int
) -> Array:
    """The transpose of band_matrix: dT summed along its diagonals, to (kh, kw, C, O)."""
    d_matrix = d_matrix.reshape(width, channels, kh, out_width, out_channels)
    strip = np.zeros((channels, kh, width + out_width - 1, out_channels), d_matrix.dtype)
    for column in range(width):
        strip[:, :, width - 1 - column : width - 1 - column + out_width] += d_matrix[column]
    first, last, start = taps_inside(width + left - kw, strip.shape[2], kw, 1, 0)
    dw = np.zeros((kh, kw, channels, out_channels), d_matrix.dtype)  # zero for taps that only ever see padding
    dw[::-1, ::-1][:, first:last] = strip[:, :, start : start + last - first].transpose(1, 2, 0, 3)
    return dw
