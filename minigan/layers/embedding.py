"""Embedding: a table of vectors, looked up by number."""

import numpy as np

from minigan.backend import asarray, xp
from minigan.initializers import normal
from minigan.layers.base import Layer, Param


class Embedding(Layer):
    """y[n] = W[label[n]]; dW[k] = Σ of dy[n] over all n with label k. Labels have no gradient: dx is None.

    The sum is written as onehotᵀ·dy: one matrix product, in a fixed order, on both backends.

    labels: (N,) integers in [0, count); y: (N, dim); weight: (count, dim), from N(0, 0.05²).
    Raises ValueError for another shape, TypeError for labels that are not integers, and ValueError for a label
    out of range where the labels are on the host; labels on a device are not read back to be checked.
    """

    def __init__(self, count, dim, initializer=None):
        self.count, self.dim = count, dim
        self.weight = Param((initializer or normal(0.05))((count, dim), count, dim))

    def forward(self, labels, train=True):
        if isinstance(labels, np.ndarray):
            self._require_labels(labels)
        labels = asarray(labels)
        self.require_shape("labels", labels, ("N",))
        return self.weight.value[labels], (labels, self.weight.version)  # (N, dim)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        labels, version = cache
        self.weight.require_version(version, self)
        self.require_shape("dy", dy, (labels.shape[0], self.dim))
        if param_grads:
            onehot = (labels[:, None] == xp.arange(self.count)).astype(dy.dtype)  # (N, count)
            self.weight.grad += onehot.T @ dy

    def _require_labels(self, labels):
        if labels.dtype.kind not in "iu":
            raise TypeError(f"{self!r}: expected integer labels, got {labels.dtype}")
        if labels.size and (labels.min() < 0 or labels.max() >= self.count):
            raise ValueError(
                f"{self!r}: expected labels from 0 to {self.count - 1}, got {labels.min()} to {labels.max()}"
            )

    def __repr__(self):
        return f"{type(self).__name__}(count={self.count}, dim={self.dim})"
