"""The synthetic shapes: determined by the seed, different from each other, and recognizable by their outlines."""

import math

import numpy as np
import pytest

from minigan.data import shapes
from minigan.data.shapes import DISTANCES, RANGES, load_shapes


def test_shapes_dtypes_and_class_counts():
    train, test = load_shapes("train"), load_shapes("test")
    assert train.images.shape == (20_000, 32, 32, 3)
    assert test.images.shape == (4_000, 32, 32, 3)
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64
    assert train.images.flags.c_contiguous
    assert np.bincount(train.labels).tolist() == [2000] * 10
    assert len(set(train.class_names)) == 10


def test_one_seed_gives_the_same_images_and_another_does_not():
    first = load_shapes(count=200, seed=3).images
    np.testing.assert_array_equal(first, load_shapes(count=200, seed=3).images)
    assert (first != load_shapes(count=200, seed=4).images).any(axis=(1, 2, 3)).all()


def test_the_test_split_has_other_images():
    train, test = load_shapes("train", count=500).images, load_shapes("test", count=500).images
    assert {image.tobytes() for image in train}.isdisjoint(image.tobytes() for image in test)


@pytest.mark.parametrize("count", [0, 1, 9, 137])
def test_a_smaller_count_gives_the_first_images_of_a_larger_one(count):
    np.testing.assert_array_equal(load_shapes(count=count).images, load_shapes(count=500).images[:count])


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_images_do_not_depend_on_the_chunk_size(monkeypatch, chunk):
    expected = load_shapes(count=300).images
    monkeypatch.setattr(shapes, "CHUNK", chunk)
    np.testing.assert_array_equal(load_shapes(count=300).images, expected)


def test_shapes_are_bright_and_corners_show_the_dim_background():
    images = load_shapes(count=2000).images.astype(int)
    corners = images[:, ::31, ::31].max(axis=(1, 2, 3))
    brightest = images.max(axis=(1, 2, 3))
    assert corners.max() < 110
    assert brightest.min() > 220


def test_a_nearest_neighbour_recognizes_the_shapes():
    def outlines(split, count):
        data = load_shapes(split, count=count)
        grey = data.images.astype(np.float32).max(axis=3).reshape(count, -1)  # (N, 1024)
        grey -= grey.mean(axis=1, keepdims=True)
        return grey / np.linalg.norm(grey, axis=1, keepdims=True), data.labels

    known, known_labels = outlines("train", 5000)
    unknown, labels = outlines("test", 1000)
    nearest = known_labels[(unknown @ known.T).argmax(axis=1)]
    assert (nearest == labels).mean() > 0.97


@pytest.mark.parametrize("name", DISTANCES)
def test_every_shape_lies_inside_the_image(name):
    furthest = 32 / 2 - (RANGES["x"][1] - 16)  # from the centre of a shape to the nearest border
    reach = furthest / RANGES["radius"][1]
    angle = np.linspace(-math.pi, math.pi, 1000)
    assert DISTANCES[name](reach * np.cos(angle), reach * np.sin(angle)).min() > 0
