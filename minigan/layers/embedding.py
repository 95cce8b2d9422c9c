"""Embedding: a table of vectors, looked up by number."""

from minigan import ops
from minigan.backend import xp
from minigan.initializers import normal
from minigan.labels import require_labels
from minigan.layers.base import Layer, Param


class Embedding(Layer):
    """y[n] = W[label[n]]; dW[k] = Σ of dy[n] over all n with label k. Labels have no gradient: dx is None.

    The sum is written as onehotᵀ·dy: one matrix product, in a fixed order, on both backends.

    labels: (N,) integers in [0, count); y: (N, dim); weight: (count, dim), from N(0, 0.05²).
    Raises ValueError for another shape, TypeError for labels that are not integers, and ValueError for a label
    out of range where the labels are on the host; labels on a device are not read back to be checked.
    """

    settings = ("count", "dim")

    def __init__(self, count, dim, initializer=None):
        self.count, self.dim = count, dim
        self.weight = Param((initializer or normal(0.05))((count, dim), count, dim))

    def forward(self, labels, train=True):
        labels = require_labels(repr(self), labels, self.count)
        self.require_shape("labels", labels, ("N",))
        return self.weight.value[labels], (labels, self.weight.version)  # (N, dim)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        labels, version = cache
        self.weight.require_version(version, self)
        self.require_shape("dy", dy, (labels.shape[0], self.dim))
        if param_grads:
            onehot = (labels[:, None] == xp.arange(self.count)).astype(dy.dtype)  # (N, count)
            ops.matmul(onehot.T, dy, add_to=self.weight.grad)
