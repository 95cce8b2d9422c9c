"""Dropout: in training mode, set some of the inputs to zero at random."""

from minigan.backend import Array
from minigan.layers.base import Layer
from minigan.ops.geometry import require_number
from minigan.random import RandomStream, default_stream


class Dropout(Layer):
    """Inverted dropout: y = x·mask with mask = 0 with probability `rate`, else 1 / (1 − rate); dx = dy·mask.

    So E[y] = x, and evaluation mode is the identity. x, y: any shape.
    random: the stream the masks are drawn from; the default stream if None.
    Source: Srivastava et al. 2014. Raises ValueError for a rate outside [0, 1).
    """

    settings = ("rate",)

    def __init__(self, rate: float, random: RandomStream | None = None) -> None:
        require_number("Dropout", "rate", rate, "in [0, 1)", lambda rate: 0 <= rate < 1)
        self.rate, self.random = rate, random

    def forward(
        self, x: Array, train: bool = True, groups: int = 1
    ) -> tuple[Array, tuple[Array | None, tuple[int, ...]]]:
        self.require_floating("x", x)
        if not train:
            return x, (None, x.shape)
        keep = self._stream().uniform(x.shape, x.dtype) >= self.rate
        mask = keep.astype(x.dtype) * (1 / (1 - self.rate))
        return x * mask, (mask, x.shape)

    def backward(
        self, dy: Array, cache: tuple[Array | None, tuple[int, ...]], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        mask, shape = cache
        self.require_shape("dy", dy, shape)
        if not input_grad:
            return None
        return dy if mask is None else dy * mask

    def random_streams(self) -> list[RandomStream]:
        return [self._stream()]

    def _stream(self) -> RandomStream:
        return default_stream if self.random is None else self.random
