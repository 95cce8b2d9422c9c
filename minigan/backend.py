"""The array library under everything: NumPy on the CPU, CuPy on a GPU.

The environment variable `MINIGAN_BACKEND=numpy|cupy` chooses it; it is read once, when this module is imported. `xp` is
the chosen array module, and all other code is written in terms of `xp`.
"""

import importlib
import os
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from minigan.errors import UserError, unknown_name

Array: TypeAlias = npt.NDArray[Any]  # an array of the backend; shapes and dtypes are in comments and docstrings

NAMES = ("numpy", "cupy")
name = os.environ.get("MINIGAN_BACKEND", "").strip().lower() or "numpy"


def _import_array_module() -> Any:
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


xp: Any = _import_array_module()
on_cpu: bool = xp is np
precision = "fp32"  # how a GPU multiplies float32 matrices; set_precision changes it

PRECISIONS = {"fp32": "float32", "tf32": "float32", "bf16": "float32", "fp64": "float64"}


def set_precision(name: str) -> np.dtype[Any]:
    """Set the precision of matrix products, and return the dtype of the arrays that goes with it.

    "fp32" multiplies float32 numbers as they are. "tf32" and "bf16" round the factors to 10 and 7 bits of mantissa and
    use the tensor cores of a GPU; sums, weights and everything else stay float32. "fp64" is float64 throughout.

    Raises UserError for an unknown name, and for tf32 and bf16 on the CPU.
    """
    global precision
    if name not in PRECISIONS:
        raise unknown_name("precision", name, list(PRECISIONS))
    if on_cpu and name in ("tf32", "bf16"):
        raise UserError(
            f"--precision {name}: expected fp32 or fp64 on the CPU; {name} needs a GPU (MINIGAN_BACKEND=cupy)"
        )
    precision = name
    return np.dtype(PRECISIONS[name])


def asarray(array: Any, dtype: npt.DTypeLike | None = None) -> Array:
    """Convert `array` (a NumPy array, a list, an array of the backend) to the backend, without a copy if possible."""
    return xp.asarray(array, dtype=dtype)


def to_numpy(array: Any) -> npt.NDArray[Any]:
    """Convert `array` to a NumPy array on the host. On a GPU this waits for the device: never do it inside a step."""
    return array.get() if hasattr(array, "get") else np.asarray(array)


def synchronize() -> None:
    """Wait until the device has finished its work; call it before reading a clock."""
    if name == "cupy":
        xp.cuda.Device().synchronize()  # all streams: training steps have one of their own


def __getattr__(attribute: str) -> Any:
    # `backend.random`, `backend.seed` and `backend.RandomStream` are shorthands for minigan.random, which needs this
    # module and is therefore imported when one of them is first used.
    if attribute not in ("random", "seed", "RandomStream"):
        raise AttributeError(f"module 'minigan.backend' has no attribute {attribute!r}")
    module: ModuleType = importlib.import_module("minigan.random")
    return module.default_stream if attribute == "random" else getattr(module, attribute)
