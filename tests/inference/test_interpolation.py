"""Interpolation: the formulas, equal steps and equal angles, stability for (nearly) parallel and opposite points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigan.backend import asarray, to_numpy
from minigan.errors import UserError
from minigan.inference.interpolation import METHODS, linear, spherical, walk


def textbook(a, b, steps):
    """Slerp as in the papers by Shoemake and White, point by point."""
    omega = np.arccos(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
    return np.array(
        [
            (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)
            for t in (i / (steps - 1) for i in range(steps))
        ]
    )


@st.composite
def pairs(draw):
    """Two random points of the same dimension, 2 to 64."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.normal(size=(2, draw(st.integers(2, 64)))) * draw(st.sampled_from([1e-3, 1.0, 1e3]))


step_counts = st.integers(2, 12)


def angles(points):
    """The angle between each of `points` and the next, from the chord: 2·asin(|u − v| / 2)."""
    units = points / np.linalg.norm(points, axis=-1, keepdims=True)
    return 2 * np.arcsin(np.minimum(np.linalg.norm(np.diff(units, axis=0), axis=-1) / 2, 1))


@given(pairs(), step_counts)
def test_the_steps_of_linear_are_equal(pair, steps):
    points = linear(*pair, steps)
    assert points.shape == (steps, pair.shape[1])
    assert (points[0] == pair[0]).all()
    assert (points[-1] == pair[1]).all()
    np.testing.assert_allclose(np.diff(points, axis=0), [(pair[1] - pair[0]) / (steps - 1)] * (steps - 1), atol=1e-9)


@given(pairs(), step_counts)
def test_spherical_follows_the_textbook_formula(pair, steps):
    points = spherical(*pair, steps)
    assert (points[0] == pair[0]).all()
    assert (points[-1] == pair[1]).all()
    if 0.01 < angles(pair)[0] < np.pi - 0.01:
        np.testing.assert_allclose(points, textbook(*pair, steps), atol=1e-9 * np.abs(pair).max())


@given(pairs(), step_counts)
def test_spherical_keeps_the_length_and_takes_equal_angles_between_points_of_equal_length(pair, steps):
    a, b = pair[0], pair[1] * (np.linalg.norm(pair[0]) / np.linalg.norm(pair[1]))
    points = spherical(a, b, steps)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), np.linalg.norm(a), rtol=1e-9)
    np.testing.assert_allclose(angles(points), angles(np.stack([a, b]))[0] / (steps - 1), atol=1e-6)


@given(pairs(), step_counts, st.sampled_from([0, 1e-16, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2]), st.sampled_from([1, -1]))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spherical_is_stable_between_nearly_parallel_and_nearly_opposite_points(dtype, pair, steps, distance, sign):
    """At any distance, the length is kept, and the angles between neighbours are equal."""
    a = pair[0] / np.linalg.norm(pair[0])
    b = sign * a + distance * pair[1] / np.linalg.norm(pair[1])
    a, b = a.astype(dtype), (b / np.linalg.norm(b)).astype(dtype)
    points = spherical(a, b, steps).astype("float64")
    assert (points[0] == a).all()
    assert (points[-1] == b).all()
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-3 if dtype == "float32" else 1e-9)
    whole = angles(np.stack([a, b]).astype("float64"))[0]
    np.testing.assert_allclose(angles(points), whole / (steps - 1), atol=1e-3 if dtype == "float32" else 1e-6)


def test_the_length_changes_linearly_on_the_way_to_an_opposite_point():
    points = spherical(np.array([2.0, 0.0, 0.0]), np.array([-4.0, 0.0, 0.0]), 5)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), [2, 2.5, 3, 3.5, 4])
    np.testing.assert_allclose(angles(points), np.pi / 4)


def test_the_path_between_parallel_points_or_to_zero_is_a_straight_line():
    a = np.array([[1.0, 2.0], [0.0, 0.0], [3.0, -4.0], [0.0, 0.0]])
    b = np.array([[3.0, 6.0], [3.0, -4.0], [0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(spherical(a, b, 6), linear(a, b, 6), atol=1e-12)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interpolation_keeps_the_array_type_the_dtype_and_leading_axes(method, dtype):
    a, b = np.random.default_rng(0).normal(size=(2, 2, 3, 5)).astype(dtype)
    on_host = method(a, b, 4)
    assert isinstance(on_host, np.ndarray)
    assert on_host.shape == (2, 3, 4, 5)
    assert on_host.dtype == dtype
    on_backend = method(asarray(a), asarray(b), 4)
    assert type(on_backend) is type(asarray(a))
    assert (to_numpy(on_backend) == on_host).all()
    assert (on_host[1, 2] == method(a[1, 2], b[1, 2], 4)).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_walk_returns_to_its_first_point(method):
    points = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    steps = walk(points, 4, method)
    assert steps.shape == (12, 5)
    assert steps.dtype == "float32"
    assert (steps[0::4] == points).all()
    for i in range(3):
        path = METHODS[method](points[i], points[(i + 1) % 3], 5)
        assert (np.concatenate([steps, steps[:1]])[4 * i : 4 * i + 5] == path).all()
    assert (walk(points, 1, method) == points).all()


def test_points_that_cannot_be_interpolated_are_refused():
    a, b = np.zeros(3), np.zeros(4)
    with pytest.raises(ValueError, match=r"linear: expected two points of one shape .*, got \(3,\) and \(4,\)"):
        linear(a, b, 3)
    with pytest.raises(ValueError, match="spherical: expected steps of at least 2, for the two ends, got 1"):
        spherical(a, a, 1)
    with pytest.raises(TypeError, match="got float64 and float32"):
        spherical(a, a.astype("float32"), 3)
    with pytest.raises(TypeError, match="expected two points of one floating dtype, got int64 and int64"):
        linear(a.astype("int64"), a.astype("int64"), 3)
    with pytest.raises(ValueError, match=r"expected points \(N, D\) with N of at least 2, got shape \(1, 3\)"):
        walk(a[None], 3)
    with pytest.raises(ValueError, match="expected steps of at least 1, got 0"):
        walk(np.zeros((2, 3)), 0)
    with pytest.raises(UserError, match="unknown interpolation 'spherial': did you mean 'spherical'"):
        walk(np.zeros((2, 3)), 3, "spherial")
