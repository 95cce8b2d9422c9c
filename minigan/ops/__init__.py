"""The arithmetic of the layers. `ops/reference.py` defines each operation with plain loops.

convolution.py, normalization.py and elementwise.py are the readable path, written in terms of `xp`, for both backends.
cpu/operations.py replaces them by name on the CPU, gpu/operations.py on a GPU.
"""

from types import ModuleType

from minigan import backend
from minigan.ops.cpu import operations as cpu_operations
from minigan.ops.cpu.memory import keep_freed_memory
from minigan.ops.elementwise import sigmoid
from minigan.ops.zero_insertion import (
    conv_transpose2d_by_zeros,
    conv_transpose2d_by_zeros_grad_input,
    conv_transpose2d_by_zeros_grad_weight,
)

fast: ModuleType
if backend.on_cpu:
    fast = cpu_operations
else:
    from minigan.ops.gpu import operations as gpu_operations

    fast = gpu_operations


def prepare_training() -> None:
    """Set up the process for training; importing minigan changes nothing in it, and every optimizer calls this.

    On the CPU, freed memory stays with the process (cpu/memory.py). On a GPU there is nothing to set up.
    """
    if backend.on_cpu:
        keep_freed_memory()


adam_update = fast.adam_update
add_discriminator_metrics = fast.add_discriminator_metrics
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
    *cpu_operations.__all__,  # gpu_operations has the same names
    "conv_transpose2d_by_zeros",
    "conv_transpose2d_by_zeros_grad_input",
    "conv_transpose2d_by_zeros_grad_weight",
    "prepare_training",
    "sigmoid",
]
