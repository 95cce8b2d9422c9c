"""Dense: every output is a weighted sum of all inputs."""

from minigan import ops
from minigan.backend import Array
from minigan.initializers import Initializer, glorot_uniform, zeros
from minigan.layers.base import Layer, Param
from minigan.ops.geometry import require_sizes


class Dense(Layer):
    """Fully connected layer.

        y = x·W + b
        dW = xᵀ·dy      db = Σₙ dy      dx = dy·Wᵀ

    x: (N, in_features), y: (N, out_features); weight: (in_features, out_features), bias: (out_features,).
    initializer: of the weight, by default glorot_uniform().
    Raises ValueError for another shape, or a size that is not an int of at least 1.
    """

    settings = ("in_features", "out_features")

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, initializer: Initializer | None = None
    ) -> None:
        require_sizes("Dense", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        initializer = initializer or glorot_uniform()
        self.weight = Param(initializer((in_features, out_features), in_features, out_features))
        self.bias = Param(zeros(out_features)) if bias else None

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[Array, int]]:
        self.require_shape("x", x, ("N", self.in_features))
        self.require_floating("x", x)
        bias = None if self.bias is None else self.bias.cast(x.dtype)
        return ops.matmul(x, self.weight.cast(x.dtype), bias), (x, self.weight.version)  # (N, out)

    def backward(
        self, dy: Array, cache: tuple[Array, int], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        x, version = cache
        self.weight.require_version(version, self)
        self.require_shape("dy", dy, (x.shape[0], self.out_features))
        if param_grads:
            ops.matmul(x.T, dy, add_to=self.weight.grad)  # (in, out)
            if self.bias is not None:
                ops.sum_rows(dy, add_to=self.bias.grad)
        return ops.matmul(dy, self.weight.cast(dy.dtype).T) if input_grad else None  # (N, in)

    def first_input_shape(self) -> tuple[int, ...]:
        return (self.in_features,)
