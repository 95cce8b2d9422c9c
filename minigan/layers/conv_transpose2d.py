"""ConvTranspose2D: the transpose of a convolution, which enlarges images."""

from typing import Any, NamedTuple

from minigan import ops
from minigan.backend import Array
from minigan.initializers import Initializer, glorot_uniform, zeros
from minigan.layers.base import Layer, Param
from minigan.ops.geometry import (
    Padding,
    conv_transpose_output,
    pair,
    require_sizes,
    require_transpose_settings,
    window_name,
)


class ConvTranspose2DCache(NamedTuple):
    """size: (H', W'), of the output; padding: ((top, bottom), (left, right)), resolved for the size of x."""

    x: Array
    size: tuple[int, int]
    padding: Padding
    version: int


class ConvTranspose2D(Layer):
    """Transposed convolution, by either of its two definitions, which agree.

    definition="scatter": every input element adds a copy of the kernel, scaled by its value, to the output, s rows and
    columns after its neighbour's; overlaps add up; then the padding is cropped from each side.

        y[n, p·s + i − top, q·s + j − left, o] += Σ_c x[n, p, q, c] · W[i, j, o, c]

    That is the input gradient of a convolution. So the forward pass is conv2d_grad_input, dx is conv2d, and dW is
    conv2d_grad_weight with image and gradient exchanged.

    definition="zero_insertion": insert s − 1 zeros between the input elements, add a border of k − 1 − padding, then
    apply a convolution of stride 1 with the kernel flipped and its channels swapped. It takes s² times as many
    multiplications, most of them by zero: the definition to understand, not the one to train with.

    x: (N, H, W, in_channels), y: (N, H', W', out_channels) with
    H' = (H − 1)·s + k − top − bottom + output_padding; weight: (kh, kw, out_channels, in_channels).
    padding: as in Conv2D; "same" gives H' = H·s as in TensorFlow. initializer: of the weight, by default
    glorot_uniform(). Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic", relationships 13 and 14.
    Raises ValueError for another shape, a size that is not an int of at least 1, an unknown definition, or an output of
    no size.
    """

    definitions = ("scatter", "zero_insertion")

    settings = ("in_channels", "out_channels", "kernel_size", "stride", "padding")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: Any = 0,
        output_padding: int | tuple[int, int] = 0,
        bias: bool = True,
        definition: str = "scatter",
        initializer: Initializer | None = None,
    ) -> None:
        if definition not in self.definitions:
            raise ValueError(f"ConvTranspose2D: expected definition in {self.definitions}, got {definition!r}")
        require_sizes("ConvTranspose2D", in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", stride)
        self.padding, self.output_padding = padding, pair("output_padding", output_padding, minimum=0)
        self.definition = definition
        require_transpose_settings(self.stride, padding, self.output_padding)
        initializer = initializer or glorot_uniform()
        taps = self.kernel_size[0] * self.kernel_size[1]
        self.weight = Param(
            initializer((*self.kernel_size, out_channels, in_channels), taps * in_channels, taps * out_channels)
        )
        self.bias = Param(zeros(out_channels)) if bias else None

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, ConvTranspose2DCache]:
        self.require_shape("x", x, ("N", "H", "W", self.in_channels))
        self.require_floating("x", x)
        size, padding = conv_transpose_output(
            x.shape[1:3], self.kernel_size, self.stride, self.padding, self.output_padding
        )
        w, bias = self.weight.cast(x.dtype), None if self.bias is None else self.bias.cast(x.dtype)
        if self.definition == "scatter":
            y = ops.conv2d_grad_input(x, w, size, self.stride, padding, bias)  # (N, H', W', out)
        else:
            y = ops.conv_transpose2d_by_zeros(x, w, size, self.stride, padding, bias)
        return y, ConvTranspose2DCache(x, size, padding, self.weight.version)

    def backward(
        self, dy: Array, cache: ConvTranspose2DCache, param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        x, size, padding, version = cache
        self.weight.require_version(version, self)
        self.require_shape("dy", dy, (x.shape[0], *size, self.out_channels))
        w = self.weight.cast(dy.dtype)
        if param_grads:
            if self.definition == "scatter":
                ops.conv2d_grad_weight(dy, x, self.kernel_size, self.stride, padding, add_to=self.weight.grad)
            else:
                self.weight.grad += ops.conv_transpose2d_by_zeros_grad_weight(
                    x, dy, self.kernel_size, self.stride, padding
                )
            if self.bias is not None:
                ops.sum_rows(dy.reshape(-1, self.out_channels), add_to=self.bias.grad)
        if not input_grad:
            return None
        if self.definition == "scatter":
            return ops.conv2d(dy, w, self.stride, padding)  # (N, H, W, in)
        return ops.conv_transpose2d_by_zeros_grad_input(dy, w, x.shape[1:3], self.stride, padding)

    def summary_name(self) -> str:
        return f"ConvTranspose2D {window_name(self.kernel_size, self.stride)}"
