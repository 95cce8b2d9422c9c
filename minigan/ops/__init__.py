"""The arithmetic under the layers. `ops/reference.py` defines each operation with plain loops."""

from minigan.ops.convolution import conv2d, conv2d_grad_input, conv2d_grad_weight
from minigan.ops.zero_insertion import (
    conv_transpose2d_by_zeros,
    conv_transpose2d_by_zeros_grad_input,
    conv_transpose2d_by_zeros_grad_weight,
)

__all__ = [
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "conv_transpose2d_by_zeros",
    "conv_transpose2d_by_zeros_grad_input",
    "conv_transpose2d_by_zeros_grad_weight",
]
