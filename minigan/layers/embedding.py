"""Embedding: a table of trainable vectors, one for each label."""

from minigan import ops
from minigan.backend import Array, xp
from minigan.initializers import Initializer, normal
from minigan.layers.base import Layer, Param
from minigan.ops.geometry import require_sizes
from minigan.ops.labels import require_labels


class Embedding(Layer):
    """y[n] = W[label[n]]; dW[k] = Σ of dy[n] over all n with label k. Labels have no gradient: dx is None.

    The sum is computed as onehotᵀ·dy: one matrix product, in a fixed order, on both backends.

    labels: (N,) integers in [0, num_embeddings); y: (N, embedding_dim); weight: (num_embeddings, embedding_dim).
    initializer: of the weight, by default normal(0.05).
    Raises ValueError for another shape or a size that is not an int of at least 1, TypeError for labels that are not
    integers, and ValueError for a label out of range if the labels are on the host; labels on a device are not copied
    back for a check.
    """

    settings = ("num_embeddings", "embedding_dim")

    def __init__(self, num_embeddings: int, embedding_dim: int, initializer: Initializer | None = None) -> None:
        require_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        initializer = initializer or normal(0.05)
        self.weight = Param(initializer((num_embeddings, embedding_dim), num_embeddings, embedding_dim))

    def forward(self, labels: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[Array, int]]:
        labels = require_labels(repr(self), labels, self.num_embeddings)
        self.require_shape("labels", labels, ("N",))
        return self.weight.value[labels], (labels, self.weight.version)  # (N, embedding_dim)

    def backward(
        self, dy: Array, cache: tuple[Array, int], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        labels, version = cache
        self.weight.require_version(version, self)
        self.require_shape("dy", dy, (labels.shape[0], self.embedding_dim))
        if param_grads:
            onehot = (labels[:, None] == xp.arange(self.num_embeddings)).astype(dy.dtype)  # (N, num_embeddings)
            ops.matmul(onehot.T, dy, add_to=self.weight.grad)
        return None
