"""The arithmetic under the layers. `ops/reference.py` defines each operation with plain loops.

convolution.py, normalization.py and elementwise.py are the readable path, in terms of `xp`, and run on both backends.
numpy_ops.py replaces them by name on the CPU, cupy_ops.py on a GPU.
"""

from types import ModuleType

from minigan import backend
from minigan.ops import numpy_ops
from minigan.ops.elementwise import sigmoid
from minigan.ops.zero_insertion import (
    conv_transpose2d_by_zeros,
    conv_transpose2d_by_zeros_grad_input,
    conv_transpose2d_by_zeros_grad_weight,
)

if backend.on_cpu:
    from minigan.ops.memory import keep_freed_memory

    keep_freed_memory()
    fast: ModuleType = numpy_ops
else:
    from minigan.ops import cupy_ops

    fast = cupy_ops

adam_update = fast.adam_update
add_score_means = fast.add_score_means
batch_norm = fast.batch_norm
batch_norm_grad = fast.batch_norm_grad
bce_with_logits = fast.bce_with_logits
conv2d = fast.conv2d
conv2d_grad_input = fast.conv2d_grad_input
conv2d_grad_weight = fast.conv2d_grad_weight
leaky_relu = fast.leaky_relu
leaky_relu_grad = fast.leaky_relu_grad
least_squares = fast.least_squares
matmul = fast.matmul
next_images = fast.next_images
normalize = fast.normalize
sum_rows = fast.sum_rows
tanh = fast.tanh
tanh_grad = fast.tanh_grad

__all__ = [
    *numpy_ops.__all__,  # cupy_ops has the same
    "conv_transpose2d_by_zeros",
    "conv_transpose2d_by_zeros_grad_input",
    "conv_transpose2d_by_zeros_grad_weight",
    "sigmoid",
]
