"""The data set that is drawn, the distances it is drawn with, and the front door of minigan.data."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigan.data
from minigan.data import shapes
from minigan.data.dataset import Dataset
from minigan.data.shapes import DISTANCES, RANGES, load_shapes
from minigan.data.signed_distances import circle, heart, polygon, star_corners
from minigan.errors import DataError, UserError

coordinate = st.floats(-2, 2)
POLYGONS = {name: d.keywords["corners"] for name, d in DISTANCES.items() if hasattr(d, "keywords")}


def at(distance, x, y):
    return float(distance(np.array([x]), np.array([y]))[0])


# The distances


@pytest.mark.parametrize("name", DISTANCES)
@settings(deadline=None)
@given(x1=coordinate, y1=coordinate, x2=coordinate, y2=coordinate)
def test_a_distance_never_changes_faster_than_one_moves(name, x1, y1, x2, y2):
    d1, d2 = at(DISTANCES[name], x1, y1), at(DISTANCES[name], x2, y2)
    assert abs(d1 - d2) <= math.hypot(x1 - x2, y1 - y2) + 1e-9


@pytest.mark.parametrize("name", POLYGONS)
@settings(deadline=None)
@given(x=coordinate, y=coordinate)
def test_polygon_against_points_sampled_on_its_sides(name, x, y):
    corners = np.array(POLYGONS[name])
    t = np.linspace(0, 1, 2001)[:, None, None]
    sides = corners + t * (np.roll(corners, -1, axis=0) - corners)  # (2001, corners, 2)
    nearest = np.hypot(sides[..., 0] - x, sides[..., 1] - y).min()
    assert abs(at(DISTANCES[name], x, y)) == pytest.approx(nearest, abs=2e-3)


@pytest.mark.parametrize("name", POLYGONS)
@settings(deadline=None)
@given(x=coordinate, y=coordinate)
def test_polygon_is_negative_where_its_corners_go_once_around(name, x, y):
    d = at(DISTANCES[name], x, y)
    if abs(d) < 1e-6:
        return
    angles = np.array([math.atan2(cy - y, cx - x) for cx, cy in POLYGONS[name]])
    turns = (np.diff(angles, append=angles[0]) + math.pi) % (2 * math.pi) - math.pi
    assert (d < 0) == (abs(turns.sum()) > math.pi)


def test_polygon_ray_through_a_corner_counts_it_once():
    square = [(-1.0, 0.0), (0.0, -1.0), (1.0, 0.0), (0.0, 1.0)]
    x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    d = polygon(x, np.zeros(5), square)
    np.testing.assert_allclose(d, [1, -math.sqrt(1 / 8), -math.sqrt(1 / 2), -math.sqrt(1 / 8), 1], atol=1e-12)


def heart_edge(points):
    """Points on the edge of the heart: the sides up from the tip, then half discs."""
    t = np.linspace(0, 1, points)
    angle = np.linspace(-math.pi / 4, 3 * math.pi / 4, points)
    x = np.concatenate([t / 2, 0.25 + math.sqrt(1 / 8) * np.cos(angle)])
    up = np.concatenate([t / 2, 0.75 + math.sqrt(1 / 8) * np.sin(angle)])
    return np.concatenate([x, -x]) / 0.6, np.concatenate([0.55 - up, 0.55 - up]) / 0.6


@settings(deadline=None)
@given(x=coordinate, y=coordinate)
def test_heart_against_points_sampled_on_its_edge(x, y):
    edge_x, edge_y = heart_edge(2000)
    assert abs(at(heart, x, y)) == pytest.approx(np.hypot(edge_x - x, edge_y - y).min(), abs=2e-3)


def test_heart_is_negative_on_its_area():
    side = np.linspace(-1.5, 1.5, 1501)
    area = (heart(*np.meshgrid(side, side)) < 0).mean() * 9
    assert area == pytest.approx((1 / 2 + math.pi / 8) / 0.36, rel=5e-3)  # the square and two half discs


@settings(deadline=None)
@given(st.floats(6, 12), st.floats(14, 18), st.floats(14, 18))
def test_coverage_adds_up_to_the_area(radius, cx, cy):
    pixels = np.arange(32) + 0.5
    d = circle(pixels[None, :] - cx, pixels[:, None] - cy, radius)
    covered = np.clip(0.5 - d, 0, 1)[np.hypot(pixels[None, :] - cx, pixels[:, None] - cy) < 14].sum()
    assert covered == pytest.approx(math.pi * radius**2, rel=0.01)


def test_star_corners_begin_at_the_top():
    corners = star_corners(5, outer=2.0, inner=1.0)
    assert corners[0] == (0.0, -2.0)
    assert [round(math.hypot(*corner), 12) for corner in corners] == [2.0, 1.0] * 5


@pytest.mark.parametrize("name", DISTANCES)
def test_every_shape_lies_inside_the_picture(name):
    furthest = 32 / 2 - (RANGES["x"][1] - 16)  # from the centre of a shape to the nearest border
    reach = furthest / RANGES["radius"][1]
    angle = np.linspace(-math.pi, math.pi, 1000)
    assert DISTANCES[name](reach * np.cos(angle), reach * np.sin(angle)).min() > 0


# The pictures


def test_sizes_types_and_balance():
    train, test = load_shapes("train"), load_shapes("test")
    assert train.images.shape == (20_000, 32, 32, 3)
    assert test.images.shape == (4_000, 32, 32, 3)
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64
    assert train.images.flags.c_contiguous
    assert np.bincount(train.labels).tolist() == [2000] * 10
    assert len(set(train.class_names)) == 10


def test_the_same_seed_gives_the_same_pictures_and_another_does_not():
    first = load_shapes(count=200, seed=3).images
    np.testing.assert_array_equal(first, load_shapes(count=200, seed=3).images)
    assert (first != load_shapes(count=200, seed=4).images).any(axis=(1, 2, 3)).all()


def test_the_test_split_shows_other_pictures():
    train, test = load_shapes("train", count=500).images, load_shapes("test", count=500).images
    assert {image.tobytes() for image in train}.isdisjoint(image.tobytes() for image in test)


@pytest.mark.parametrize("count", [0, 1, 9, 137])
def test_fewer_pictures_are_the_first_of_more(count):
    np.testing.assert_array_equal(load_shapes(count=count).images, load_shapes(count=500).images[:count])


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_pictures_do_not_depend_on_the_chunk_size(monkeypatch, chunk):
    expected = load_shapes(count=300).images
    monkeypatch.setattr(shapes, "CHUNK", chunk)
    np.testing.assert_array_equal(load_shapes(count=300).images, expected)


def test_shapes_stand_out_and_the_corners_show_the_background():
    images = load_shapes(count=2000).images.astype(int)
    corners = images[:, ::31, ::31].max(axis=(1, 2, 3))
    brightest = images.max(axis=(1, 2, 3))
    assert corners.max() < 110
    assert brightest.min() > 220


def test_the_label_can_be_told_from_the_outline():
    def outlines(split, count):
        data = load_shapes(split, count=count)
        grey = data.images.astype(np.float32).max(axis=3).reshape(count, -1)  # (N, 1024)
        grey -= grey.mean(axis=1, keepdims=True)
        return grey / np.linalg.norm(grey, axis=1, keepdims=True), data.labels

    known, known_labels = outlines("train", 5000)
    unknown, labels = outlines("test", 1000)
    nearest = known_labels[(unknown @ known.T).argmax(axis=1)]
    assert (nearest == labels).mean() > 0.97


# The data set's own checks


def dataset(**changes):
    fields = {
        "name": "toy",
        "split": "train",
        "images": np.zeros((3, 4, 5, 1), np.uint8),
        "labels": np.array([0, 1, 1]),
        "class_names": ("a", "b"),
        "source": "nowhere",
    }
    return Dataset(**{**fields, **changes})


def test_dataset_says_what_it_is():
    assert len(dataset()) == 3
    text = repr(load_shapes(count=1000, seed=5))
    assert text == "Dataset(shapes, train: 1,000 images of 32×32×3 uint8, 10 classes; drawn with seed 5)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": np.zeros((3, 4, 5), np.uint8)},
            "toy: expected images uint8 (N, H, W, C), got uint8 (3, 4, 5)",
        ),
        (
            {"images": np.zeros((3, 4, 5, 1))},
            "toy: expected images uint8 (N, H, W, C), got float64 (3, 4, 5, 1)",
        ),
        ({"labels": np.array([0, 1])}, "toy: expected labels int64 (3,), got int64 (2,)"),
        ({"labels": np.zeros(3, np.int32)}, "toy: expected labels int64 (3,), got int32 (3,)"),
        ({"labels": np.array([0, 1, 2])}, "toy: expected labels from 0 to 1, got 0 to 2"),
        ({"labels": np.array([-1, 1, 0])}, "toy: expected labels from 0 to 1, got -1 to 1"),
        ({"split": "valid"}, "unknown split 'valid': expected 'train' or 'test'"),
    ],
)
def test_dataset_refuses(changes, message):
    with pytest.raises(DataError) as refused:
        dataset(**changes)
    assert str(refused.value) == message


# The front door


def test_load_by_name():
    data = minigan.data.load("shapes", split="test", count=20, seed=1)
    np.testing.assert_array_equal(data.images, load_shapes("test", count=20, seed=1).images)
    assert minigan.data.locate("shapes") is not None


def test_every_name_is_known_to_load_and_to_locate(tmp_path):
    for name in minigan.data.NAMES:
        minigan.data.locate(name, tmp_path)
        with pytest.raises(DataError, match="unknown split 'dev': expected 'train' or 'test'"):
            minigan.data.load(name, split="dev")


@pytest.mark.parametrize("function", [minigan.data.load, minigan.data.locate])
def test_a_mistyped_name_is_put_right(function):
    with pytest.raises(UserError, match="unknown data set 'cifar': did you mean 'cifar10'"):
        function("cifar")


def test_shapes_reads_no_folder(tmp_path):
    with pytest.raises(DataError, match="data set 'shapes' is drawn, not read: expected no root"):
        minigan.data.load("shapes", root=tmp_path)


def test_importing_the_package_imports_nothing_heavy():
    script = "import sys, minigan.data; print(*{'pooch', 'requests', 'tarfile', 'tqdm'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
