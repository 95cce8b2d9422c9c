"""Paths between latent points: along a straight line, or along an arc.

Noise from N(0, I) in many dimensions lies close to a sphere of radius √latent_dim, and a generator is trained on such
points only. A straight line between two of them passes through the inside of the sphere; an arc stays near its surface.

Points are NumPy arrays or arrays of the backend, and the result has the same type and dtype. There are few of them, so
everything is computed on the host, in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.backend import Array, asarray, to_numpy, xp
from minigan.errors import unknown_name

Points = npt.NDArray[np.float64]

NEARLY_OPPOSITE = 1e-3  # radians; closer to π than this, rounding errors would decide in which plane the arc lies


def linear(a: Array, b: Array, steps: int) -> Array:
    """Points on the straight line from a to b, both ends included.

        x(t) = (1 − t)·a + t·b,        t = 0, 1/(steps − 1), ..., 1

    a, b: (..., D) of one floating dtype. Returns (..., steps, D) of that dtype. Raises ValueError for unequal shapes or
    steps < 2, TypeError for another dtype.
    """
    _require_points("linear", a, b, steps)
    start, end, t = _on_host(a, b, steps)
    return _like(a, (1 - t) * start + t * end)


def spherical(a: Array, b: Array, steps: int) -> Array:
    """Points on the arc from a to b, both ends included, with equal angles between neighbours (slerp).

        x(t) = sin((1 − t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b,        cos Ω = a·b / (|a|·|b|)
        t = 0, 1/(steps − 1), ..., 1

    If |a| = |b|, every point has that length. If a and b point in the same direction, this formula divides zero by
    zero. Written with sinc x = sin x / x it does not, and becomes the straight line:

        sin(tΩ)/sin Ω = t · sinc(tΩ)/sinc(Ω)

    The angle is computed with an arctangent, which keeps all digits near 0 and π, where the arccosine loses half:

        Ω = 2·atan2(| |b|·a − |a|·b |, | |b|·a + |a|·b |)

    At Ω = π, sin Ω is zero and every half circle from a to b is a shortest arc. From Ω = π − 0.001 on, the path is
    therefore the half circle through b's component perpendicular to a (any perpendicular direction if b has none), with
    a radius that changes linearly from |a| to |b|:

        x(t) = ((1 − t)·|a| + t·|b|) · (cos(tΩ)·u + sin(tΩ)·v),        u = a/|a|,  v ⊥ u

    A zero vector has no direction, so the path to or from it is the straight line.

    a, b: (..., D) of one floating dtype. Returns (..., steps, D) of that dtype. Raises ValueError for unequal shapes or
    steps < 2, TypeError for another dtype. Sources: Shoemake 1985; for generators White 2016, arXiv 1609.04468.
    """
    _require_points("spherical", a, b, steps)
    start, end, t = _on_host(a, b, steps)
    angle = _angle(start, end)  # (..., 1, 1)
    arc = (1 - t) * _sinc((1 - t) * angle) * start + t * _sinc(t * angle) * end  # (..., steps, D)
    opposite = angle > np.pi - NEARLY_OPPOSITE
    points = arc / np.where(opposite, 1, _sinc(angle))
    if opposite.any():
        points = np.where(opposite, _half_circle(start, end, angle, t), points)
    points[..., 0, :], points[..., -1, :] = start[..., 0, :], end[..., 0, :]  # both ends exactly, without rounding
    return _like(a, points)


METHODS: dict[str, Callable[[Array, Array, int], Array]] = {"linear": linear, "spherical": spherical}


def find_method(name: str) -> Callable[[Array, Array, int], Array]:
    """The function in METHODS. Raises UserError, with the nearest name, for an unknown one."""
    if name not in METHODS:
        raise unknown_name("interpolation", name, list(METHODS))
    return METHODS[name]


def walk(points: Array, steps: int, method: str = "spherical") -> Array:
    """A closed walk: from each point to the next, and from the last one back to the first.

    points: (N, D); steps: from one point to the next; method: a name in METHODS. Returns (N·steps, D): point i is row
    i·steps, and the first point is not repeated at the end.
    Raises ValueError for fewer than two points or steps < 1, UserError for an unknown method.
    """
    interpolate = find_method(method)
    if len(points.shape) != 2 or len(points) < 2:
        raise ValueError(f"walk: expected points (N, D) with N of at least 2, got shape {tuple(points.shape)}")
    if steps < 1:
        raise ValueError(f"walk: expected steps of at least 1, got {steps}")
    host = to_numpy(points)
    paths = interpolate(host, np.roll(host, -1, axis=0), steps + 1)[:, :-1]  # (N, steps, D)
    return _like(points, paths.reshape(-1, host.shape[1]))


def _angle(a: Points, b: Points) -> Points:
    """The angle between a and b along the last axis, in [0, π]; 0 if one of them is zero."""
    a_scaled, b_scaled = _length(b) * a, _length(a) * b
    return 2 * np.arctan2(_length(a_scaled - b_scaled), _length(a_scaled + b_scaled))


def _half_circle(a: Points, b: Points, angle: Points, t: Points) -> Points:
    """The path from a to the (nearly) opposite b: (..., steps, D). For other pairs the result means nothing."""
    u = _unit(a)
    # Twice, since the first projection leaves a rounding error along u.
    rest = _perpendicular(_perpendicular(_unit(b), u), u)
    axis = np.zeros_like(u)  # the coordinate axis with the largest angle to u
    np.put_along_axis(axis, np.abs(u).argmin(axis=-1, keepdims=True), 1.0, axis=-1)
    v = _unit(np.where(_length(rest) > 1e-12, rest, _perpendicular(axis, u)))
    return ((1 - t) * _length(a) + t * _length(b)) * (np.cos(t * angle) * u + np.sin(t * angle) * v)


def _perpendicular(x: Points, u: Points) -> Points:
    """The component of x perpendicular to u, |u| = 1."""
    return x - (x * u).sum(axis=-1, keepdims=True) * u


def _sinc(x: Points) -> Points:
    """sin x / x, and 1 at x = 0."""
    return np.sinc(x / np.pi)


def _length(x: Points) -> Points:
    return np.sqrt(np.square(x).sum(axis=-1, keepdims=True))


def _unit(x: Points) -> Points:
    """x / |x|, and zero for zero."""
    length = _length(x)
    return x / np.where(length > 0, length, 1)


def _require_points(name: str, a: Array, b: Array, steps: int) -> None:
    if a.shape != b.shape or not a.shape:
        raise ValueError(
            f"{name}: expected two points of one shape (..., D), got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if a.dtype != b.dtype or a.dtype.kind != "f":
        raise TypeError(f"{name}: expected two points of one floating dtype, got {a.dtype} and {b.dtype}")
    if steps < 2:
        raise ValueError(f"{name}: expected steps of at least 2, for the two ends, got {steps}")


def _on_host(a: Array, b: Array, steps: int) -> tuple[Points, Points, Points]:
    """a and b as float64 (..., 1, D), and t as (steps, 1)."""
    start, end = (to_numpy(point).astype(np.float64)[..., None, :] for point in (a, b))
    return start, end, np.linspace(0, 1, steps)[:, None]


def _like(a: Array, points: npt.NDArray[Any]) -> Array:
    """`points` as an array of the same type and dtype as `a`."""
    points = points.astype(a.dtype)
    return asarray(points) if isinstance(a, xp.ndarray) else points
