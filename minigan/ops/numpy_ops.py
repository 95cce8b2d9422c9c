"""The operations on the CPU. For each convolution the way that was measured to be fastest for its shape."""

from minigan.ops import numpy_convolution, positions, whole_picture, winograd
from minigan.ops.elementwise import add_score_means, bce_with_logits, least_squares, next_images
from minigan.ops.numpy_elementwise import (
    adam_update,
    add,
    leaky_relu,
    leaky_relu_grad,
    matmul,
    sum_rows,
    tanh,
    tanh_grad,
)
from minigan.ops.numpy_normalization import batch_norm, batch_norm_grad, normalize

__all__ = [
    "adam_update",
    "add_score_means",
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


def conv2d(x, w, stride, padding, bias=None):
    """As convolution.conv2d."""
    batch, size, kernel_size, (channels, out_channels) = x.shape[0], x.shape[1:3], w.shape[:2], w.shape[2:]
    if positions.suits(size, kernel_size, stride, padding, channels):
        return positions.conv2d(x, w, stride, padding, bias)
    if winograd.suits(batch, size, kernel_size, stride, padding, channels):
        return winograd.conv2d(x, w, bias)
    if whole_picture.suits(batch, size, kernel_size, stride, padding, out_channels):
        return whole_picture.conv2d(x, w, padding, bias)
    return numpy_convolution.conv2d(x, w, stride, padding, bias)


def conv2d_grad_input(dy, w, input_size, stride, padding, bias=None):
    """As convolution.conv2d_grad_input."""
    kernel_size, channels = w.shape[:2], w.shape[2]
    if positions.suits(input_size, kernel_size, stride, padding, channels):
        return positions.conv2d_grad_input(dy, w, input_size, stride, padding, bias)
    if winograd.suits(dy.shape[0], input_size, kernel_size, stride, padding, channels):
        return winograd.conv2d_grad_input(dy, w, bias)
    if whole_picture.suits(dy.shape[0], input_size, kernel_size, stride, padding, w.shape[3]):
        return whole_picture.conv2d_grad_input(dy, w, input_size, padding, bias)
    return numpy_convolution.conv2d_grad_input(dy, w, input_size, stride, padding, bias)


def conv2d_grad_weight(x, dy, kernel_size, stride, padding, add_to=None):
    """As convolution.conv2d_grad_weight."""
    batch, size, channels = x.shape[0], x.shape[1:3], x.shape[3]
    if positions.suits(size, kernel_size, stride, padding, channels):
        dw = positions.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
    elif winograd.suits(batch, size, kernel_size, stride, padding, channels):
        dw = winograd.conv2d_grad_weight(x, dy)
    elif whole_picture.suits(batch, size, kernel_size, stride, padding, dy.shape[3]):
        dw = whole_picture.conv2d_grad_weight(x, dy, kernel_size, padding)
    else:
        dw = numpy_convolution.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
    return dw if add_to is None else add(add_to, dw)
