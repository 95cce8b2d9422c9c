"""Signed distances to ten plane shapes: negative inside, zero on the edge, positive outside.

Every function takes the coordinates x (to the right) and y (downwards, as in an image), float arrays of one shape, and
returns the distance as an array of that shape and dtype. Each shape is about as large as the unit circle. Adapted from
Inigo Quilez, "2D distance functions".
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]


def circle(x: Floats, y: Floats, radius: float = 1.0) -> Floats:
    """d = √(x² + y²) − radius."""
    return np.sqrt(x * x + y * y) - radius


def ring(x: Floats, y: Floats, radius: float = 0.75, thickness: float = 0.4) -> Floats:
    """The points closer than thickness / 2 to a circle: d = |circle| − thickness / 2."""
    return np.abs(circle(x, y, radius)) - thickness / 2


def crescent(x: Floats, y: Floats) -> Floats:
    """A disc with a bite taken out of it: d = max(disc, −bite).

    The maximum of two distances belongs to the intersection of their shapes, and −d to the outside of a shape. It is
    exact on the edge, and never larger than the true distance.
    """
    disc = circle(x - 0.2, y)
    bite = circle(x - 0.75, y, radius=0.85)
    return np.maximum(disc, -bite)


def heart(x: Floats, y: Floats) -> Floats:
    """A square standing on its corner, with half a disc on each of its two upper sides.

    In coordinates with the tip at (0, 0), y upwards, and the notch between the half discs at (0, 1); by symmetry, for
    x ≥ 0:
        x + y > 1    d = |p − (1/4, 3/4)| − √2/4                               above the side: the half disc
        otherwise    d = ± min(|p − (0, 1)|, |p − the nearest (t, t), t ≥ 0|)  negative where x < y
    """
    scale = 0.6
    x, y = np.abs(x) * scale, 0.55 - y * scale
    half_disc = circle(x - 0.25, y - 0.75, radius=math.sqrt(2) / 4)
    t = np.maximum(x + y, 0) / 2
    to_notch = x * x + (y - 1) ** 2
    to_side = (x - t) ** 2 + (y - t) ** 2
    square = np.sqrt(np.minimum(to_notch, to_side)) * np.sign(x - y)
    return np.where(x + y > 1, half_disc, square) / scale


def polygon(x: Floats, y: Floats, corners: Sequence[tuple[float, float]]) -> Floats:
    """The distance to the nearest side, negative where a ray to the right crosses an odd number of sides.

    For the side from a to b, with p = (x, y):
        t = clip((p − a)·(b − a) / |b − a|², 0, 1)      the nearest point of the side is a + t (b − a)
        d² = min over the sides of |p − a − t (b − a)|²
    The ray from p crosses the side if one of a, b is above p and the other is not, and p is to the left of the side.

    corners: (x, y) pairs of Python floats, in order around the polygon.
    """
    squared: Any = np.inf
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        ux, uy = bx - ax, by - ay
        px, py = x - ax, y - ay
        t = np.clip(px * (ux / (ux * ux + uy * uy)) + py * (uy / (ux * ux + uy * uy)), 0, 1)
        squared = np.minimum(squared, (px - t * ux) ** 2 + (py - t * uy) ** 2)
        a_above, b_above = y >= ay, y >= by
        inside ^= (a_above != b_above) & ((ux * py > uy * px) == a_above)
    return np.where(inside, -1, 1) * np.sqrt(squared)


def star_corners(points: int, outer: float, inner: float) -> list[tuple[float, float]]:
    """The corners of a star, the first one straight up: of radius outer and inner in turn, π / points apart."""
    return [
        (radius * math.sin(math.pi * k / points), -radius * math.cos(math.pi * k / points))
        for k in range(2 * points)
        for radius in [inner if k % 2 else outer]
    ]
