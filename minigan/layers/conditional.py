"""Conditional: a network of two inputs, a picture (or noise) and a label."""

from minigan.backend import xp
from minigan.layers.base import Layer
from minigan.layers.sequential import indented


class Conditional(Layer):
    """y = rest([ x_path(x), label_path(label) ]): two paths, laid on each other as channels, then one.

        [a, b] = concatenation along the last axis
        backward: d[a, b] = restᵀ(dy); the first channels flow back through x_path, the last ones through label_path

    The gradient of a concatenation is the concatenation's parts. Labels have no gradient, so dx, that of x, is all that
    comes out below. forward takes one tuple (x, labels); x_path and label_path: Layers whose outputs agree in all axes
    but the last; input_shape: of one x, for summary(). Source: Mirza and Osindero 2014.
    Raises TypeError for an input that is no pair, ValueError for outputs that do not fit beside each other.
    """

    def __init__(self, x_path, label_path, rest, input_shape=None):
        self.x_path, self.label_path, self.rest = x_path, label_path, rest
        self.input_shape = input_shape

    def forward(self, x, train=True):
        if not isinstance(x, tuple) or len(x) != 2:
            raise TypeError(f"{type(self).__name__}: expected a tuple (x, labels), got {type(x).__name__}")
        a, a_cache = self.x_path.forward(x[0], train)  # (N, H, W, A)
        b, b_cache = self.label_path.forward(x[1], train)  # (N, H, W, B)
        y, rest_cache = self.rest.forward(self.joined(a, b), train)
        return y, (a.shape[-1], a_cache, b_cache, rest_cache)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        channels, a_cache, b_cache, rest_cache = cache
        below = input_grad or param_grads
        joined = self.rest.backward(dy, rest_cache, param_grads, below)  # (N, H, W, A + B)
        if param_grads:
            self.label_path.backward(joined[..., channels:], b_cache, input_grad=False)
        return self.x_path.backward(joined[..., :channels], a_cache, param_grads, input_grad) if below else None

    def joined(self, a, b):
        """[a, b] along the last axis: (..., A) and (..., B) → (..., A + B)."""
        if a.shape[:-1] != b.shape[:-1]:
            raise ValueError(
                f"{type(self).__name__}: expected both paths to give one shape but for the channels, "
                f"got {tuple(a.shape)} and {tuple(b.shape)}"
            )
        joined = xp.empty((*a.shape[:-1], a.shape[-1] + b.shape[-1]), a.dtype)
        joined[..., : a.shape[-1]], joined[..., a.shape[-1] :] = a, b
        return joined

    def __repr__(self):
        paths = [("x: ", self.x_path), ("label: ", self.label_path), ("rest: ", self.rest)]
        return indented(type(self).__name__, paths)
