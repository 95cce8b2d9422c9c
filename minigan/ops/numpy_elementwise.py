"""Products, activations and Adam on the CPU: on all cores, in pieces that stay in the cache.

Each function here is a handful of NumPy passes. Over whole arrays every pass reads and writes main memory, on one
core; here a worker takes a quarter of a megabyte through all the passes before it goes on. Sums of the pieces are
added in float64, in order: more exact than one long float32 sum, and the same bits every time.

Measured on the whole training step (batch 128, two cores): see docs/performance.md.
"""

import numpy as np

from minigan.ops.elementwise import adam_corrections
from minigan.parallel import LEAST_PRODUCTS, over_slices

PIECE = 2**18  # numbers in a piece: 1 MB of float32
LEAST = 2**17  # fewer numbers than this are not worth a second worker


def matmul(a, b, bias=None, add_to=None):
    """As elementwise.matmul, cut along the rows of a or the columns of b, whichever are more."""
    rows, columns = a.shape[0], b.shape[1]
    out = np.empty((rows, columns), np.result_type(a, b))

    def by_rows(start, stop):
        np.matmul(a[start:stop], b, out=out[start:stop])

    def by_columns(start, stop):
        np.matmul(a, b[:, start:stop], out=out[:, start:stop])

    if rows >= columns:
        over_slices(by_rows, rows, -(-LEAST_PRODUCTS // max(1, b.size)))
    else:
        over_slices(by_columns, columns, -(-LEAST_PRODUCTS // max(1, a.size)))
    if bias is not None:
        out += bias
    return out if add_to is None else add(add_to, out)


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


def total(sums):
    """The sum of the pieces' sums, added in float64."""
    return np.sum(sums, axis=0, dtype=np.float64)


def sum_rows(rows, add_to=None):
    """As elementwise.sum_rows."""
    sums = total(over_rows(lambda first, last: column_sums(rows[first:last]), rows)).astype(rows.dtype)
    return sums if add_to is None else add(add_to, sums)


def add(out, terms):
    """out += terms, on all cores; returns out."""

    def part(start, stop):
        out[start:stop] += terms[start:stop]

    over_slices(part, len(out), -(-LEAST * len(out) // max(1, out.size)))
    return out


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


def tanh_grad(y, dy):
    """As elementwise.tanh_grad."""

    def piece(y, dy, out):
        np.multiply(y, y, out=out)
        np.subtract(1, out, out=out)
        out *= dy

    return over_flat(piece, y, dy)


def adam_update(values, grads, m, v, t, lr, betas, eps):
    """As elementwise.adam_update."""
    beta1, beta2 = betas
    t += 1
    step_size, correction = adam_corrections(t, lr, betas, values.dtype)

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
