"""The operations on the CPU. Each convolution uses the algorithm that was measured to be fastest for its shape.

A pixel that is NaN or infinite reaches as many outputs, and a gradient dy as many dx, as the kernel says, whichever
algorithm is used and however large the batch is. Two things differ: where im2col has an infinity, Winograd's has NaN,
from ∞ − ∞; and in a weight gradient, im2col also multiplies dy by the zeros of the padding, and 0·NaN is NaN.
"""

from minigan.backend import Array
from minigan.ops.cpu import direct, im2col, toeplitz, winograd
from minigan.ops.cpu.elementwise import (
    adam_update,
    add,
    bce_with_logits,
    leaky_relu,
    leaky_relu_grad,
    matmul,
    sum_rows,
    tanh,
    tanh_grad,
)
from minigan.ops.cpu.normalization import batch_norm, batch_norm_grad, normalize
from minigan.ops.elementwise import add_discriminator_metrics, least_squares, next_images
from minigan.ops.geometry import Padding, Size

__all__ = [
    "adam_update",
    "add_discriminator_metrics",
    "batch_norm",
    "batch_norm_grad",
    "bce_with_logits",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "leaky_relu",
    "leaky_relu_grad",
    "least_squares",
    "matmul",
    "next_images",
    "normalize",
    "sum_rows",
    "tanh",
    "tanh_grad",
]


def conv2d(x: Array, w: Array, stride: Size, padding: Padding, bias: Array | None = None) -> Array:
    """See convolution.conv2d."""
    batch, size, kernel_size, (channels, out_channels) = x.shape[0], x.shape[1:3], w.shape[:2], w.shape[2:]
    if direct.is_applicable(size, kernel_size, stride, padding, channels):
        return direct.conv2d(x, w, stride, padding, bias)
    if winograd.is_applicable(batch, size, kernel_size, stride, padding, channels):
        return winograd.conv2d(x, w, bias)
    if toeplitz.is_applicable(batch, size, kernel_size, stride, padding, out_channels):
        return toeplitz.conv2d(x, w, padding, bias)
    return im2col.conv2d(x, w, stride, padding, bias)


def conv2d_grad_input(
    dy: Array, w: Array, input_size: Size, stride: Size, padding: Padding, bias: Array | None = None
) -> Array:
    """See convolution.conv2d_grad_input."""
    batch, kernel_size, (channels, out_channels) = dy.shape[0], w.shape[:2], w.shape[2:]
    if direct.is_applicable(input_size, kernel_size, stride, padding, channels):
        return direct.conv2d_grad_input(dy, w, input_size, stride, padding, bias)
    if winograd.is_applicable(batch, input_size, kernel_size, stride, padding, channels):
        return winograd.conv2d_grad_input(dy, w, bias)
    if toeplitz.is_applicable(batch, input_size, kernel_size, stride, padding, out_channels):
        return toeplitz.conv2d_grad_input(dy, w, input_size, padding, bias)
    return im2col.conv2d_grad_input(dy, w, input_size, stride, padding, bias)


def conv2d_grad_weight(
    x: Array, dy: Array, kernel_size: Size, stride: Size, padding: Padding, add_to: Array | None = None
) -> Array:
    """See convolution.conv2d_grad_weight."""
    batch, size, channels, out_channels = x.shape[0], x.shape[1:3], x.shape[3], dy.shape[3]
    if direct.is_applicable(size, kernel_size, stride, padding, channels):
        dw = direct.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
    elif winograd.is_applicable(batch, size, kernel_size, stride, padding, channels):
        dw = winograd.conv2d_grad_weight(x, dy)
    elif toeplitz.is_applicable(batch, size, kernel_size, stride, padding, out_channels):
        dw = toeplitz.conv2d_grad_weight(x, dy, kernel_size, padding)
    else:
        dw = im2col.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
    return dw if add_to is None else add(add_to, dw)
