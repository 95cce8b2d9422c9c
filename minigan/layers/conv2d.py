"""Conv2D: one small kernel, applied at every position of the image."""

from typing import Any, NamedTuple

from minigan import ops
from minigan.backend import Array
from minigan.initializers import Initializer, glorot_uniform, zeros
from minigan.layers.base import Layer, Param
from minigan.ops.geometry import Padding, conv_output_size, pair, require_sizes, resolve_padding, window_name


class Conv2DCache(NamedTuple):
    """padding: ((top, bottom), (left, right)), resolved for the size of x."""

    x: Array
    padding: Padding
    version: int


class Conv2D(Layer):
    """Two-dimensional convolution (cross-correlation, as usual in deep learning).

        y[n, p, q, o] = b[o] + Σ_{i, j, c} x[n, p·s + i − top, q·s + j − left, c] · W[i, j, c, o]

    with zeros outside the image. It uses three primitives: conv2d for the forward pass, conv2d_grad_input for dx,
    conv2d_grad_weight for dW; db is the sum of dy over all positions.

    x: (N, H, W, in_channels), y: (N, H', W', out_channels) with H' = ⌊(H + top + bottom − k) / s⌋ + 1;
    weight: (kh, kw, in_channels, out_channels), bias: (out_channels,).
    padding: an int, (h, w), ((top, bottom), (left, right)), "valid" (none), or "same": H' = ⌈H / s⌉ as in TensorFlow,
    with the odd row or column at the bottom and right. initializer: of the weight, by default glorot_uniform().
    Raises ValueError for another shape, a size that is not an int of at least 1, or a kernel larger than the padded
    image.
    """

    settings = ("in_channels", "out_channels", "kernel_size", "stride", "padding")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: Any = 0,
        bias: bool = True,
        initializer: Initializer | None = None,
    ) -> None:
        require_sizes("Conv2D", in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", stride)
        self.padding = padding
        resolve_padding(padding, (1, 1), self.kernel_size, self.stride)  # raises at once for a bad padding
        initializer = initializer or glorot_uniform()
        taps = self.kernel_size[0] * self.kernel_size[1]
        self.weight = Param(
            initializer((*self.kernel_size, in_channels, out_channels), taps * in_channels, taps * out_channels)
        )
        self.bias = Param(zeros(out_channels)) if bias else None

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, Conv2DCache]:
        self.require_shape("x", x, ("N", "H", "W", self.in_channels))
        self.require_floating("x", x)
        padding = resolve_padding(self.padding, x.shape[1:3], self.kernel_size, self.stride)
        bias = None if self.bias is None else self.bias.cast(x.dtype)
        y = ops.conv2d(x, self.weight.cast(x.dtype), self.stride, padding, bias)  # (N, H', W', out)
        return y, Conv2DCache(x, padding, self.weight.version)

    def backward(
        self, dy: Array, cache: Conv2DCache, param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        x, padding, version = cache
        self.weight.require_version(version, self)
        size = conv_output_size(x.shape[1:3], self.kernel_size, self.stride, padding)
        self.require_shape("dy", dy, (x.shape[0], *size, self.out_channels))
        if param_grads:
            ops.conv2d_grad_weight(x, dy, self.kernel_size, self.stride, padding, add_to=self.weight.grad)
            if self.bias is not None:
                ops.sum_rows(dy.reshape(-1, self.out_channels), add_to=self.bias.grad)
        if not input_grad:
            return None
        return ops.conv2d_grad_input(dy, self.weight.cast(dy.dtype), x.shape[1:3], self.stride, padding)

    def summary_name(self) -> str:
        return f"Conv2D {window_name(self.kernel_size, self.stride)}"
