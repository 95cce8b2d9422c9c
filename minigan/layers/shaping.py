"""Reshape and Flatten: the same elements in another shape."""

import math

from minigan.backend import Array
from minigan.layers.base import Layer
from minigan.ops.geometry import require_shape_of_sizes


class Reshape(Layer):
    """(N, ...) to (N, *shape): turns the generator's vector into its first small image.

    Raises ValueError if the number of elements differs, or unless `shape` is ints of at least 1.
    """

    def __init__(self, *shape: int) -> None:
        require_shape_of_sizes("Reshape", "shape", shape)
        self.shape = shape

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[tuple[int, ...]]]:
        size = math.prod(self.shape)
        if math.prod(x.shape[1:]) != size:
            raise ValueError(f"{self!r}: expected x of {size} elements per example, got {tuple(x.shape)}")
        return x.reshape(x.shape[0], *self.shape), (x.shape,)

    def backward(
        self, dy: Array, cache: tuple[tuple[int, ...]], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        (shape,) = cache
        self.require_shape("dy", dy, (shape[0], *self.shape))
        return dy.reshape(shape) if input_grad else None

    def __repr__(self) -> str:
        return f"Reshape{self.shape}"


class Flatten(Layer):
    """(N, H, W, C) to (N, H·W·C); the channel index changes fastest."""

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[tuple[int, ...]]]:
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), (x.shape,)  # -1 is no number for an empty batch

    def backward(
        self, dy: Array, cache: tuple[tuple[int, ...]], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        (shape,) = cache
        self.require_shape("dy", dy, (shape[0], math.prod(shape[1:])))
        return dy.reshape(shape) if input_grad else None
