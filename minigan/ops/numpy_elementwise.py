"""Normalization, activations and Adam on the CPU: on all cores, in pieces that stay in the cache.

Each function here is a handful of NumPy passes. Over whole arrays every pass reads and writes main memory, on one
core; here a worker takes a quarter of a megabyte through all the passes before it goes on. Sums of the pieces are
added in float64, in order: more exact than one long float32 sum, and the same bits every time.

Measured on the whole training step (batch 128, two cores): see docs/performance.md.
"""

import numpy as np

from minigan.parallel import over_slices

PIECE = 2**18  # numbers in a piece: 1 MB of float32
LEAST = 2**17  # fewer numbers than this are not worth a second worker


def matmul(a, b):
    """As elementwise.matmul, cut along the rows of a or the columns of b, whichever are more."""
    rows, columns = a.shape[0], b.shape[1]
    out = np.empty((rows, columns), np.result_type(a, b))
    least = -(-(2**20) // max(1, a.size // max(1, rows) * columns))  # about a million products for each worker

    def by_rows(start, stop):
        np.matmul(a[start:stop], b, out=out[start:stop])

    def by_columns(start, stop):
        out[:, start:stop] = a @ b[:, start:stop]

    if rows >= columns:
        over_slices(by_rows, rows, least)
    else:
        over_slices(by_columns, columns, -(-(2**20) // max(1, a.size)))
    return out


def pieces(start, stop, width=1):
    """(first, last) of rows start to stop, PIECE numbers at a time."""
    size = max(1, PIECE // max(1, width))
    return ((first, min(first + size, stop)) for first in range(start, stop, size))


def over_rows(function, rows):
    """function(first, last) for every piece of the rows, on all workers; the results in order."""
    width = rows.shape[1]

    def part(start, stop):
        return [function(first, last) for first, last in pieces(start, stop, width)]

    return [result for results in over_slices(part, rows.shape[0], LEAST // max(1, width) + 1) for result in results]


def column_sums(piece):
    """Σ over the rows of a piece, as a product with ones: BLAS takes a third to a sixth of the time of sum(axis=0)."""
    return np.ones(len(piece), piece.dtype) @ piece


def column_products(a, b):
    """Σ of a·b over the rows of two pieces, with no product kept: a megabyte takes 55 µs in place of 115."""
    return np.einsum("ij,ij->j", a, b)


def total(sums):
    """The sum of the pieces' sums, added in float64."""
    return np.sum(sums, axis=0, dtype=np.float64)


def sum_rows(rows):
    """As elementwise.sum_rows."""
    return total(over_rows(lambda first, last: column_sums(rows[first:last]), rows)).astype(rows.dtype)


def add(total, terms):
    """As elementwise.add."""

    def part(start, stop):
        total[start:stop] += terms[start:stop]

    over_slices(part, len(total), -(-LEAST * len(total) // max(1, total.size)))


def add_bias(y, bias):
    """As elementwise.add_bias."""
    if not y.flags.c_contiguous:
        y += bias
        return
    # A whole picture to a row: with 3 channels a row would be 3 numbers, and NumPy pays for each row.
    pictures = y.reshape(len(y), -1)
    bias = np.tile(bias, pictures.shape[1] // bias.size)

    def piece(first, last):
        pictures[first:last] += bias

    over_rows(piece, pictures)


def mean_and_variance(rows):
    """As elementwise.mean_and_variance, in one pass over the memory.

    Each piece is centred on its own mean; the pieces are joined in float64 (Chan, Golub and LeVeque 1979):
    Σ(x − μ)² = Σ over pieces of Σ(x − μ_piece)² + count·(μ_piece − μ)².
    """

    def moments(first, last):
        piece = rows[first:last]
        mean = column_sums(piece) / np.asarray(last - first, piece.dtype)
        centred = piece - mean
        return last - first, mean, column_products(centred, centred)

    counts, means, squares = (np.array(part, np.float64) for part in zip(*over_rows(moments, rows), strict=True))
    counts = counts[:, None]
    mean = (counts * means).sum(axis=0) / len(rows)
    variance = (squares + counts * (means - mean) ** 2).sum(axis=0) / len(rows)
    return mean.astype(rows.dtype), variance.astype(rows.dtype)


def normalize(rows, mean, scale, beta, slope=1, out=None):
    """As elementwise.normalize, as x·scale + (β − μ·scale)."""
    offset = beta - mean * scale
    y = np.empty(rows.shape, rows.dtype) if out is None else out

    def piece(first, last):
        out = y[first:last]
        np.multiply(rows[first:last], scale, out=out)
        out += offset
        if slope != 1:
            np.maximum(out, out * slope, out=out)

    over_rows(piece, rows)
    return y


def normalize_sums(rows, d_rows, mean, y=None, slope=1, out=None):
    """As elementwise.normalize_sums, as Σ dy·x − μ·Σ dy."""

    def piece(first, last):
        dy = d_rows[first:last]
        if slope != 1:
            through = out[first:last]
            np.maximum(y[first:last] > 0, slope, out=through, dtype=through.dtype)
            through *= dy
            dy = through
        return column_sums(dy), column_products(dy, rows[first:last])

    dy, dy_x = (total(sums) for sums in zip(*over_rows(piece, rows), strict=True))
    return dy.astype(rows.dtype), (dy_x - mean * dy).astype(rows.dtype)


def normalize_grad(rows, d_rows, mean, scale, slope, offset, out=None):
    """As elementwise.normalize_grad, as dy·scale − x·slope + (μ·slope − offset)."""
    offset = mean * slope - offset
    dx = np.empty(rows.shape, rows.dtype) if out is None else out

    def piece(first, last):
        out = dx[first:last]
        np.multiply(rows[first:last], slope, out=out)
        np.subtract(offset, out, out=out)
        out += d_rows[first:last] * scale

    over_rows(piece, rows)
    return dx


def over_flat(function, *arrays):
    """function(piece of each array ..., out=piece of the result) over all elements; the result, shaped as the first."""
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    result = np.empty(arrays[0].shape, arrays[0].dtype)
    out = result.reshape(-1)

    def part(start, stop):
        for first, last in pieces(start, stop):
            function(*(array[first:last] for array in flat), out=out[first:last])

    over_slices(part, out.size, LEAST)
    return result


def leaky_relu(x, slope):
    """As elementwise.leaky_relu."""

    def piece(x, out):
        np.multiply(x, slope, out=out)
        np.maximum(x, out, out=out)

    return over_flat(piece, x)


def leaky_relu_grad(y, dy, slope):
    """As elementwise.leaky_relu_grad."""

    def piece(dy, y, out):
        np.maximum(y > 0, slope, out=out, dtype=out.dtype)
        out *= dy

    return over_flat(piece, dy, y)


def tanh(x):
    """As elementwise.tanh."""
    return over_flat(np.tanh, x)


def adam_update(values, grads, m, v, step_size, correction, betas, eps):
    """As elementwise.adam_update."""
    beta1, beta2 = betas

    def part(start, stop):
        scratch = np.empty(min(PIECE, stop - start), values.dtype)
        for first, last in pieces(start, stop):
            g, m_, v_, work = grads[first:last], m[first:last], v[first:last], scratch[: last - first]
            np.multiply(g, 1 - beta1, out=work)
            m_ *= beta1
            m_ += work
            np.multiply(g, 1 - beta2, out=work)
            work *= g
            v_ *= beta2
            v_ += work
            np.sqrt(v_, out=work)
            work *= correction
            work += eps
            np.divide(m_, work, out=work)
            work *= step_size
            values[first:last] -= work

    over_slices(part, values.size, LEAST)
