"""Convolutions with a 4×4 kernel, stride 2 and padding 1, by Winograd's minimal filtering: 9 products for 16.

Two steps (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", section 4, for F(2×2, 2×2)):

1. Space to depth. Two neighbouring rows and columns of the padded picture become channels: the 4×4 convolution of
   stride 2 over C channels is a 2×2 convolution of stride 1 over 4C channels. Along one axis, with s₀, s₁, s₂ three
   neighbours and W₀, W₁ the kernel's halves: y₀ = s₀W₀ + s₁W₁, y₁ = s₁W₀ + s₂W₁.
2. Those four products are three:

       m₁ = (s₀ − s₁)·W₀      m₂ = s₁·(W₀ + W₁)      m₃ = (s₂ − s₁)·W₁
       y₀ = m₁ + m₂           y₁ = m₂ + m₃

   Along both axes 9 for 16. A tile is 3×3 neighbours in, 2×2 outputs out; each of its 9 numbers is a vector of
   channels, so the products are 9 matrix products over all tiles. (s, W and m are linear in x, w and y, so the
   gradients are the same three maps, run backwards.)

The error is that of a few more additions: about 10⁻⁶ relative in float32, 10⁻¹⁵ in float64.
Pictures (N, H, W, C) with H and W multiples of 4; w (4, 4, C, O); y (N, H/2, W/2, O).
"""

import numpy as np

from minigan.ops.numpy_convolution import add_bias
from minigan.parallel import over_slices

KERNEL, STRIDE, PADDING = (4, 4), (2, 2), ((1, 1), (1, 1))
LEAST_CHANNELS = 64  # with fewer, the additions cost more than the products they save
LEAST_SIZE = 8  # pictures of 4×4 are one tile each: transforming the kernel costs more than the products
CHUNK_BYTES = 2 * 2**20  # of the tiles of a few pictures, one row of maps; measured: 1.5 to 2 MB, 6 MB leaves the cache
LEAST_ROWS = 128  # a product of fewer rows spends its time on packing the kernel
LEAST_TILES = 256  # in a batch; with fewer, transforming the kernel costs more than the products it saves


def suits(batch, input_size, kernel_size, stride, padding, channels):
    """Whether a convolution is of the kind that this file computes, and gains by it."""
    height, width = input_size
    return (
        (kernel_size, stride, padding) == (KERNEL, STRIDE, PADDING)
        and height % 4 == width % 4 == 0
        and min(input_size) >= LEAST_SIZE
        and channels >= LEAST_CHANNELS
        and batch * height * width // 16 >= LEAST_TILES
    )


def conv2d(x, w, bias=None):
    """As convolution.conv2d."""
    n, height, width, channels = x.shape
    y = np.empty((n, height // 2, width // 2, w.shape[3]), np.result_type(x, w))
    kernel = transform_kernel(w)

    def part(start, stop):
        for first, last in chunks(start, stop, height, width, channels, y.itemsize):
            for k, tiles in enumerate(picture_tiles(x[first:last])):
                add_output_tiles(np.matmul(tiles, kernel[k]), k, out=y[first:last])
            add_bias(y[first:last], bias)

    over_slices(part, n)
    return y


def conv2d_grad_input(dy, w, bias=None):
    """As convolution.conv2d_grad_input: the transforms of conv2d, transposed, in the opposite order."""
    n, height, width, _ = dy.shape
    channels = w.shape[2]
    dx = np.empty((n, 2 * height, 2 * width, channels), np.result_type(dy, w))
    kernel = transform_kernel(w).swapaxes(2, 3)

    def part(start, stop):
        for first, last in chunks(start, stop, 2 * height, 2 * width, channels, dx.itemsize):
            for k, tiles in enumerate(output_tiles(dy[first:last])):
                add_picture_tiles(np.matmul(tiles, kernel[k]), k, out=dx[first:last])
            add_bias(dx[first:last], bias)

    over_slices(part, n)
    return dx


def conv2d_grad_weight(x, dy):
    """As convolution.conv2d_grad_weight; each worker sums over its pictures, then the workers' sums are added."""
    n, height, width, channels = x.shape
    out_channels = dy.shape[3]

    def part(start, stop):
        total = np.empty((3, 3, 4 * channels, out_channels), np.result_type(x, dy))
        product = np.empty(total.shape[1:], total.dtype)
        for first, last in chunks(start, stop, height, width, channels, x.itemsize):
            both = zip(picture_tiles(x[first:last]), output_tiles(dy[first:last]), strict=True)
            for k, (tiles, d_tiles) in enumerate(both):
                np.matmul(tiles.swapaxes(1, 2), d_tiles, out=total[k] if first == start else product)
                if first > start:
                    total[k] += product
        return total

    return transform_kernel_transposed(over_slices(part, n), channels, out_channels)


def chunks(start, stop, height, width, channels, itemsize):
    """(first, last) of a few pictures at a time, of almost equal count, whose tiles stay in the cache."""
    tiles = height * width // 16
    count = max(CHUNK_BYTES // (3 * tiles * 4 * channels * itemsize), -(-LEAST_ROWS // tiles), 1)
    parts = -(-(stop - start) // count)
    bounds = [start + (stop - start) * part // parts for part in range(parts + 1)]
    return zip(bounds[:-1], bounds[1:], strict=True)


def transform_kernel(w):
    """(4, 4, C, O) to (3, 3, 4C, O): W₀, W₀ + W₁, W₁ along both axes."""
    channels, out_channels = w.shape[2:]
    w = w.reshape(2, 2, 2, 2, channels, out_channels)  # (half, row in half, half, column in half, C, O)
    both = np.empty((3, 3, 2, 2, channels, out_channels), w.dtype)

    def part(start, stop):
        kernel, out = w[..., start:stop, :], both[..., start:stop, :]
        for half, k in ((0, 0), (1, 2)):
            out[k, 0], out[k, 2] = kernel[half, :, 0], kernel[half, :, 1]
            np.add(out[k, 0], out[k, 2], out=out[k, 1])
        np.add(out[0], out[2], out=out[1])

    over_slices(part, channels, least=64)
    return both.reshape(3, 3, 4 * channels, out_channels)


def transform_kernel_transposed(partial_sums, channels, out_channels):
    """(3, 3, 4C, O), summed over the workers' parts, to (4, 4, C, O): dW₀ = d₀ + d₁, dW₁ = d₁ + d₂ along both axes."""
    parts = [d.reshape(3, 3, 2, 2, channels, out_channels) for d in partial_sums]
    dw = np.empty((2, 2, 2, 2, channels, out_channels), parts[0].dtype)

    def part(start, stop):
        d = parts[0][..., start:stop, :]
        for other in parts[1:]:
            d += other[..., start:stop, :]
        out = dw[..., start:stop, :]
        rows = d[:2] + d[1:]  # (half, 3, 2, 2, C, O)
        np.add(rows[:, 0], rows[:, 1], out=out[:, :, 0])
        np.add(rows[:, 1], rows[:, 2], out=out[:, :, 1])

    over_slices(part, channels, least=64)
    return dw.reshape(4, 4, channels, out_channels)


def picture_tiles(x):
    """(N, H, W, C) to s₀ − s₁, s₁, s₂ − s₁ along both axes: for each of the three along the rows, (3, tiles, 4C).

    One row of maps at a time, in one buffer: written, multiplied and overwritten while it is in the cache
    (at 16×16 pixels, 64 channels: 8.1 ms in place of 8.5 for all nine at once; the weight gradient 8.4 for 10.3).
    """
    n, height, width, channels = x.shape
    tall, wide = height // 4, width // 4  # tiles
    row = np.empty((n, tall, 2, width + 2, channels), x.dtype)
    row[..., 0, :] = row[..., -1, :] = 0  # padding, a column left and right
    pairs = row.reshape(n, tall, 2, 2 * wide + 1, 2 * channels)  # two columns to a place
    s0, s1, s2 = pairs[..., 0:-1:2, :], pairs[..., 1::2, :], pairs[..., 2::2, :]  # (N, tall, 2, wide, 2C)
    tiles = np.empty((3, n, tall, wide, 2, 2 * channels), x.dtype)
    m1, m2, m3 = tiles.swapaxes(3, 4)
    for k in range(3):
        map_rows(x, k, out=row[..., 1:-1, :])
        np.subtract(s0, s1, out=m1)
        m2[...] = s1
        np.subtract(s2, s1, out=m3)
        yield tiles.reshape(3, n * tall * wide, 4 * channels)


def map_rows(x, k, out):
    """The k-th of s₀ − s₁, s₁, s₂ − s₁ along the rows: (N, H, W, C) to (N, H/4, 2, W, C), two rows to a place.

    Of four rows of the picture, 4t to 4t + 3, tile t has s₁ = rows 4t + 1 and 4t + 2, s₀ = 4t − 1 and 4t,
    s₂ = 4t + 3 and 4t + 4. Row −1 and row H are padding.
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


def add_picture_tiles(d_tiles, k, out):
    """picture_tiles transposed: the k-th (3, tiles, 4C) into (N, H, W, C), where k = 0 replaces what `out` held.

    Along both axes ds₀ = d₀, ds₁ = d₁ − d₀ − d₂, ds₂ = d₂, and a tile's s₂ is the next tile's s₀: those are added.
    """
    n, height, width, channels = out.shape
    tall, wide = height // 4, width // 4
    d0, d1, d2 = d_tiles.reshape(3, n, tall, wide, 2, 2 * channels).swapaxes(3, 4)  # (N, tall, 2, wide, 2C)
    row = np.empty((n, tall, 2, width + 2, channels), out.dtype)
    pairs = row.reshape(n, tall, 2, 2 * wide + 1, 2 * channels)
    odd, even = pairs[..., 1::2, :], pairs[..., 0::2, :]
    np.subtract(d1, d0, out=odd)
    odd -= d2
    even[..., 0, :] = d0[..., 0, :]
    np.add(d0[..., 1:, :], d2[..., :-1, :], out=even[..., 1:-1, :])
    even[..., -1, :] = d2[..., -1, :]

    row = row[..., 1:-1, :]  # what fell on the padding is dropped, here and at the first and last row
    rows = out.reshape(n, tall, 4, width, channels)
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


def output_tiles(dy):
    """(N, H/2, W/2, O) to dm₁ = dy₀, dm₂ = dy₀ + dy₁, dm₃ = dy₁ along both axes: three times (3, tiles, O)."""
    n, height, width, channels = dy.shape
    y = dy.reshape(n, height // 2, 2, width // 2, 2, channels)
    y0, y1 = y[:, :, 0], y[:, :, 1]  # (N, tall, wide, 2, O)
    m = np.empty((3, n, height // 2, width // 2, channels), dy.dtype)
    for k in range(3):
        row = y0 + y1 if k == 1 else (y0, y1)[k // 2]
        m[0] = row[..., 0, :]
        np.add(row[..., 0, :], row[..., 1, :], out=m[1])
        m[2] = row[..., 1, :]
        yield m.reshape(3, -1, channels)


def add_output_tiles(products, k, out):
    """The k-th (3, tiles, O) into (N, H/2, W/2, O): y₀ = m₁ + m₂, y₁ = m₂ + m₃ along both axes.

    k = 0 and 1 replace what `out` held; `products` is overwritten.
    """
    n, height, width, channels = out.shape
    m = products.reshape(3, n, height // 2, width // 2, channels)
    y = out.reshape(n, height // 2, 2, width // 2, 2, channels)
    first, second = y[:, :, 0], y[:, :, 1]  # (N, tall, wide, 2, O)
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
