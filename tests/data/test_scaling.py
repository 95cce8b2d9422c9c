"""Scaling images: uint8 to floats and back, without losing a level."""

import numpy as np
import pytest

from minigan import data
from minigan.backend import asarray, to_numpy
from minigan.data.scaling import scale_and_offset

LEVELS = np.arange(256, dtype=np.uint8)
RANGES = [(-1, 1), (0, 1)]
every_range = pytest.mark.parametrize("pixel_range", RANGES)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


@every_range
@every_dtype
def test_every_level_is_restored_exactly(pixel_range, dtype):
    floats = data.to_float(LEVELS, pixel_range, dtype)
    assert floats.dtype == dtype
    restored = data.to_uint8(floats, pixel_range)
    assert restored.dtype == np.uint8
    assert restored.tolist() == LEVELS.tolist()


@every_range
@every_dtype
def test_levels_are_spaced_evenly_over_the_range(pixel_range, dtype):
    low, high = pixel_range
    expected = [low + level * (high - low) / 255 for level in range(256)]
    floats = to_numpy(data.to_float(LEVELS, pixel_range, dtype))
    np.testing.assert_allclose(floats, expected, atol=2 * np.finfo(dtype).eps)
    scale, offset = scale_and_offset(pixel_range)
    assert (offset, 255 * scale + offset) == (low, high)


@every_range
@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (2, 4, 3, 1), (2, 4, 3, 3), (0, 4, 3, 3)])
def test_any_shape_is_kept(shape, pixel_range):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    floats = data.to_float(images, pixel_range)
    assert floats.shape == shape
    assert (data.to_uint8(floats, pixel_range) == images).all()
    assert data.to_uint8(floats, pixel_range).shape == shape


def test_images_may_be_on_the_device_and_in_any_memory_layout():
    images = np.random.default_rng(1).integers(0, 256, (4, 6, 5, 3)).astype(np.uint8)
    for view in (images[::-1], images[:, ::2], images.transpose(3, 1, 2, 0)):
        assert (data.to_uint8(data.to_float(asarray(view))) == view).all()
        assert (data.to_uint8(data.to_float(view)) == view).all()


def test_the_default_range_is_that_of_tanh():
    assert to_numpy(data.to_float(np.array([0, 255], np.uint8))).tolist() == [-1, 1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_images_of_another_dtype_are_refused(dtype):
    """They may have been scaled already."""
    with pytest.raises(TypeError, match=f"to_float: expected images of dtype uint8, got {dtype}"):
        data.to_float(np.zeros((2, 4, 4, 1), dtype))


@every_range
@every_dtype
def test_values_outside_the_range_are_clipped(pixel_range, dtype):
    low, high = pixel_range
    outside = asarray(np.array([low - 7, low - 0.001, high + 0.001, high + 7], dtype))
    assert data.to_uint8(outside, pixel_range).tolist() == [0, 0, 255, 255]


@every_range
def test_values_between_two_levels_are_rounded_to_the_nearer_one(pixel_range):
    low, high = pixel_range
    step = (high - low) / 255
    values = asarray(np.array([low + (100 + fraction) * step for fraction in (-0.4, 0.4, 0.6)]))
    assert data.to_uint8(values, pixel_range).tolist() == [100, 100, 101]
