"""The synthetic digits: determined by the seed, different from each other, and recognizable by their outlines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigan.data
from minigan.data import digits
from minigan.data.digits import SEGMENTS, STROKES, curve_through, load_digits
from minigan.errors import DataError


def test_shapes_dtypes_and_class_counts():
    train, test = load_digits("train"), load_digits("test")
    assert train.images.shape == (10_000, 28, 28, 1)
    assert test.images.shape == (2_000, 28, 28, 1)
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64
    assert train.class_names == tuple("0123456789")
    assert np.bincount(train.labels).tolist() == [1000] * 10


def test_one_seed_gives_the_same_images_and_another_does_not():
    first = minigan.data.load("digits", count=200, seed=3).images
    np.testing.assert_array_equal(first, load_digits(count=200, seed=3).images)
    assert (first != load_digits(count=200, seed=4).images).any(axis=(1, 2, 3)).all()


def test_the_test_split_has_other_images():
    train, test = load_digits("train", count=500).images, load_digits("test", count=500).images
    assert {image.tobytes() for image in train}.isdisjoint(image.tobytes() for image in test)


@pytest.mark.parametrize("count", [0, 1, 9, 137])
def test_a_smaller_count_gives_the_first_images_of_a_larger_one(count):
    np.testing.assert_array_equal(load_digits(count=count).images, load_digits(count=500).images[:count])


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_images_do_not_depend_on_the_chunk_size(monkeypatch, chunk):
    expected = load_digits(count=300).images
    monkeypatch.setattr(digits, "CHUNK", chunk)
    np.testing.assert_array_equal(load_digits(count=300).images, expected)


def test_the_ink_is_bright_and_stays_away_from_the_border():
    images = load_digits(count=2000).images
    assert images.max(axis=(1, 2, 3)).min() > 150
    border = np.concatenate([images[:, :2], images[:, -2:]], axis=1)
    assert (border > 0).mean() < 0.01


def test_a_nearest_neighbour_recognizes_the_digits():
    known, unknown = load_digits("train", count=5000), load_digits("test", count=1000)
    a, b = (data.images.reshape(len(data), -1).astype(np.float32) for data in (known, unknown))
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b))
    nearest = known.labels[(b @ a.T).argmax(axis=1)]
    assert (nearest == unknown.labels).mean() > 0.97


@settings(deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**31))
def test_a_curve_passes_through_its_control_points(count, seed):
    points = np.random.default_rng(seed).standard_normal((3, count, 2))
    np.testing.assert_allclose(curve_through(points)[:, ::SEGMENTS], points, atol=1e-12)


def test_a_curve_through_points_on_a_line_is_that_line():
    points = np.array([[[0.0, 0], [1, 2], [2, 4], [3, 6]]])
    curve = curve_through(points)[0]
    np.testing.assert_allclose(curve[:, 1], 2 * curve[:, 0], atol=1e-12)
    assert (np.diff(curve[:, 0]) > 0).all()


def test_every_stroke_has_at_least_two_points():
    assert all(len(stroke) > 1 for strokes in STROKES.values() for stroke in strokes)


def test_wrong_arguments_are_refused_by_name():
    with pytest.raises(DataError, match="train"):
        load_digits("valid")
    with pytest.raises(DataError, match="generated, not read"):
        minigan.data.load("digits", root="somewhere")
