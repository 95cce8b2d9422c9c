"""Dropout: in training, forget some of the inputs at random."""

from minigan import backend
from minigan.layers.base import Layer


class Dropout(Layer):
    """Inverted dropout: y = x·mask, mask = 0 with probability `rate`, else 1 / (1 − rate); dx = dy·mask.

    So E[y] = x, and evaluation mode is the identity. Masks come from the shared stream (backend.seed).
    x, y: any shape. Source: Srivastava et al. 2014. Raises ValueError for a rate outside [0, 1).
    """

    settings = ("rate",)

    def __init__(self, rate):
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout: expected a rate in [0, 1), got {rate}")
        self.rate = rate

    def forward(self, x, train=True):
        self.require_floating("x", x)
        if not train:
            return x, (None, x.shape)
        keep = backend.random.uniform(x.shape, x.dtype) >= self.rate
        mask = keep.astype(x.dtype) * (1 / (1 - self.rate))
        return x * mask, (mask, x.shape)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        mask, shape = cache
        self.require_shape("dy", dy, shape)
        if not input_grad:
            return None
        return dy if mask is None else dy * mask
