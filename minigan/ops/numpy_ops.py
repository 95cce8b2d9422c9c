"""The operations on the CPU. For each convolution the way that was measured to be fastest for its shape."""

from minigan.ops import numpy_convolution, positions, winograd
from minigan.ops.memory import keep_freed_memory
from minigan.ops.numpy_elementwise import (
    adam_update,
    add,
    add_bias,
    leaky_relu,
    leaky_relu_grad,
    matmul,
    mean_and_variance,
    normalize,
    normalize_grad,
    normalize_sums,
    sum_rows,
    tanh,
)

keep_freed_memory()

__all__ = [
    "adam_update",
    "add",
    "add_bias",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "leaky_relu",
    "leaky_relu_grad",
    "matmul",
    "mean_and_variance",
    "normalize",
    "normalize_grad",
    "normalize_sums",
    "sum_rows",
    "tanh",
]


def conv2d(x, w, stride, padding):
    """As convolution.conv2d."""
    batch, size, kernel_size, channels = x.shape[0], x.shape[1:3], w.shape[:2], w.shape[2]
    if positions.suits(size, kernel_size, stride, padding, channels):
        return positions.conv2d(x, w, stride, padding)
    if winograd.suits(batch, size, kernel_size, stride, padding, channels):
        return winograd.conv2d(x, w)
    return numpy_convolution.conv2d(x, w, stride, padding)


def conv2d_grad_input(dy, w, input_size, stride, padding):
    """As convolution.conv2d_grad_input."""
    kernel_size, channels = w.shape[:2], w.shape[2]
    if positions.suits(input_size, kernel_size, stride, padding, channels):
        return positions.conv2d_grad_input(dy, w, input_size, stride, padding)
    if winograd.suits(dy.shape[0], input_size, kernel_size, stride, padding, channels):
        return winograd.conv2d_grad_input(dy, w)
    return numpy_convolution.conv2d_grad_input(dy, w, input_size, stride, padding)


def conv2d_grad_weight(x, dy, kernel_size, stride, padding):
    """As convolution.conv2d_grad_weight."""
    batch, size, channels = x.shape[0], x.shape[1:3], x.shape[3]
    if positions.suits(size, kernel_size, stride, padding, channels):
        return positions.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
    if winograd.suits(batch, size, kernel_size, stride, padding, channels):
        return winograd.conv2d_grad_weight(x, dy)
    return numpy_convolution.conv2d_grad_weight(x, dy, kernel_size, stride, padding)
