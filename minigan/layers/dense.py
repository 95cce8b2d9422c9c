"""Dense: every output is a weighted sum of all inputs."""

from minigan import ops
from minigan.initializers import glorot_uniform, zeros
from minigan.layers.base import Layer, Param


class Dense(Layer):
    """Fully connected layer.

        y = x·W + b
        dW = xᵀ·dy      db = Σₙ dy      dx = dy·Wᵀ

    x: (N, in_features), y: (N, out_features); weight: (in_features, out_features), bias: (out_features,).
    Raises ValueError for another shape.
    """

    settings = ("in_features", "out_features")

    def __init__(self, in_features, out_features, bias=True, initializer=glorot_uniform):
        self.in_features, self.out_features = in_features, out_features
        self.weight = Param(initializer((in_features, out_features), in_features, out_features))
        self.bias = Param(zeros(out_features)) if bias else None

    def forward(self, x, train=True):
        self.require_shape("x", x, ("N", self.in_features))
        self.require_floating("x", x)
        bias = None if self.bias is None else self.bias.cast(x.dtype)
        return ops.matmul(x, self.weight.cast(x.dtype), bias), (x, self.weight.version)  # (N, out)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, version = cache
        self.weight.require_version(version, self)
        self.require_shape("dy", dy, (x.shape[0], self.out_features))
        if param_grads:
            ops.matmul(x.T, dy, add_to=self.weight.grad)  # (in, out)
            if self.bias is not None:
                ops.sum_rows(dy, add_to=self.bias.grad)
        return ops.matmul(dy, self.weight.cast(dy.dtype).T) if input_grad else None  # (N, in)
