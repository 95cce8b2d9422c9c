"""The numbers that a metric is computed from: real and, where it matters, finite."""

import numpy as np
import numpy.typing as npt


def real_array(caller: str, name: str, array: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """`array`, any shape, as float64. Raises ValueError, naming the argument, for complex numbers, text or objects."""
    given = np.asarray(array)
    if given.dtype.kind not in "fiub":
        raise ValueError(f"{caller}: expected {name} to be an array of real numbers, got {given.dtype}")
    return given.astype(np.float64, copy=False)


def finite_array(caller: str, name: str, array: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """`array`, any shape, as float64. Raises ValueError for numbers that are not real or not finite."""
    real = real_array(caller, name, array)
    if not np.isfinite(real).all():
        raise ValueError(f"{caller}: expected {name} to be finite, got NaN or infinity")
    return real
