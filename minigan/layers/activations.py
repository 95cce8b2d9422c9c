"""Element-wise activations. Each caches only its output: the derivative can be computed from it."""

from minigan import ops
from minigan.backend import Array, xp
from minigan.layers.base import Layer
from minigan.ops.geometry import require_number


class LeakyReLU(Layer):
    """y = x if x > 0, else slope·x; dx = dy if x > 0, else slope·dy.

    For 0 ≤ slope ≤ 1 this is y = max(x, slope·x), and y > 0 exactly if x > 0. At x = 0 the derivative is the slope.
    A slope of 0 is max(x, 0), for infinite x too. x, y: any shape. Source: Maas, Hannun and Ng 2013; DCGAN uses slope
    0.2. Raises ValueError for a slope outside [0, 1].
    """

    settings = ("slope",)

    def __init__(self, slope: float = 0.2) -> None:
        require_number("LeakyReLU", "slope", slope, "in [0, 1]", lambda slope: 0 <= slope <= 1)
        self.slope = slope

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[Array]]:
        self.require_floating("x", x)
        y = ops.leaky_relu(x, self.slope)
        return y, (y,)

    def backward(
        self, dy: Array, cache: tuple[Array], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return ops.leaky_relu_grad(y, dy, self.slope) if input_grad else None


class ReLU(Layer):
    """y = max(x, 0); dx = dy if x > 0, else 0. x, y: any shape."""

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[Array]]:
        self.require_floating("x", x)
        y = xp.maximum(x, 0)
        return y, (y,)

    def backward(
        self, dy: Array, cache: tuple[Array], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return dy * (y > 0) if input_grad else None


class Tanh(Layer):
    """y = tanh x; dx = dy·(1 − y²). x, y: any shape. The generator's output activation, in [−1, 1]."""

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[Array]]:
        self.require_floating("x", x)
        y = ops.tanh(x)
        return y, (y,)

    def backward(
        self, dy: Array, cache: tuple[Array], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return ops.tanh_grad(y, dy) if input_grad else None


class Sigmoid(Layer):
    """y = 1 / (1 + e⁻ˣ), computed as (1 + tanh(x/2)) / 2, which never overflows; dx = dy·y·(1 − y).

    x, y: any shape. For losses on probabilities; bce_with_logits needs no sigmoid and is more accurate.
    """

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, tuple[Array]]:
        self.require_floating("x", x)
        y = ops.sigmoid(x)
        return y, (y,)

    def backward(
        self, dy: Array, cache: tuple[Array], param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return dy * (y * (1 - y)) if input_grad else None
