"""The array library under everything: NumPy on the CPU, CuPy on a GPU.

`MINIGAN_BACKEND=numpy|cupy` chooses it, read once when this module is imported. `xp` is the chosen array
module. This is the only file that asks which backend it is; all others are written in terms of `xp`.
"""

import os

import numpy as np

from minigan.errors import UserError, unknown_name

NAMES = ("numpy", "cupy")
name = os.environ.get("MINIGAN_BACKEND", "").strip().lower() or "numpy"


def _import_array_module():
    if name == "numpy":
        return np
    if name != "cupy":
        raise unknown_name("MINIGAN_BACKEND", name, NAMES)
    try:
        import cupy
    except ImportError as error:
        raise UserError(
            "MINIGAN_BACKEND=cupy, but CuPy cannot be imported: pip install 'minigan[cuda13x]' (CUDA 12: "
            f"'minigan[cuda12x]'), or unset MINIGAN_BACKEND to run on NumPy ({error})"
        ) from None
    if not cupy.cuda.is_available():
        raise UserError(
            "MINIGAN_BACKEND=cupy, but CuPy finds no GPU: check the driver with nvidia-smi, "
            "or unset MINIGAN_BACKEND to run on NumPy"
        )
    return cupy


xp = _import_array_module()
on_cpu = xp is np


def asarray(array, dtype=None):
    """`array` (NumPy, a list, or already ours) as an array of this backend; copied only where it must be."""
    return xp.asarray(array, dtype=dtype)


def to_numpy(array):
    """`array` as a NumPy array on the host. On a GPU this waits for the device: never inside a step."""
    return array.get() if hasattr(array, "get") else np.asarray(array)


def synchronize():
    """Wait until the device has done all that was asked of it (a clock is read after this)."""
    if name == "cupy":
        xp.cuda.get_current_stream().synchronize()


class RandomStream:
    """Random numbers from a seed, the same for both backends: drawn by NumPy, then moved to the device.

    Draws are float64 and rounded to `dtype`, so float32 and float64 networks start from the same weights and
    see the same noise, up to that rounding.
    """

    def __init__(self, seed=0):
        self.seed(seed)

    def seed(self, seed):
        self._generator = np.random.default_rng(seed)

    def normal(self, shape, dtype=np.float32):
        """Standard normal numbers, N(0, 1)."""
        return asarray(self._generator.standard_normal(shape).astype(dtype))

    def uniform(self, shape, dtype=np.float32):
        """Uniform numbers in [0, 1)."""
        return asarray(self._generator.random(shape).astype(dtype))

    def state(self):
        """The state as a dictionary of strings and integers; JSON can hold it."""
        return self._generator.bit_generator.state

    def restore(self, state):
        """Go on from a `state()` taken earlier."""
        self._generator.bit_generator.state = state


random = RandomStream()


def seed(seed):
    """Start the shared stream anew: initial weights, noise and dropout masks all come from it."""
    random.seed(seed)
