"""Images as numbers for a network, and back: uint8 in [0, 255] to floats in the range of its pixels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.backend import Array, asarray, to_numpy


def scale_and_offset(pixel_range: tuple[float, float] = (-1, 1)) -> tuple[float, float]:
    """(scale, offset) such that uint8·scale + offset is in `pixel_range`: 0 becomes its lower end, 255 its upper."""
    low, high = pixel_range
    return (high - low) / 255, low


def to_float(images: Any, pixel_range: tuple[float, float] = (-1, 1), dtype: npt.DTypeLike = np.float32) -> Array:
    """Convert uint8 images, any shape such as (N, H, W, C), to floats in `pixel_range`, on the backend.

    Raises TypeError for another dtype than uint8, which would be scaled twice.
    """
    images = asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(f"to_float: expected images of dtype uint8, got {images.dtype}")
    scale, offset = scale_and_offset(pixel_range)
    return images.astype(dtype) * scale + offset


def to_uint8(images: Any, pixel_range: tuple[float, float] = (-1, 1)) -> npt.NDArray[np.uint8]:
    """Convert floats in `pixel_range`, such as a generator's output, to uint8 images on the host: to_float reversed.

    Values are rounded to the nearest level; those outside the range are clipped.
    """
    low, high = pixel_range
    return np.clip(np.rint((to_numpy(images) - low) * (255 / (high - low))), 0, 255).astype(np.uint8)
