"""The arithmetic under the layers. `ops/reference.py` defines each operation with plain loops.

convolution.py and elementwise.py are the readable path, in terms of `xp`, and run on both backends. On the CPU
numpy_ops.py replaces them by name.
"""

from minigan import backend
from minigan.ops.zero_insertion import (
    conv_transpose2d_by_zeros,
    conv_transpose2d_by_zeros_grad_input,
    conv_transpose2d_by_zeros_grad_weight,
)

if backend.on_cpu:
    from minigan.ops.numpy_ops import (
        adam_update,
        add,
        add_bias,
        conv2d,
        conv2d_grad_input,
        conv2d_grad_weight,
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
else:
    from minigan.ops.convolution import conv2d, conv2d_grad_input, conv2d_grad_weight
    from minigan.ops.elementwise import (
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

__all__ = [
    "adam_update",
    "add",
    "add_bias",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "conv_transpose2d_by_zeros",
    "conv_transpose2d_by_zeros_grad_input",
    "conv_transpose2d_by_zeros_grad_weight",
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
