"""Element-wise activations. Each remembers its output alone: the sign or the slope can be read from it."""

from minigan import ops
from minigan.backend import xp
from minigan.layers.base import Layer


class LeakyReLU(Layer):
    """y = x where x > 0, slope·x elsewhere; dx = dy where x > 0, slope·dy elsewhere.

    With 0 ≤ slope ≤ 1 that is y = max(x, slope·x), and y > 0 exactly where x > 0. At x = 0 the slope is taken.
    x, y: any shape. Source: Maas, Hannun and Ng 2013; DCGAN takes slope 0.2.
    """

    settings = ("slope",)

    def __init__(self, slope=0.2):
        if not 0 <= slope <= 1:
            raise ValueError(f"LeakyReLU: expected a slope in [0, 1], got {slope}")
        self.slope = slope

    def forward(self, x, train=True):
        self.require_floating("x", x)
        y = ops.leaky_relu(x, self.slope)
        return y, (y,)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return ops.leaky_relu_grad(y, dy, self.slope) if input_grad else None


class ReLU(Layer):
    """y = max(x, 0); dx = dy where x > 0, and 0 elsewhere. x, y: any shape."""

    def forward(self, x, train=True):
        self.require_floating("x", x)
        y = xp.maximum(x, 0)
        return y, (y,)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return dy * (y > 0) if input_grad else None


class Tanh(Layer):
    """y = tanh x; dx = dy·(1 − y²). x, y: any shape. The generator's output, in [−1, 1]."""

    def forward(self, x, train=True):
        self.require_floating("x", x)
        y = ops.tanh(x)
        return y, (y,)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return ops.tanh_grad(y, dy) if input_grad else None


class Sigmoid(Layer):
    """y = 1 / (1 + e⁻ˣ), computed as (1 + tanh(x/2)) / 2, which never overflows; dx = dy·y·(1 − y).

    x, y: any shape. For a loss on probabilities; bce_with_logits needs no sigmoid and is more exact.
    """

    def forward(self, x, train=True):
        self.require_floating("x", x)
        y = ops.sigmoid(x)
        return y, (y,)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (y,) = cache
        self.require_shape("dy", dy, y.shape)
        return dy * (y * (1 - y)) if input_grad else None
