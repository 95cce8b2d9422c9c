"""Winograd's minimal filtering for a 4×4 kernel, stride 2 and padding 1: 9 products instead of 16.

Two steps (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", section 4, for F(2×2, 2×2)):

1. Space to depth. Two neighbouring rows and columns of the padded image become channels: the 4×4 convolution of
   stride 2 over C channels is a 2×2 convolution of stride 1 over 4C channels. Along one axis, with three neighbours
   s₀, s₁, s₂ and the kernel's halves W₀, W₁: y₀ = s₀W₀ + s₁W₁, y₁ = s₁W₀ + s₂W₁.
2. Three products instead of those four:

       m₁ = (s₀ − s₁)·W₀      m₂ = s₁·(W₀ + W₁)      m₃ = (s₂ − s₁)·W₁
       y₀ = m₁ + m₂           y₁ = m₂ + m₃

   Along both axes, that is 9 instead of 16. A tile maps 3×3 neighbours to 2×2 outputs; each of its 9 numbers is a
   vector of channels, so the products are 9 matrix products over all tiles. The three transforms, of x, of w and back
   to y, are linear, so the gradients use the same three, transposed and in the opposite order.

The error is that of a few more additions: about 10⁻⁶ relative in float32, 10⁻¹⁵ in float64.
Images (N, H, W, C) with H and W multiples of 4; w (4, 4, C, O); y (N, H/2, W/2, O).
"""

from collections.abc import Iterator

import numpy as np

from minigan.backend import Array
from minigan.ops.cpu.im2col import add_bias
from minigan.ops.cpu.threads import parallel_for
from minigan.ops.geometry import Padding, Size

KERNEL, STRIDE, PADDING = (4, 4), (2, 2), ((1, 1), (1, 1))
MIN_CHANNELS = 64  # with fewer, the additions cost more than the products they save
MIN_SIZE = 8  # a 4×4 image is a single tile: transforming the kernel costs more than the products
CHUNK_BYTES = 2 * 2**20  # of tiles, for one row of the 3×3; measured: 1.5 to 2 MB are best, 6 MB leaves the cache
MIN_ROWS = 128  # of a product; with fewer, BLAS spends its time on packing the kernel
MIN_TILES = 256  # in a batch; with fewer, transforming the kernel costs more than the products it saves


def is_applicable(
    batch: int, input_size: Size, kernel_size: Size, stride: Size, padding: Padding, channels: int
) -> bool:
    """Whether this file can compute such a convolution, and is the faster choice."""
    height, width = input_size
    return (
        (kernel_size, stride, padding) == (KERNEL, STRIDE, PADDING)
        and height % 4 == width % 4 == 0
        and min(input_size) >= MIN_SIZE
        and channels >= MIN_CHANNELS
        and batch * height * width // 16 >= MIN_TILES
    )


def conv2d(x: Array, w: Array, bias: Array | None = None) -> Array:
    """See convolution.conv2d."""
    n, height, width, channels = x.shape
    y = np.empty((n, height // 2, width // 2, w.shape[3]), np.result_type(x, w))
    kernel = transform_kernel(w)  # (3, 3, 4C, O)

    def worker(start: int, stop: int) -> None:
        for first, last in chunks(start, stop, height, width, channels, y.itemsize):
            for k, tiles in enumerate(image_tiles(x[first:last])):
                add_output_tiles(np.matmul(tiles, kernel[k]), k, out=y[first:last])
            add_bias(y[first:last], bias)

    parallel_for(worker, n)
    return y


def conv2d_grad_input(dy: Array, w: Array, bias: Array | None = None) -> Array:
    """See convolution.conv2d_grad_input. The transforms of conv2d, transposed, in the opposite order."""
    n, height, width, _ = dy.shape
    channels = w.shape[2]
    dx = np.empty((n, 2 * height, 2 * width, channels), np.result_type(dy, w))
    kernel = transform_kernel(w).swapaxes(2, 3)  # (3, 3, O, 4C)

    def worker(start: int, stop: int) -> None:
        for first, last in chunks(start, stop, 2 * height, 2 * width, channels, dx.itemsize):
            for k, tiles in enumerate(output_tiles(dy[first:last])):
                add_image_tiles(np.matmul(tiles, kernel[k]), k, out=dx[first:last])
            add_bias(dx[first:last], bias)

    parallel_for(worker, n)
    return dx


def conv2d_grad_weight(x: Array, dy: Array) -> Array:
    """See convolution.conv2d_grad_weight. Each worker sums over its images, then the workers' sums are added."""
    n, height, width, channels = x.shape
    out_channels = dy.shape[3]

    def worker(start: int, stop: int) -> Array:
        total = np.empty((3, 3, 4 * channels, out_channels), np.result_type(x, dy))
        product = np.empty(total.shape[1:], total.dtype)
        for first, last in chunks(start, stop, height, width, channels, x.itemsize):
            pairs = zip(image_tiles(x[first:last]), output_tiles(dy[first:last]), strict=True)
            for k, (tiles, d_tiles) in enumerate(pairs):
                np.matmul(tiles.swapaxes(1, 2), d_tiles, out=total[k] if first == start else product)
                if first > start:
                    total[k] += product
        return total

    return transform_kernel_transposed(parallel_for(worker, n), channels, out_channels)


def chunks(start: int, stop: int, height: int, width: int, channels: int, itemsize: int) -> Iterator[tuple[int, int]]:
    """Split images start to stop into chunks of almost equal size whose tiles stay in the cache: (first, last) each."""
    tiles = height * width // 16
    size = max(CHUNK_BYTES // (3 * tiles * 4 * channels * itemsize), -(-MIN_ROWS // tiles), 1)
    count = -(-(stop - start) // size)
    bounds = [start + (stop - start) * chunk // count for chunk in range(count + 1)]
    return zip(bounds[:-1], bounds[1:], strict=True)


def transform_kernel(w: Array) -> Array:
    """(4, 4, C, O) to (3, 3, 4C, O): W₀, W₀ + W₁, W₁ along both axes."""
    channels, out_channels = w.shape[2:]
    w = w.reshape(2, 2, 2, 2, channels, out_channels)  # (half, row in half, half, column in half, C, O)
    transformed = np.empty((3, 3, 2, 2, channels, out_channels), w.dtype)

    def worker(start: int, stop: int) -> None:
        kernel, out = w[..., start:stop, :], transformed[..., start:stop, :]
        for half, k in ((0, 0), (1, 2)):
            out[k, 0], out[k, 2] = kernel[half, :, 0], kernel[half, :, 1]
            np.add(out[k, 0], out[k, 2], out=out[k, 1])
        np.add(out[0], out[2], out=out[1])

    parallel_for(worker, channels, minimum=64)
    return transformed.reshape(3, 3, 4 * channels, out_channels)


def transform_kernel_transposed(worker_sums: list[Array], channels: int, out_channels: int) -> Array:
    """The sum of the workers' (3, 3, 4C, O), to (4, 4, C, O): dW₀ = d₀ + d₁, dW₁ = d₁ + d₂ along both axes."""
    first, *others = (d.reshape(3, 3, 2, 2, channels, out_channels) for d in worker_sums)
    dw = np.empty((2, 2, 2, 2, channels, out_channels), first.dtype)

    def worker(start: int, stop: int) -> None:
        d = first[..., start:stop, :]
        for other in others:
            d += other[..., start:stop, :]
        out = dw[..., start:stop, :]
        rows = d[:2] + d[1:]  # (half, 3, 2, 2, C, O)
        np.add(rows[:, 0], rows[:, 1], out=out[:, :, 0])
        np.add(rows[:, 1], rows[:, 2], out=out[:, :, 1])

    parallel_for(worker, channels, minimum=64)
    return dw.reshape(4, 4, channels, out_channels)


def image_tiles(x: Array) -> Iterator[Array]:
    """(N, H, W, C) to s₀ − s₁, s₁, s₂ − s₁ along both axes: for each of the three along the rows, (3, tiles, 4C).

    One row of the 3×3 at a time, in one buffer: it is written, multiplied and overwritten while it is in the cache. At
    16×16 pixels and 64 channels, this takes 8.1 ms instead of 8.5 for all nine at once, and the weight gradient 8.4
    instead of 10.3.
    """
    n, height, width, channels = x.shape
    tile_rows, tile_columns = height // 4, width // 4
    row = np.empty((n, tile_rows, 2, width + 2, channels), x.dtype)
    row[..., 0, :] = row[..., -1, :] = 0  # padding: one column at the left and one at the right
    pairs = row.reshape(n, tile_rows, 2, 2 * tile_columns + 1, 2 * channels)  # two neighbouring columns become one
    s0, s1, s2 = pairs[..., 0:-1:2, :], pairs[..., 1::2, :], pairs[..., 2::2, :]  # (N, tile rows, 2, tile columns, 2C)
    tiles = np.empty((3, n, tile_rows, tile_columns, 2, 2 * channels), x.dtype)
    m1, m2, m3 = tiles.swapaxes(3, 4)  # views, each shaped like s0
    for k in range(3):
        transform_rows(x, k, out=row[..., 1:-1, :])
        np.subtract(s0, s1, out=m1)
        m2[...] = s1
        np.subtract(s2, s1, out=m3)
        yield tiles.reshape(3, n * tile_rows * tile_columns, 4 * channels)


def transform_rows(x: Array, k: int, out: Array) -> None:
    """The k-th of s₀ − s₁, s₁, s₂ − s₁ along the rows: (N, H, W, C) to (N, H/4, 2, W, C), each s being two rows of x.

    Tile t has s₁ = rows 4t + 1 and 4t + 2 of the image, s₀ = rows 4t − 1 and 4t, s₂ = rows 4t + 3 and 4t + 4. Rows −1
    and H are padding, so the first and the last tile subtract from zero there.
    """
    n, _, width, channels = x.shape
    rows = x.reshape(n, -1, 4, width, channels)
    if k == 0:
        np.negative(rows[:, 0, 1], out=out[:, 0, 0])
        np.subtract(rows[:, :-1, 3], rows[:, 1:, 1], out=out[:, 1:, 0])
        np.subtract(rows[:, :, 0], rows[:, :, 2], out=out[:, :, 1])
    elif k == 1:
        out[...] = rows[:, :, 1:3]
    else:
        np.subtract(rows[:, :, 3], rows[:, :, 1], out=out[:, :, 0])
        np.subtract(rows[:, 1:, 0], rows[:, :-1, 2], out=out[:, :-1, 1])
        np.negative(rows[:, -1, 2], out=out[:, -1, 1])


def add_image_tiles(d_tiles: Array, k: int, out: Array) -> None:
    """The transpose of image_tiles: add the k-th (3, tiles, 4C) to `out`, (N, H, W, C); k = 0 overwrites `out`.

    Along both axes ds₀ = d₀, ds₁ = d₁ − d₀ − d₂ and ds₂ = d₂. The s₂ of a tile is the s₀ of the next, so those two are
    added.
    """
    n, height, width, channels = out.shape
    tile_rows, tile_columns = height // 4, width // 4
    d0, d1, d2 = d_tiles.reshape(3, n, tile_rows, tile_columns, 2, 2 * channels).swapaxes(3, 4)
    row = np.empty((n, tile_rows, 2, width + 2, channels), out.dtype)
    pairs = row.reshape(n, tile_rows, 2, 2 * tile_columns + 1, 2 * channels)
    odd, even = pairs[..., 1::2, :], pairs[..., 0::2, :]  # s₁ of each tile; s₀ and s₂, shared by neighbouring tiles
    np.subtract(d1, d0, out=odd)
    odd -= d2
    even[..., 0, :] = d0[..., 0, :]
    np.add(d0[..., 1:, :], d2[..., :-1, :], out=even[..., 1:-1, :])
    even[..., -1, :] = d2[..., -1, :]

    row = row[..., 1:-1, :]  # drop the gradient of the padding, here for the columns and below for rows −1 and H
    rows = out.reshape(n, tile_rows, 4, width, channels)
    if k == 0:
        rows[:, :, 0] = row[:, :, 1]
        np.negative(row, out=rows[:, :, 1:3])
        rows[:, :-1, 3] = row[:, 1:, 0]
        rows[:, -1, 3] = 0
    elif k == 1:
        rows[:, :, 1:3] += row
    else:
        rows[:, 1:, 0] += row[:, :-1, 1]
        rows[:, :, 1:3] -= row
        rows[:, :, 3] += row[:, :, 0]


def output_tiles(dy: Array) -> Iterator[Array]:
    """(N, H/2, W/2, O) to dm₁ = dy₀, dm₂ = dy₀ + dy₁, dm₃ = dy₁ along both axes: three times (3, tiles, O)."""
    n, height, width, channels = dy.shape
    y = dy.reshape(n, height // 2, 2, width // 2, 2, channels)
    y0, y1 = y[:, :, 0], y[:, :, 1]  # (N, tile rows, tile columns, 2, O)
    m = np.empty((3, n, height // 2, width // 2, channels), dy.dtype)
    for k in range(3):
        row = y0 + y1 if k == 1 else (y0, y1)[k // 2]
        m[0] = row[..., 0, :]
        np.add(row[..., 0, :], row[..., 1, :], out=m[1])
        m[2] = row[..., 1, :]
        yield m.reshape(3, -1, channels)


def add_output_tiles(products: Array, k: int, out: Array) -> None:
    """Add the k-th (3, tiles, O) to `out`, (N, H/2, W/2, O): y₀ = m₁ + m₂, y₁ = m₂ + m₃ along both axes.

    k = 0 and k = 1 overwrite `out`; `products` is overwritten too.
    """
    n, height, width, channels = out.shape
    m = products.reshape(3, n, height // 2, width // 2, channels)
    y = out.reshape(n, height // 2, 2, width // 2, 2, channels)
    first, second = y[:, :, 0], y[:, :, 1]  # (N, tile rows, tile columns, 2, O)
    if k < 2:
        row = first if k == 0 else second
        np.add(m[0], m[1], out=row[..., 0, :])
        np.add(m[1], m[2], out=row[..., 1, :])
    if k == 1:
        first += second
    if k == 2:
        m[:2] += m[1:]
        second[..., 0, :] += m[0]
        second[..., 1, :] += m[1]
