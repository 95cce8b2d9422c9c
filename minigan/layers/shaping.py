"""Reshape and Flatten: the same numbers in another shape."""

import math

from minigan.layers.base import Layer


class Reshape(Layer):
    """(N, ...) to (N, *shape): the generator's vector becomes its first small picture.

    Raises ValueError where the numbers of elements differ.
    """

    def __init__(self, *shape):
        self.shape = shape

    def forward(self, x, train=True):
        size = math.prod(self.shape)
        if x.shape[0] * size != x.size:
            raise ValueError(f"{self!r}: expected x of {size} elements per example, got {tuple(x.shape)}")
        return x.reshape(x.shape[0], *self.shape), (x.shape,)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (shape,) = cache
        self.require_shape("dy", dy, (shape[0], *self.shape))
        return dy.reshape(shape) if input_grad else None

    def __repr__(self):
        return f"Reshape{self.shape}"


class Flatten(Layer):
    """(N, H, W, C) to (N, H·W·C), channels fastest."""

    def forward(self, x, train=True):
        return x.reshape(x.shape[0], -1), (x.shape,)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (shape,) = cache
        self.require_shape("dy", dy, (shape[0], math.prod(shape[1:])))
        return dy.reshape(shape) if input_grad else None
