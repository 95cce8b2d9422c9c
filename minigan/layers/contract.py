"""The contract of Layer, checked on one layer and one batch: what a comparison with finite differences cannot see."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigan.backend import Array, asarray, to_numpy
from minigan.layers.base import Layer

TOLERANCE = 1e-9  # relative to the largest gradient or to dy; everything here is computed in float64
FACTORS = 1000, -2  # of two output gradients in a sum: large, so that a clipped gradient shows


class Gradients(NamedTuple):
    """What one backward pass computed: {"dx", "the gradient of NAME": array}, and the largest number in it or in dy."""

    arrays: dict[str, Array]
    scale: float


def broken_promise(
    layer: Layer, x: Array, forward: Callable[[], tuple[Array, Any]], train: bool, groups: int, seed: int = 0
) -> str | None:
    """What `layer` does against the contract, in one sentence, or None if it keeps to it.

    x: any shape; forward: applies the layer to x in the mode `train`, `groups`, and computes the same each time. The
    gradients are left with other values. What is broken here would show in training only: the discriminator's real and
    generated batches are alive at once, the generator's gradient passes through the discriminator but not into it, and
    the optimizer sees only what is written into its buffers.
    """
    params = dict(layer.named_parameters())
    before = {name: array.copy() for name, array in _values(layer, x).items()}
    grads = {name: param.grad for name, param in params.items()}
    y, cache = forward()
    if found := _changed(before, _values(layer, x)):
        return f"forward changed {found}; write to a new array"
    random = np.random.default_rng([seed, 3])
    u, v = (asarray(random.standard_normal(y.shape)) for _ in range(2))

    def backward(dy: Array, **options: bool) -> Gradients:
        for grad in grads.values():
            grad.fill(1)
        dx = layer.backward(dy, cache, **options)
        arrays = {f"the gradient of {name}": grad - 1 for name, grad in grads.items()}
        if dx is not None:
            arrays["dx"] = dx.copy()
        scale = max(_largest(array) for array in (dy, *arrays.values()))
        return Gradients(arrays, scale)

    kept = u.copy()
    first = backward(u)
    if _changed({"": kept}, {"": u}) is not None:
        return "backward changed dy; write to a new array"
    if found := _changed(before, _values(layer, x)):
        return f"backward changed {found}; only the gradients of the parameters may change"
    for name, param in params.items():
        if param.grad is not grads[name]:
            return f"backward replaced {name}.grad; add to it in place, with +="
    if found := _different(first, backward(u)):
        return f"backward gave {found} another value the second time on one cache; leave the cache as it is"

    without = backward(u, param_grads=False).arrays
    touched = next((name for name in without if name != "dx" and _largest(without[name])), None)
    if touched:
        return f"backward with param_grads=False changed {touched}; the gradient passes through the layer, not into it"
    if "dx" in first.arrays and _different(first, Gradients(without, 0), ["dx"]):
        return "backward with param_grads=False gave another dx; it decides only what is added to the parameters"
    if found := _different(first, backward(u, input_grad=False), [name for name in first.arrays if name != "dx"]):
        return f"backward with input_grad=False gave {found} another value; it decides only whether dx is computed"

    a, b = FACTORS
    second = backward(v)
    both = {name: a * first.arrays[name] + b * second.arrays[name] for name in first.arrays}
    expected = Gradients(both, abs(a) * first.scale + abs(b) * second.scale)
    if found := _different(expected, backward(a * u + b * v)):
        return f"backward is not linear in dy: {found} of {a}·u + ({b})·v is not that sum of those of u and v"

    other = asarray(x.reshape(-1)[::-1].reshape(x.shape).copy())
    if train or len(x) > 1:  # training mode needs two examples
        layer.forward(other, not train)  # changes a mode that is kept on the layer, and running statistics
    layer.forward(other, train, groups)
    if found := _different(first, backward(u)):
        return (
            f"a forward pass on another batch changed {found} of the first one; keep what backward needs in the cache, "
            "not on the layer"
        )
    return None


def _values(layer: Layer, x: Array) -> dict[str, Array]:
    """What neither pass may change: the input and the values of the parameters."""
    return {"its input x": x} | {f"{name}.value": param.value for name, param in layer.named_parameters()}


def _changed(before: dict[str, Array], after: dict[str, Array]) -> str | None:
    """The first name whose array is not what it was."""
    return next((name for name, array in after.items() if (to_numpy(before[name]) != to_numpy(array)).any()), None)


def _different(expected: Gradients, actual: Gradients, names: list[str] | None = None) -> str | None:
    """The first of `names`, all by default, whose arrays differ by more than rounding."""
    limit = TOLERANCE * expected.scale
    for name in expected.arrays if names is None else names:
        a, b = expected.arrays[name], actual.arrays.get(name)
        if b is None or a.shape != b.shape or not _largest(a - b) <= limit:  # not `>`: NaN must fail
            return name
    return None


def _largest(array: Array) -> float:
    return float(np.abs(to_numpy(array)).max()) if array.size else 0.0
