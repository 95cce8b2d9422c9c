"""The three convolution primitives on the CPU: im2col as in convolution.py, in chunks that stay in the cache.

The matrix of im2col is kh·kw/s² times as large as the images: writing it to memory and reading it back takes longer
than the product. Each worker lowers a few images at a time into a buffer of about one megabyte (writes their windows as
rows of a matrix), multiplies, and continues with the next images; the buffer never leaves its cache.
"""

from collections.abc import Iterator

import numpy as np

from minigan.backend import Array
from minigan.ops.cpu.threads import MIN_MULTIPLY_ADDS, parallel_for
from minigan.ops.geometry import Padding, Size, conv_output_size

CHUNK_BYTES = 2**20  # of the im2col matrix; measured: 0.5 to 2 MB are equal, 8 MB takes 1.3 times as long
MIN_ROWS = 128  # of a chunk's matrix; with fewer, BLAS spends its time on packing the kernel
COPY_COST = 36  # copying one number into the matrix takes as long as 36 multiply-adds; measured at 10 to 64 channels


def conv2d(x: Array, w: Array, stride: Size, padding: Padding, bias: Array | None = None) -> Array:
    """See convolution.conv2d."""
    kh, kw, _, out_channels = w.shape
    n = x.shape[0]
    height, width = conv_output_size(x.shape[1:3], (kh, kw), stride, padding)
    y = np.empty((n, height, width, out_channels), np.result_type(x, w))
    kernel = np.ascontiguousarray(w).reshape(-1, out_channels)  # (kh·kw·C, O)

    def worker(start: int, stop: int) -> None:
        lower = Lowering(x, (kh, kw), stride, padding, stop - start)
        for first, last in lower.chunks(start, stop):
            columns = lower(first, last)  # (images·H'·W', kh·kw·C)
            np.matmul(columns, kernel, out=y[first:last].reshape(columns.shape[0], out_channels))
            add_bias(y[first:last], bias)

    parallel_for(worker, n, min_images(height * width, kernel.shape))
    return y


def conv2d_grad_weight(x: Array, dy: Array, kernel_size: Size, stride: Size, padding: Padding) -> Array:
    """See convolution.conv2d_grad_weight. Each worker sums over its images, then the workers' sums are added."""
    n, out_channels = dy.shape[0], dy.shape[3]
    dy = np.ascontiguousarray(dy)

    def worker(start: int, stop: int) -> Array:
        # The product of every chunk is added to a matrix as large as the kernel, so a few large chunks are best.
        lower = Lowering(x, kernel_size, stride, padding, stop - start, min_rows=1024)
        products = (
            lower(first, last).T @ dy[first:last].reshape(-1, out_channels) for first, last in lower.chunks(start, stop)
        )
        total = next(products)
        for product in products:
            total += product
        return total

    kernel_shape = (kernel_size[0] * kernel_size[1] * x.shape[3], out_channels)
    dw, *others = parallel_for(worker, n, min_images(dy.shape[1] * dy.shape[2], kernel_shape))
    for other in others:
        dw += other
    return dw.reshape(*kernel_size, x.shape[3], out_channels)


def conv2d_grad_input(
    dy: Array, w: Array, input_size: Size, stride: Size, padding: Padding, bias: Array | None = None
) -> Array:
    """See convolution.conv2d_grad_input."""
    kh, kw, channels, out_channels = w.shape
    n, height, width, _ = dy.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    dx = np.empty((n, *input_size, channels), np.result_type(dy, w))
    kernel = np.ascontiguousarray(w).reshape(-1, out_channels).T  # (O, kh·kw·C)
    dy = np.ascontiguousarray(dy)
    # Taps that are neighbours along a row of the kernel are neighbours in dx as well, and contiguous in both: if sw
    # divides kw, sw taps at a time are added as one run of sw·C numbers.
    run = sw if kw % sw == 0 else 1
    # The windows are added on a canvas that has room for all of them, padding included, and whose width is a multiple
    # of `run`; then the padding is cropped.
    canvas_height = max((height - 1) * sh + kh, top + input_size[0])
    canvas_width = max((width - 1) * sw + kw, left + input_size[1])
    canvas_width = -(-canvas_width // run) * run

    def worker(start: int, stop: int) -> None:
        size = chunk_size(height * width, kh * kw * channels, dy.itemsize, stop - start)
        columns = np.empty((size * height * width, kh * kw * channels), dx.dtype)
        canvas = np.empty((size, canvas_height, canvas_width, channels), dx.dtype)
        for first in range(start, stop, size):
            last = min(first + size, stop)
            count = last - first
            chunk_columns = columns[: count * height * width]
            np.matmul(dy[first:last].reshape(-1, out_channels), kernel, out=chunk_columns)
            taps = chunk_columns.reshape(count, height, width, kh, kw // run, run * channels)
            canvas[:count] = 0
            runs = canvas[:count].reshape(count, canvas_height, canvas_width // run, run * channels)
            for i in range(kh):
                for j in range(kw // run):
                    rows = slice(i, i + (height - 1) * sh + 1, sh)
                    step = sw // run
                    cols = slice(j, j + (width - 1) * step + 1, step)
                    runs[:, rows, cols] += taps[:, :, :, i, j]
            dx[first:last] = canvas[:count, top : top + input_size[0], left : left + input_size[1]]
            add_bias(dx[first:last], bias)

    parallel_for(worker, n, min_images(height * width, (kernel.shape[1], out_channels)))
    return dx


def add_bias(y: Array, bias: Array | None) -> None:
    """y += bias, for a few contiguous images y, (n, H, W, C), while they are in the cache."""
    if bias is not None and y.size:
        # One image to a row: with 3 channels a row would be 3 numbers, and NumPy has a cost per row.
        images = y.reshape(len(y), -1)
        images += np.tile(bias, images.shape[1] // bias.size)


class Lowering:
    """im2col of a few images at a time, into one buffer that is used again for every chunk.

    count: how many images will be lowered in total; a chunk has at least `min_rows` rows.
    """

    def __init__(
        self, x: Array, kernel_size: Size, stride: Size, padding: Padding, count: int, min_rows: int | None = None
    ) -> None:
        _, height, width, channels = x.shape
        (self.kh, self.kw), (self.sh, self.sw) = kernel_size, stride
        (top, bottom), (left, right) = padding
        self.x = x
        self.height, self.width = conv_output_size((height, width), kernel_size, stride, padding)
        self.taps = self.kh * self.kw * channels
        self.size = chunk_size(self.height * self.width, self.taps, x.itemsize, count, min_rows)
        self.buffer = np.empty((self.size, self.height, self.width, self.kh, self.kw, channels), x.dtype)
        # The border is set to zero once; every chunk overwrites only the inside.
        self.padded = np.zeros((self.size, top + height + bottom, left + width + right, channels), x.dtype)
        self.inside = self.padded[:, top : top + height, left : left + width]
        n_step, h_step, w_step, c_step = self.padded.strides
        self.windows = np.lib.stride_tricks.as_strided(
            self.padded,
            self.buffer.shape,
            (n_step, self.sh * h_step, self.sw * w_step, h_step, w_step, c_step),
        )

    def chunks(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Split images start to stop into chunks: (first, last) each; no images are one empty chunk."""
        return ((first, min(first + self.size, stop)) for first in range(start, max(stop, start + 1), self.size))

    def __call__(self, first: int, last: int) -> Array:
        """The im2col matrix of images first to last: (images·H'·W', kh·kw·C), valid until the next call."""
        count = last - first
        self.inside[:count] = self.x[first:last]
        self.buffer[:count] = self.windows[:count]
        return self.buffer[:count].reshape(-1, self.taps)


def min_images(windows: int, kernel_shape: tuple[int, int]) -> int:
    """How many images, of `windows` windows each, are worth a worker; kernel_shape: (kh·kw·C, O)."""
    taps, out_channels = kernel_shape
    return -(-MIN_MULTIPLY_ADDS // (windows * taps * (out_channels + COPY_COST)))


def chunk_size(windows: int, taps: int, itemsize: int, count: int, min_rows: int | None = None) -> int:
    """How many images, of `windows` windows of `taps` numbers each, to lower at once; min_rows: MIN_ROWS by default."""
    in_cache = CHUNK_BYTES // (windows * taps * itemsize)
    return max(1, min(count, max(in_cache, -(-(min_rows or MIN_ROWS) // windows))))
