"""Batch normalization on the CPU: on all cores, in chunks that stay in the cache.

Sums are computed chunk by chunk and added in float64, in order: more accurate than one long float32 sum, and the same
bits every time.
"""

import numpy as np

from minigan.backend import Array
from minigan.ops.cpu.elementwise import column_sums, over_rows, total
from minigan.ops.normalization import Statistics, update_running_statistics


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_var: Array,
    eps: float,
    momentum: float,
    slope: float = 1,
) -> tuple[Array, Statistics]:
    """See normalization.batch_norm."""
    moments = [mean_and_variance(rows) for rows in x]
    mean, var = (np.array(values) for values in zip(*moments, strict=True))  # (groups, C)
    for group_mean, group_var in moments:
        update_running_statistics(running_mean, running_var, group_mean, group_var, x.shape[1], momentum)
    statistics = Statistics(mean, 1 / np.sqrt(var + eps))
    return normalize(x, statistics, gamma, beta, slope), statistics


def mean_and_variance(rows: Array) -> tuple[Array, Array]:
    """μ and the biased σ² of each column of (m, C), in one pass over the memory.

    Each chunk is centred on its own mean; the chunks are combined in float64 (Chan, Golub and LeVeque 1979):
    Σ(x − μ)² = Σ over chunks of Σ(x − μ_chunk)² + count·(μ_chunk − μ)².
    """

    def moments(first: int, last: int) -> tuple[int, Array, Array]:
        chunk = rows[first:last]
        mean = column_sums(chunk) / np.asarray(last - first, chunk.dtype)
        centred = chunk - mean
        return last - first, mean, column_products(centred, centred)

    counts, means, squares = (np.array(values, np.float64) for values in zip(*over_rows(moments, rows), strict=True))
    counts = counts[:, None]
    mean = (counts * means).sum(axis=0) / len(rows)
    variance = (squares + counts * (means - mean) ** 2).sum(axis=0) / len(rows)
    return mean.astype(rows.dtype), variance.astype(rows.dtype)


def normalize(x: Array, statistics: Statistics, gamma: Array, beta: Array, slope: float = 1) -> Array:
    """See normalization.normalize. Computed as x·scale + (β − μ·scale)."""
    y = np.empty(x.shape, x.dtype)
    scales = gamma * statistics.inv_std  # (groups, C)
    for rows, y_rows, scale, offset in zip(x, y, scales, beta - statistics.mean * scales, strict=True):

        def chunk(
            first: int,
            last: int,
            rows: Array = rows,
            y_rows: Array = y_rows,
            scale: Array = scale,
            offset: Array = offset,
        ) -> None:
            out = y_rows[first:last]
            np.multiply(rows[first:last], scale, out=out)
            out += offset
            if slope != 1:
                np.maximum(out, out * slope if slope else 0, out=out)

        over_rows(chunk, rows)
    return y


def batch_norm_grad(
    x: Array,
    dy: Array,
    statistics: Statistics,
    gamma: Array,
    train: bool = True,
    activation: tuple[Array, float] | None = None,
    add_to: tuple[Array, Array] | None = None,
    input_grad: bool = True,
) -> Array | None:
    """See normalization.batch_norm_grad."""
    y, slope = activation or (None, 1)
    dx = np.empty(x.shape, dy.dtype) if input_grad else None
    before = dy if y is None else np.empty(dy.shape, dy.dtype)  # the gradient before the activation
    m = x.shape[1]
    for group, (mean, inv_std) in enumerate(zip(*statistics, strict=True)):
        rows, d_rows = x[group], before[group]
        sum_dy, sum_dy_normalized = gradient_sums(rows, None if y is None else y[group], dy[group], d_rows, mean, slope)
        sum_dy_normalized *= inv_std
        if add_to is not None:
            dgamma, dbeta = add_to
            dgamma += sum_dy_normalized
            dbeta += sum_dy
        if dx is None:
            continue
        scale = gamma * inv_std
        if train:
            input_gradient(
                rows, d_rows, scale, scale * inv_std * sum_dy_normalized / m, scale * sum_dy / m, mean, dx[group]
            )
        else:
            np.multiply(d_rows, scale, out=dx[group])
    return dx


def gradient_sums(
    rows: Array, y: Array | None, dy: Array, before: Array, mean: Array, slope: float
) -> tuple[Array, Array]:
    """Σ dy and Σ dy·(x − μ) of each column, the second as Σ dy·x − μ·Σ dy.

    If y, the output of a LeakyReLU, is given, dy is first taken back through it and written to `before`.
    """

    def chunk(first: int, last: int) -> tuple[Array, Array]:
        d_chunk = dy[first:last]
        if y is not None:
            out = before[first:last]
            np.maximum(y[first:last] > 0, slope, out=out, dtype=out.dtype)
            out *= d_chunk
            d_chunk = out
        return column_sums(d_chunk), column_products(d_chunk, rows[first:last])

    sum_dy, sum_dy_x = (total(sums) for sums in zip(*over_rows(chunk, rows), strict=True))
    return sum_dy.astype(rows.dtype), (sum_dy_x - mean * sum_dy).astype(rows.dtype)


def input_gradient(
    rows: Array, d_rows: Array, scale: Array, slope: Array, offset: Array, mean: Array, out: Array
) -> None:
    """out = dy·scale − (x − μ)·slope − offset, computed as dy·scale − x·slope + (μ·slope − offset)."""
    offset = mean * slope - offset

    def chunk(first: int, last: int) -> None:
        part = out[first:last]
        np.multiply(rows[first:last], slope, out=part)
        np.subtract(offset, part, out=part)
        part += d_rows[first:last] * scale

    over_rows(chunk, rows)


def column_products(a: Array, b: Array) -> Array:
    """Σ of a·b over the rows of two chunks, without storing the product: a megabyte takes 55 µs instead of 115."""
    return np.einsum("ij,ij->j", a, b)
