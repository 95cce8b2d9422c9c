"""Conditional: a network of two inputs, an image (or noise) and a class label."""

from typing import Any, NamedTuple

from minigan.backend import Array, xp
from minigan.layers.base import Layer
from minigan.layers.sequential import indented
from minigan.layers.summary import Row
from minigan.ops.geometry import require_shape_of_sizes


class ConditionalCache(NamedTuple):
    """channels: of the x path's output; then the caches of the three parts."""

    channels: int
    x_cache: Any
    label_cache: Any
    rest_cache: Any


class Conditional(Layer):
    """y = rest([x_path(x), label_path(label)]): two paths, concatenated along the channels, then one.

        [a, b] = concatenation along the last axis
        backward: d[a, b] = restᵀ(dy); the first channels flow back through x_path, the last ones through label_path

    The gradient of a concatenation is split at the same place. Labels have no gradient, so backward returns only dx,
    that of x. forward takes one tuple (x, labels); x_path, label_path: Layers whose outputs agree in all axes but the
    last; input_shape: of one x without the batch axis, for summary(). Source: Mirza and Osindero 2014.
    Raises TypeError for an input that is not a pair, ValueError for outputs that cannot be concatenated.
    """

    def __init__(
        self, x_path: Layer, label_path: Layer, rest: Layer, input_shape: tuple[int, ...] | None = None
    ) -> None:
        if input_shape is not None:
            require_shape_of_sizes("Conditional", "input_shape", input_shape)
        if input_shape is not None:
            require_shape_of_sizes("Conditional", "input_shape", input_shape)
        self.x_path, self.label_path, self.rest = x_path, label_path, rest
        self.input_shape = input_shape

    def forward(self, x: tuple[Array, Array], train: bool = True, groups: int = 1) -> tuple[Array, ConditionalCache]:
        if not isinstance(x, tuple) or len(x) != 2:
            raise TypeError(f"{type(self).__name__}: expected a tuple (x, labels), got {type(x).__name__}")
        a, x_cache = self.x_path.forward(x[0], train, groups)  # (N, H, W, A)
        b, label_cache = self.label_path.forward(x[1], train, groups)  # (N, H, W, B)
        y, rest_cache = self.rest.forward(self.concatenated(a, b), train, groups)
        return y, ConditionalCache(a.shape[-1], x_cache, label_cache, rest_cache)

    def backward(
        self, dy: Array, cache: ConditionalCache, param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        below = input_grad or param_grads
        d_both: Any = self.rest.backward(dy, cache.rest_cache, param_grads, below)  # (N, H, W, A + B)
        if param_grads:
            self.label_path.backward(d_both[..., cache.channels :], cache.label_cache, input_grad=False)
        if not below:
            return None
        return self.x_path.backward(d_both[..., : cache.channels], cache.x_cache, param_grads, input_grad)

    def concatenated(self, a: Array, b: Array) -> Array:
        """[a, b] along the last axis: (..., A) and (..., B) to (..., A + B)."""
        if a.shape[:-1] != b.shape[:-1]:
            raise ValueError(
                f"{type(self).__name__}: expected both paths to return one shape except for the channels, "
                f"got {tuple(a.shape)} and {tuple(b.shape)}"
            )
        both = xp.empty((*a.shape[:-1], a.shape[-1] + b.shape[-1]), a.dtype)
        both[..., : a.shape[-1]], both[..., a.shape[-1] :] = a, b
        return both

    def first_input_shape(self) -> tuple[int, ...] | None:
        return self.input_shape or self.x_path.first_input_shape()

    def trace(self, x: Any, depth: int, rows: list[Row]) -> Array:
        if not isinstance(x, tuple):
            x = x, xp.zeros(len(x), "int64")  # summary() knows the shape of x alone; every class gives the same shapes
        outputs = []
        for name, path, part in (("x", self.x_path, x[0]), ("label", self.label_path, x[1])):
            rows.append(Row(depth, f"{name}:", part.shape, 0))
            outputs.append(path.trace(part, depth + 1, rows))
        both = self.concatenated(*outputs)
        rows.append(Row(depth, "concatenate", both.shape, 0))
        return self.rest.trace(both, depth, rows)

    def __repr__(self) -> str:
        paths = [("x: ", self.x_path), ("label: ", self.label_path), ("rest: ", self.rest)]
        return indented(type(self).__name__, paths)
