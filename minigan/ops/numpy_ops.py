"""The operations on the CPU. For each convolution the way that was measured to be fastest for its shape."""

from minigan.ops import numpy_convolution, positions, winograd
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
    batch, size, kernel_size, channels = x.shape[0], x.shape[1:3], w.shape[:2], w.shape[2]
    if positions.suits(size, kernel_size, stride, padding, channels):
        return positions.conv2d(x, w, stride, padding, bias)
    if winograd.suits(batch, size, kernel_size, stride, padding, channels):
        return winograd.conv2d(x, w, bias)
    return numpy_convolution.conv2d(x, w, stride, padding, bias)


def conv2d_grad_input(dy, w, input_size, stride, padding, bias=None):
    """As convolution.conv2d_grad_input."""
    kernel_size, channels = w.shape[:2], w.shape[2]
    if positions.suits(input_size, kernel_size, stride, padding, channels):
        return positions.conv2d_grad_input(dy, w, input_size, stride, padding, bias)
    if winograd.suits(dy.shape[0], input_size, kernel_size, stride, padding, channels):
        return winograd.conv2d_grad_input(dy, w, bias)
    return numpy_convolution.conv2d_grad_input(dy, w, input_size, stride, padding, bias)


def conv2d_grad_weight(x, dy, kernel_size, stride, padding, add_to=None):
    """As convolution.conv2d_grad_weight."""
    batch, size, channels = x.shape[0], x.shape[1:3], x.shape[3]
    if positions.suits(size, kernel_size, stride, padding, channels):
        dw = positions.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
    elif winograd.suits(batch, size, kernel_size, stride, padding, channels):
        dw = winograd.conv2d_grad_weight(x, dy)
    else:
        dw = numpy_convolution.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
    return dw if add_to is None else add(add_to, dw)
