"""The three primitives on the CPU: the same im2col as in convolution.py, in chunks that stay in the cache.

A window matrix is kh·kw/s² times the picture: written to memory and read back it costs more time than the product.
Each worker lowers a few pictures at a time into a buffer of about a megabyte, multiplies, and goes on; the buffer
never leaves its cache.
"""

import numpy as np

from minigan.ops.geometry import conv_output_size
from minigan.parallel import LEAST_PRODUCTS, over_slices

CHUNK_BYTES = 2**20  # of the window matrix; measured: 0.5 to 2 MB are equal, 8 MB takes 1.3 times as long
CHUNK_ROWS = 128  # a product of fewer rows spends its time on packing the kernel
COPY = 36  # multiply-adds in the time that one number of the window matrix takes; measured at 10 to 64 channels


def conv2d(x, w, stride, padding, bias=None):
    """As convolution.conv2d."""
    kh, kw, _, out_channels = w.shape
    n = x.shape[0]
    height, width = conv_output_size(x.shape[1:3], (kh, kw), stride, padding)
    y = np.empty((n, height, width, out_channels), np.result_type(x, w))
    kernel = np.ascontiguousarray(w).reshape(-1, out_channels)

    def part(start, stop):
        lower = Lowering(x, (kh, kw), stride, padding, stop - start)
        for first, last in lower.chunks(start, stop):
            columns = lower(first, last)
            np.matmul(columns, kernel, out=y[first:last].reshape(columns.shape[0], out_channels))
            add_bias(y[first:last], bias)

    over_slices(part, n, least_pictures(height * width, kernel.shape))
    return y


def conv2d_grad_weight(x, dy, kernel_size, stride, padding):
    """As convolution.conv2d_grad_weight; each worker sums over its pictures, then the workers' sums are added."""
    n, out_channels = dy.shape[0], dy.shape[3]
    dy = np.ascontiguousarray(dy)

    def part(start, stop):
        # Every chunk's product is added to a matrix as large as the kernel: few large chunks.
        lower = Lowering(x, kernel_size, stride, padding, stop - start, least_rows=1024)
        total = None
        for first, last in lower.chunks(start, stop):
            columns = lower(first, last)
            product = columns.T @ dy[first:last].reshape(-1, out_channels)
            if total is None:
                total = product
            else:
                total += product
        return total

    kernel_shape = (kernel_size[0] * kernel_size[1] * x.shape[3], out_channels)
    first, *others = over_slices(part, n, least_pictures(dy.shape[1] * dy.shape[2], kernel_shape))
    for other in others:
        first += other
    return first.reshape(*kernel_size, x.shape[3], out_channels)


def conv2d_grad_input(dy, w, input_size, stride, padding, bias=None):
    """As convolution.conv2d_grad_input."""
    kh, kw, channels, out_channels = w.shape
    n, height, width, _ = dy.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    dx = np.empty((n, *input_size, channels), np.result_type(dy, w))
    kernel = np.ascontiguousarray(w).reshape(-1, out_channels).T
    dy = np.ascontiguousarray(dy)
    # Taps side by side in the kernel that fall side by side in dx are added together: sw of them, where that fits.
    run = sw if kw % sw == 0 else 1
    # A canvas with room for every window, and a width of whole runs.
    tall = max((height - 1) * sh + kh, top + input_size[0])
    wide = max((width - 1) * sw + kw, left + input_size[1])
    wide = -(-wide // run) * run

    def part(start, stop):
        size = chunk_size(height * width, kh * kw * channels, dy.itemsize, stop - start)
        columns = np.empty((size * height * width, kh * kw * channels), dx.dtype)
        canvas = np.empty((size, tall, wide, channels), dx.dtype)
        for first in range(start, stop, size):
            last = min(first + size, stop)
            count = last - first
            part_columns = columns[: count * height * width]
            np.matmul(dy[first:last].reshape(-1, out_channels), kernel, out=part_columns)
            taps = part_columns.reshape(count, height, width, kh, kw // run, run * channels)
            canvas[:count] = 0
            runs = canvas[:count].reshape(count, tall, wide // run, run * channels)
            for i in range(kh):
                for j in range(kw // run):
                    rows = slice(i, i + (height - 1) * sh + 1, sh)
                    step = sw // run
                    cols = slice(j, j + (width - 1) * step + 1, step)
                    runs[:, rows, cols] += taps[:, :, :, i, j]
            dx[first:last] = canvas[:count, top : top + input_size[0], left : left + input_size[1]]
            add_bias(dx[first:last], bias)

    over_slices(part, n, least_pictures(height * width, (kernel.shape[1], out_channels)))
    return dx


def add_bias(y, bias):
    """y += bias, while y, some contiguous pictures, is in the cache."""
    if bias is not None:
        # A picture to a row: with 3 channels a row would be 3 numbers, and NumPy pays for each row.
        pictures = y.reshape(len(y), -1)
        pictures += np.tile(bias, pictures.shape[1] // bias.size)


class Lowering:
    """im2col of a few pictures at a time into one buffer."""

    def __init__(self, x, kernel_size, stride, padding, count, least_rows=CHUNK_ROWS):
        _, height, width, channels = x.shape
        (self.kh, self.kw), (self.sh, self.sw) = kernel_size, stride
        (top, bottom), (left, right) = padding
        self.x = x
        self.height, self.width = conv_output_size((height, width), kernel_size, stride, padding)
        self.taps = self.kh * self.kw * channels
        self.size = chunk_size(self.height * self.width, self.taps, x.itemsize, count, least_rows)
        self.buffer = np.empty((self.size, self.height, self.width, self.kh, self.kw, channels), x.dtype)
        # The border is zero once and for all; the inside is overwritten by every chunk.
        self.padded = np.zeros((self.size, top + height + bottom, left + width + right, channels), x.dtype)
        self.inside = self.padded[:, top : top + height, left : left + width]
        n_step, h_step, w_step, c_step = self.padded.strides
        self.windows = np.lib.stride_tricks.as_strided(
            self.padded,
            self.buffer.shape,
            (n_step, self.sh * h_step, self.sw * w_step, h_step, w_step, c_step),
        )

    def chunks(self, start, stop):
        return ((first, min(first + self.size, stop)) for first in range(start, stop, self.size))

    def __call__(self, first, last):
        """The window matrix of pictures first to last: (pictures·H'·W', kh·kw·C), valid until the next call."""
        count = last - first
        self.inside[:count] = self.x[first:last]
        self.buffer[:count] = self.windows[:count]
        return self.buffer[:count].reshape(-1, self.taps)


def least_pictures(windows, kernel_shape):
    """How many pictures, of so many windows each, are worth a worker; kernel_shape: (taps, O)."""
    taps, out_channels = kernel_shape
    return -(-LEAST_PRODUCTS // (windows * taps * (out_channels + COPY)))


def chunk_size(rows, taps, itemsize, count, least_rows=CHUNK_ROWS):
    """How many pictures, of `rows` windows of `taps` numbers each, to lower at once."""
    in_cache = CHUNK_BYTES // (rows * taps * itemsize)
    return max(1, min(count, max(in_cache, -(-least_rows // rows))))
