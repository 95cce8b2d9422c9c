"""Ways between latent points: in a straight line, or along an arc.

Noise from N(0, I) in many dimensions lies close to a sphere of radius √latent_dim, and a generator has only ever seen
points from there. The straight line between two of them cuts through the inside; the arc stays at their distance.

Points come as NumPy arrays or as arrays of the backend, and the result is of the same kind and dtype. They are few, so
the arithmetic is done on the host, in float64.
"""

import numpy as np

from minigan.backend import asarray, to_numpy, xp
from minigan.errors import unknown_name

NEARLY_OPPOSITE = 1e-3  # radians short of half a turn, from where on the plane of the arc is rounding noise


def linear(a, b, steps):
    """Points on the straight line from a to b, both ends included.

        x(t) = (1 − t)·a + t·b,        t = 0, 1/(steps − 1), ..., 1

    a, b: (..., D) of one floating dtype. Returns (..., steps, D) of that dtype. Raises ValueError for unequal shapes or
    steps < 2, TypeError for another dtype.
    """
    _require_points("linear", a, b, steps)
    start, end, t = _on_the_host(a, b, steps)
    return _like(a, (1 - t) * start + t * end)


def spherical(a, b, steps):
    """Points on the arc from a to b, both ends included: equal angles between neighbours (slerp).

        x(t) = sin((1 − t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b,        cos Ω = a·b / (|a|·|b|)
        t = 0, 1/(steps − 1), ..., 1

    Where |a| = |b|, every point has that length. In this form the formula divides zero by zero where a and b point the
    same way; written with sinc x = sin x / x it does not, and becomes the straight line:

        sin(tΩ)/sin Ω = t · sinc(tΩ)/sinc(Ω)

    The angle is taken from an arctangent, which keeps all digits where the arccosine loses half of them, at 0 and π:

        Ω = 2·atan2(| |b|·a − |a|·b |, | |b|·a + |a|·b |)

    At Ω = π every half circle is a shortest arc, and sin Ω = 0 for good. From nearly there on we take the half circle
    on b's side (on any side where b has none), whose radius goes from |a| to |b|:

        x(t) = ((1 − t)·|a| + t·|b|) · (cos(tΩ)·u + sin(tΩ)·v),        u = a/|a|,  v ⊥ u

    A zero vector has no direction: the way to it is the straight line.

    a, b: (..., D) of one floating dtype. Returns (..., steps, D) of that dtype. Raises ValueError for unequal shapes or
    steps < 2, TypeError for another dtype. Sources: Shoemake 1985; for generators White 2016, arXiv 1609.04468.
    """
    _require_points("spherical", a, b, steps)
    start, end, t = _on_the_host(a, b, steps)
    angle = _angle(start, end)  # (..., 1, 1)
    arc = (1 - t) * _sinc((1 - t) * angle) * start + t * _sinc(t * angle) * end  # (..., steps, D)
    opposite = angle > np.pi - NEARLY_OPPOSITE
    points = arc / np.where(opposite, 1, _sinc(angle))
    if opposite.any():
        points = np.where(opposite, _half_circle(start, end, angle, t), points)
    points[..., 0, :], points[..., -1, :] = start[..., 0, :], end[..., 0, :]  # to the last bit
    return _like(a, points)


METHODS = {"linear": linear, "spherical": spherical}


def walk(points, steps, method="spherical"):
    """A closed walk: from each point to the next, and from the last one back to the first.

    points: (N, D); steps: how many from one point to the next; method: a name of METHODS. Returns (N·steps, D), without
    a repetition: point i is row i·steps, and the row after the last one would be the first.
    Raises ValueError for fewer than two points or steps < 1, UserError for an unknown method.
    """
    if method not in METHODS:
        raise unknown_name("interpolation", method, list(METHODS))
    if len(points.shape) != 2 or len(points) < 2:
        raise ValueError(f"walk: expected points (N, D) with N of at least 2, got shape {tuple(points.shape)}")
    if steps < 1:
        raise ValueError(f"walk: expected steps of at least 1, got {steps}")
    host = to_numpy(points)
    legs = METHODS[method](host, np.roll(host, -1, axis=0), steps + 1)[:, :-1]  # (N, steps, D)
    return _like(points, legs.reshape(-1, host.shape[1]))


def _angle(a, b):
    """The angle between a and b, over the last axis: in [0, π], and 0 where one of them is zero."""
    a_scaled, b_scaled = _length(b) * a, _length(a) * b
    return 2 * np.arctan2(_length(a_scaled - b_scaled), _length(a_scaled + b_scaled))


def _half_circle(a, b, angle, t):
    """The way from a to the (nearly) opposite b: (..., steps, D). What it makes of other pairs is not used."""
    u = _unit(a)
    rest = _perpendicular(_perpendicular(_unit(b), u), u)  # twice: the first difference leaves rounding along u
    axis = np.zeros_like(u)
    np.put_along_axis(axis, np.abs(u).argmin(axis=-1, keepdims=True), 1.0, axis=-1)  # the one farthest from u
    v = _unit(np.where(_length(rest) > 1e-12, rest, _perpendicular(axis, u)))
    return ((1 - t) * _length(a) + t * _length(b)) * (np.cos(t * angle) * u + np.sin(t * angle) * v)


def _perpendicular(x, u):
    """x without its part along u, |u| = 1."""
    return x - (x * u).sum(axis=-1, keepdims=True) * u


def _sinc(x):
    """sin x / x, and 1 at x = 0."""
    return np.sinc(x / np.pi)


def _length(x):
    return np.sqrt(np.square(x).sum(axis=-1, keepdims=True))


def _unit(x):
    """x / |x|, and zero for zero."""
    length = _length(x)
    return x / np.where(length > 0, length, 1)


def _require_points(name, a, b, steps):
    if a.shape != b.shape or not a.shape:
        raise ValueError(
            f"{name}: expected two points of one shape (..., D), got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if a.dtype != b.dtype or a.dtype.kind != "f":
        raise TypeError(f"{name}: expected two points of one floating dtype, got {a.dtype} and {b.dtype}")
    if steps < 2:
        raise ValueError(f"{name}: expected steps of at least 2, the two ends, got {steps}")


def _on_the_host(a, b, steps):
    """a and b as float64 (..., 1, D), and t as (steps, 1)."""
    start, end = (to_numpy(point).astype(np.float64)[..., None, :] for point in (a, b))
    return start, end, np.linspace(0, 1, steps)[:, None]


def _like(a, points):
    """`points` of the kind and dtype of `a`."""
    points = points.astype(a.dtype)
    return asarray(points) if isinstance(a, xp.ndarray) else points
