"""Products, activations and Adam on the CPU: on all cores, in chunks that stay in the cache.

Each function here consists of a few NumPy passes. Over whole arrays, every pass would read and write main memory, on
one core; here, a worker takes one megabyte through all the passes before it starts the next. Sums of chunks are added
in float64, in order: more accurate than one long float32 sum, and the same bits every time.

What this saves in a whole training step (batch 128, two cores) is in docs/performance.md.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from minigan.backend import Array
from minigan.ops import elementwise
from minigan.ops.cpu.threads import MIN_MULTIPLY_ADDS, parallel_for
from minigan.ops.elementwise import adam_corrections

Result = TypeVar("Result")

CHUNK = 2**18  # numbers in a chunk: 1 MB of float32
MIN_NUMBERS = 2**17  # a worker must have at least this many numbers


def matmul(a: Array, b: Array, bias: Array | None = None, add_to: Array | None = None) -> Array:
    """See elementwise.matmul. Split along the rows of a or the columns of b, whichever are more."""
    rows, columns = a.shape[0], b.shape[1]
    out = np.empty((rows, columns), np.result_type(a, b))

    def by_rows(start: int, stop: int) -> None:
        np.matmul(a[start:stop], b, out=out[start:stop])

    def by_columns(start: int, stop: int) -> None:
        np.matmul(a, b[:, start:stop], out=out[:, start:stop])

    if rows >= columns:
        parallel_for(by_rows, rows, -(-MIN_MULTIPLY_ADDS // max(1, b.size)))
    else:
        parallel_for(by_columns, columns, -(-MIN_MULTIPLY_ADDS // max(1, a.size)))
    if bias is not None:
        out += bias
    return out if add_to is None else add(add_to, out)


def chunks(start: int, stop: int, width: int = 1) -> Iterator[tuple[int, int]]:
    """Split rows start to stop, of `width` numbers each, into (first, last) of CHUNK numbers at a time.

    No rows are one empty chunk, so that a sum over it is zero for each column.
    """
    size = max(1, CHUNK // max(1, width))
    return ((first, min(first + size, stop)) for first in range(start, max(stop, start + 1), size))


def over_rows(function: Callable[[int, int], Result], rows: Array) -> list[Result]:
    """Call function(first, last) for every chunk of `rows`, (m, C), on all workers; the results in order."""
    width = rows.shape[1]

    def worker(start: int, stop: int) -> list[Result]:
        return [function(first, last) for first, last in chunks(start, stop, width)]

    results = parallel_for(worker, rows.shape[0], MIN_NUMBERS // max(1, width) + 1)
    return [result for worker_results in results for result in worker_results]


def column_sums(chunk: Array) -> Array:
    """Σ over the rows of a chunk, as a product with ones: BLAS takes a third to a sixth of the time of sum(axis=0)."""
    return np.ones(len(chunk), chunk.dtype) @ chunk


def total(sums: Sequence[Array]) -> Array:
    """The sum of the chunks' sums, added in float64."""
    return np.array(sums).sum(axis=0, dtype=np.float64)


def sum_rows(rows: Array, add_to: Array | None = None) -> Array:
    """See elementwise.sum_rows."""
    sums = total(over_rows(lambda first, last: column_sums(rows[first:last]), rows)).astype(rows.dtype)
    return sums if add_to is None else add(add_to, sums)


def add(out: Array, terms: Array) -> Array:
    """out += terms, on all cores; returns out."""

    def worker(start: int, stop: int) -> None:
        out[start:stop] += terms[start:stop]

    parallel_for(worker, len(out), -(-MIN_NUMBERS * len(out) // max(1, out.size)))
    return out


def over_flat(function: Callable[..., Any], *arrays: Array) -> Array:
    """Call function(chunk of each array ..., out=chunk of the result) until all elements are covered.

    Returns the result, in the shape and dtype of the first array.
    """
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    result = np.empty(arrays[0].shape, arrays[0].dtype)
    out = result.reshape(-1)

    def worker(start: int, stop: int) -> None:
        for first, last in chunks(start, stop):
            function(*(array[first:last] for array in flat), out=out[first:last])

    parallel_for(worker, out.size, MIN_NUMBERS)
    return result


def leaky_relu(x: Array, slope: float) -> Array:
    """See elementwise.leaky_relu."""

    def chunk(x: Array, out: Array) -> None:
        if slope:
            np.multiply(x, slope, out=out)
            np.maximum(x, out, out=out)
        else:
            np.maximum(x, 0, out=out)

    return over_flat(chunk, x)


def leaky_relu_grad(y: Array, dy: Array, slope: float) -> Array:
    """See elementwise.leaky_relu_grad."""

    def chunk(dy: Array, y: Array, out: Array) -> None:
        np.maximum(y > 0, slope, out=out, dtype=out.dtype)  # 1 or slope
        out *= dy

    return over_flat(chunk, dy, y)


def tanh(x: Array) -> Array:
    """See elementwise.tanh."""
    return over_flat(np.tanh, x)


def tanh_grad(y: Array, dy: Array) -> Array:
    """See elementwise.tanh_grad."""

    def chunk(y: Array, dy: Array, out: Array) -> None:
        np.multiply(y, y, out=out)
        np.subtract(1, out, out=out)
        out *= dy

    return over_flat(chunk, y, dy)


def bce_with_logits(logits: Array, target: Array | float) -> tuple[Array, Array]:
    """See elementwise.bce_with_logits. The terms of infinite logits take twice the time, so only if there is one."""
    with np.errstate(invalid="ignore"):
        softplus = np.log1p(np.exp(-np.abs(logits)))
        loss = (np.maximum(logits, 0) - logits * target + softplus).mean()
    if loss != loss:  # NaN: an infinite logit, or one that is NaN itself
        return elementwise.bce_with_logits(logits, target)
    return loss, (elementwise.sigmoid(logits) - target) / logits.size


def adam_update(
    values: Array, grads: Array, m: Array, v: Array, t: Array, lr: Array, betas: tuple[float, float], eps: float
) -> None:
    """See elementwise.adam_update."""
    beta1, beta2 = betas
    t += 1
    step_size, correction = adam_corrections(t, lr, betas, values.dtype)

    def worker(start: int, stop: int) -> None:
        scratch = np.empty(min(CHUNK, stop - start), values.dtype)
        for first, last in chunks(start, stop):
            g, m_, v_, work = grads[first:last], m[first:last], v[first:last], scratch[: last - first]
            np.multiply(g, 1 - beta1, out=work)  # m = β₁·m + (1 − β₁)·g
            m_ *= beta1
            m_ += work
            np.multiply(g, 1 - beta2, out=work)  # v = β₂·v + (1 − β₂)·g²
            work *= g
            v_ *= beta2
            v_ += work
            np.sqrt(v_, out=work)  # √(v / (1 − β₂ᵗ)) + ε
            work *= correction
            work += eps
            np.divide(m_, work, out=work)  # θ −= lr / (1 − β₁ᵗ) · m / (√… + ε)
            work *= step_size
            values[first:last] -= work

    parallel_for(worker, values.size, MIN_NUMBERS)
