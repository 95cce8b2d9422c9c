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

from minigan.parallel import over_slices

KERNEL, STRIDE, PADDING = (4, 4), (2, 2), ((1, 1), (1, 1))
LEAST_CHANNELS = 64  # with fewer, the additions cost more than the products they save
LEAST_SIZE = 8  # pictures of 4×4 are one tile each: transforming the kernel costs more than the products
CHUNK_BYTES = 3 * 2**20  # of the transformed tiles of a few pictures
LEAST_TILES = 128  # a product of fewer rows spends its time on packing the kernel


def suits(input_size, kernel_size, stride, padding, channels):
    """Whether a convolution is of the kind that this file computes, and gains by it."""
    return (
        (kernel_size, stride, padding) == (KERNEL, STRIDE, PADDING)
        and input_size[0] % 4 == input_size[1] % 4 == 0
        and min(input_size) >= LEAST_SIZE
        and channels >= LEAST_CHANNELS
    )


def conv2d(x, w):
    """As convolution.conv2d."""
    n, height, width, channels = x.shape
    y = np.empty((n, height // 2, width // 2, w.shape[3]), np.result_type(x, w))
    kernel = transform_kernel(w)

    def part(start, stop):
        for first, last in chunks(start, stop, height, width, channels, y.itemsize):
            transform_outputs(np.matmul(transform_pictures(x[first:last]), kernel), out=y[first:last])

    over_slices(part, n)
    return y


def conv2d_grad_input(dy, w):
    """As convolution.conv2d_grad_input: the transforms of conv2d, transposed, in the opposite order."""
    n, height, width, _ = dy.shape
    channels = w.shape[2]
    dx = np.empty((n, 2 * height, 2 * width, channels), np.result_type(dy, w))
    kernel = transform_kernel(w).swapaxes(1, 2)

    def part(start, stop):
        for first, last in chunks(start, stop, 2 * height, 2 * width, channels, dx.itemsize):
            tiles = np.matmul(transform_outputs_transposed(dy[first:last]), kernel)
            transform_pictures_transposed(tiles, out=dx[first:last])

    over_slices(part, n)
    return dx


def conv2d_grad_weight(x, dy):
    """As convolution.conv2d_grad_weight; each worker sums over its pictures, then the workers' sums are added."""
    n, height, width, channels = x.shape
    out_channels = dy.shape[3]

    def part(start, stop):
        total = None
        for first, last in chunks(start, stop, height, width, channels, 2 * x.itemsize / 5):
            tiles = transform_pictures(x[first:last])
            product = np.matmul(tiles.swapaxes(1, 2), transform_outputs_transposed(dy[first:last]))
            if total is None:
                total = product
            else:
                total += product
        return total

    return transform_kernel_transposed(over_slices(part, n), channels, out_channels)


def chunks(start, stop, height, width, channels, itemsize):
    """(first, last) of a few pictures at a time, whose tiles stay in the cache."""
    tiles = height * width // 16
    count = int(CHUNK_BYTES // (9 * tiles * 4 * channels * itemsize))
    count = max(count, -(-LEAST_TILES // tiles), 1)
    return ((first, min(first + count, stop)) for first in range(start, stop, count))


def transform_kernel(w):
    """(4, 4, C, O) to (9, 4C, O): W₀, W₀ + W₁, W₁ along both axes."""
    channels, out_channels = w.shape[2:]
    w = w.reshape(2, 2, 2, 2, channels, out_channels)  # (half, row in half, half, column in half, C, O)
    both = np.empty((3, 3, 2, 2, channels, out_channels), w.dtype)

    def part(start, stop):
        kernel, out = w[..., start:stop, :], both[..., start:stop, :]
        rows = np.stack([kernel[0], kernel[0] + kernel[1], kernel[1]])  # (3, 2, half, 2, C, O)
        out[:, 0] = rows[:, :, 0]
        np.add(rows[:, :, 0], rows[:, :, 1], out=out[:, 1])
        out[:, 2] = rows[:, :, 1]

    over_slices(part, channels, least=64)
    return both.reshape(9, 4 * channels, out_channels)


def transform_kernel_transposed(partial_sums, channels, out_channels):
    """(9, 4C, O), summed over the workers' parts, to (4, 4, C, O): dW₀ = d₀ + d₁, dW₁ = d₁ + d₂ along both axes."""
    parts = [d.reshape(3, 3, 2, 2, channels, out_channels) for d in partial_sums]
    dw = np.empty((2, 2, 2, 2, channels, out_channels), parts[0].dtype)

    def part(start, stop):
        d = parts[0][..., start:stop, :]
        for other in parts[1:]:
            d += other[..., start:stop, :]
        out = dw[..., start:stop, :]
        rows = np.stack([d[0] + d[1], d[1] + d[2]])  # (half, 3, 2, 2, C, O)
        np.add(rows[:, 0], rows[:, 1], out=out[:, :, 0])
        np.add(rows[:, 1], rows[:, 2], out=out[:, :, 1])

    over_slices(part, channels, least=64)
    return dw.reshape(4, 4, channels, out_channels)


def space_to_depth(x):
    """(N, H, W, C) to (N, H/2 + 1, W/2 + 1, 4C): the padded picture, two rows and two columns to a place."""
    n, height, width, channels = x.shape
    s = np.zeros((n, height // 2 + 1, width // 2 + 1, 2, 2, channels), x.dtype)
    # Row r of the picture is row r + 1 of the padded one: even rows are second in their pair, odd ones first.
    s[:, :-1, :-1, 1, 1] = x[:, 0::2, 0::2]
    s[:, :-1, 1:, 1, 0] = x[:, 0::2, 1::2]
    s[:, 1:, :-1, 0, 1] = x[:, 1::2, 0::2]
    s[:, 1:, 1:, 0, 0] = x[:, 1::2, 1::2]
    return s.reshape(*s.shape[:3], 4 * channels)


def depth_to_space(s, out):
    """space_to_depth backwards, written to `out` (N, H, W, C): what fell on the padding is dropped."""
    s = s.reshape(*s.shape[:3], 2, 2, out.shape[3])
    out[:, 0::2, 0::2] = s[:, :-1, :-1, 1, 1]
    out[:, 0::2, 1::2] = s[:, :-1, 1:, 1, 0]
    out[:, 1::2, 0::2] = s[:, 1:, :-1, 0, 1]
    out[:, 1::2, 1::2] = s[:, 1:, 1:, 0, 0]


def transform_pictures(x):
    """(N, H, W, C) to (9, tiles, 4C): s₀ − s₁, s₁, s₂ − s₁ along both axes, of the space-to-depth picture."""
    s = space_to_depth(x)  # (N, 2·tall + 1, 2·wide + 1, 4C)
    n, channels = len(s), s.shape[3]
    tall, wide = s.shape[1] // 2, s.shape[2] // 2  # tiles
    tiles = np.empty((3, 3, n, tall, wide, channels), s.dtype)
    s0, s1, s2 = s[:, 0:-1:2], s[:, 1::2], s[:, 2::2]  # (N, tall, 2·wide + 1, 4C)
    # Rows first: their runs in memory are long, so that NumPy's cost for each run hardly counts.
    for row, tile in zip((s0 - s1, s1, s2 - s1), tiles, strict=True):
        r0, r1, r2 = row[:, :, 0:-1:2], row[:, :, 1::2], row[:, :, 2::2]  # (N, tall, wide, 4C)
        np.subtract(r0, r1, out=tile[0])
        tile[1] = r1
        np.subtract(r2, r1, out=tile[2])
    return tiles.reshape(9, n * tall * wide, channels)


def transform_pictures_transposed(d_tiles, out):
    """(9, tiles, 4C) to (N, H, W, C), written to `out`: ds₀ = d₀, ds₁ = d₁ − d₀ − d₂, ds₂ = d₂ along both axes.

    A tile's s₂ is the next tile's s₀: those two are added.
    """
    n, height, width, channels = out.shape
    tall, wide = height // 4, width // 4
    d = d_tiles.reshape(3, 3, n, tall, wide, 4 * channels)
    rows = np.empty((3, n, tall, 2 * wide + 1, 4 * channels), d.dtype)
    for row, tile in zip(rows, d, strict=True):
        odd, even = row[:, :, 1::2], row[:, :, 0::2]
        np.subtract(tile[1], tile[0], out=odd)
        odd -= tile[2]
        even[:, :, 0] = tile[0, :, :, 0]
        np.add(tile[0, :, :, 1:], tile[2, :, :, :-1], out=even[:, :, 1:-1])
        even[:, :, -1] = tile[2, :, :, -1]
    s = np.empty((n, 2 * tall + 1, 2 * wide + 1, 4 * channels), d.dtype)
    odd, even = s[:, 1::2], s[:, 0::2]
    np.subtract(rows[1], rows[0], out=odd)
    odd -= rows[2]
    even[:, 0] = rows[0, :, 0]
    np.add(rows[0, :, 1:], rows[2, :, :-1], out=even[:, 1:-1])
    even[:, -1] = rows[2, :, -1]
    depth_to_space(s, out)


def transform_outputs(products, out):
    """(9, tiles, O) to (N, H/2, W/2, O), written to `out`: y₀ = m₁ + m₂, y₁ = m₂ + m₃ along both axes."""
    n, height, width, channels = out.shape
    m = products.reshape(3, 3, n, height // 2, width // 2, channels)
    y = out.reshape(n, height // 2, 2, width // 2, 2, channels)
    for p in range(2):
        row = m[p] + m[p + 1]  # (3, N, tall, wide, O)
        np.add(row[0], row[1], out=y[:, :, p, :, 0])
        np.add(row[1], row[2], out=y[:, :, p, :, 1])


def transform_outputs_transposed(dy):
    """(N, H/2, W/2, O) to (9, tiles, O): dm₁ = dy₀, dm₂ = dy₀ + dy₁, dm₃ = dy₁ along both axes."""
    n, height, width, channels = dy.shape
    y = dy.reshape(n, height // 2, 2, width // 2, 2, channels)
    y0, y1 = y[:, :, 0], y[:, :, 1]  # (N, tall, wide, 2, O)
    m = np.empty((3, 3, n, height // 2, width // 2, channels), dy.dtype)
    for p, row in enumerate((y0, y0 + y1, y1)):
        m[p, 0] = row[:, :, :, 0]
        np.add(row[:, :, :, 0], row[:, :, :, 1], out=m[p, 1])
        m[p, 2] = row[:, :, :, 1]
    return m.reshape(9, -1, channels)
