"""digits: 28×28 grey images of the ten digits in many handwritings, generated from a seed. It needs no download.

A digit consists of a few strokes, each a smooth curve through control points that every image displaces a little. Size,
slant, rotation, position and stroke width vary as well; the classes take turns. One seed and split always give the same
images, and a smaller count gives the first of them.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from minigan.data.dataset import SPLITS, Dataset, check_split

SIZE = 28  # pixels along each side
COUNTS = {"train": 10_000, "test": 2_000}
CHUNK = 32  # images rendered at once: few enough that their arrays stay in the processor's cache
SEGMENTS = 5  # straight segments of a curve from one control point to the next

Points: TypeAlias = list[tuple[float, float]]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]

# Control points (x to the right, y downwards); a digit is 2 high. A stroke ends where the pen turns sharply.
SIX = [
    (0.4, -0.95), (-0.1, -0.75), (-0.5, -0.1), (-0.55, 0.5), (-0.15, 1.0), (0.4, 0.85), (0.5, 0.3), (0.1, -0.05),
    (-0.45, 0.25),
]  # fmt: skip
STROKES: dict[str, list[Points]] = {
    "0": [[(0, -1), (-0.62, -0.4), (-0.62, 0.4), (0, 1), (0.62, 0.4), (0.62, -0.4), (0, -1)]],
    "1": [[(-0.35, -0.55), (0.1, -1)], [(0.1, -1), (0.1, 1)]],
    "2": [
        [(-0.55, -0.5), (-0.3, -0.95), (0.3, -0.95), (0.5, -0.45), (0, 0.3), (-0.6, 0.95)],
        [(-0.6, 0.95), (0.6, 0.95)],
    ],
    "3": [
        [(-0.5, -0.75), (0, -1), (0.5, -0.6), (0, -0.08)],
        [(0, -0.08), (0.6, 0.3), (0.4, 0.9), (-0.1, 1), (-0.55, 0.7)],
    ],
    "4": [[(0.25, -1), (-0.6, 0.35)], [(-0.6, 0.35), (0.65, 0.35)], [(0.3, -0.3), (0.3, 1)]],
    "5": [
        [(0.5, -1), (-0.4, -1)],
        [(-0.4, -1), (-0.5, -0.15)],
        [(-0.5, -0.15), (0.1, -0.3), (0.55, 0.2), (0.35, 0.85), (-0.15, 1), (-0.55, 0.75)],
    ],
    "6": [SIX],
    "7": [[(-0.55, -0.95), (0.55, -1)], [(0.55, -1), (0.1, 0), (-0.15, 1)]],
    "8": [
        [
            (0, -0.05), (-0.45, -0.4), (-0.35, -0.9), (0, -1), (0.35, -0.9), (0.45, -0.4), (0, -0.05), (-0.55, 0.35),
            (-0.4, 0.9), (0, 1), (0.4, 0.9), (0.55, 0.35), (0, -0.05),
        ]
    ],
    "9": [[(-x, -y) for x, y in SIX]],
}  # fmt: skip

# What varies between images, and the interval that it is drawn from, uniformly.
RANGES = {
    "x": (12.5, 15.5),  # the centre, in pixels
    "y": (12.8, 15.2),
    "half_height": (7.5, 10),  # in pixels
    "aspect": (0.8, 1.25),  # width / height
    "slant": (-0.1, 0.45),
    "angle": (-0.15, 0.15),  # in radians
    "stroke_width": (1.4, 2.9),  # in pixels
    "ink": (0.8, 1),
}
JITTER = 0.06  # standard deviation of a control point's displacement, in half heights
CONTROL_POINTS = max(sum(map(len, strokes)) for strokes in STROKES.values())  # of the digit that has most


def load_digits(split: str = "train", count: int | None = None, seed: int = 0) -> Dataset:
    """Generate the data set.

    split: "train" or "test", different images of the same distribution.
    count: how many images; by default 10,000 for training and 2,000 for testing. seed: any integer ≥ 0.

    Returns a Dataset of images uint8 (count, 28, 28, 1) and labels int64 (count,).
    Raises DataError for an unknown split.
    """
    check_split(split)
    count = COUNTS[split] if count is None else count
    random = np.random.default_rng([seed, SPLITS.index(split)])
    labels = np.arange(count, dtype=np.int64) % len(STROKES)
    # One row of random numbers belongs to one image, so an image does not depend on how many follow it.
    table = random.random((count, len(RANGES) + 4 * CONTROL_POINTS))
    parameters = {name: low + (high - low) * table[:, k] for k, (name, (low, high)) in enumerate(RANGES.items())}
    uniform = table[:, len(RANGES) :].reshape(count, 4, CONTROL_POINTS, 1)
    # The sum of two uniform numbers is nearly bell-shaped, and the same to the last bit on every machine.
    jitter = JITTER * np.sqrt(6) * (uniform[:, 0::2] + uniform[:, 1::2] - 1)  # (count, 2, CONTROL_POINTS, 1)

    images = np.empty((count, SIZE, SIZE, 1), dtype=np.uint8)
    for label, strokes in enumerate(STROKES.values()):
        of_this_class = np.flatnonzero(labels == label)
        for start in range(0, len(of_this_class), CHUNK):
            rows = of_this_class[start : start + CHUNK]
            of_rows = {name: column[rows] for name, column in parameters.items()}
            displacements = np.concatenate([*jitter[rows].swapaxes(0, 1)], axis=-1)  # (n, CONTROL_POINTS, 2)
            images[rows, :, :, 0] = _render(strokes, of_rows, displacements)
    return Dataset("digits", split, images, labels, tuple(STROKES), source=f"generated with seed {seed}")


def _render(
    strokes: list[Points], parameters: Mapping[str, npt.NDArray[np.float64]], displacements: Floats
) -> npt.NDArray[np.uint8]:
    """Images of one digit, uint8 (n, 28, 28), white on black, from n values of each parameter.

    The share of a pixel that a stroke of width w covers, at distance d from its centre line, both in pixels, is
        coverage = clip(w/2 + 1/2 − d, 0, 1).

    displacements: (n, CONTROL_POINTS, 2), of the control points of all strokes in order.
    """
    p = {name: column[:, None] for name, column in parameters.items()}  # (n, 1)
    squared: Any = np.inf  # the squared distance to the nearest stroke so far
    first = 0
    for stroke in strokes:
        points = np.array(stroke) + displacements[:, first : first + len(stroke)]  # (n, points, 2)
        first += len(stroke)
        x, y = np.moveaxis(curve_through(points), -1, 0)  # (n, M) each
        x = x * p["aspect"] - y * p["slant"]
        cos, sin = np.cos(p["angle"]), np.sin(p["angle"])
        x, y = p["x"] + p["half_height"] * (cos * x - sin * y), p["y"] + p["half_height"] * (sin * x + cos * y)
        squared = np.minimum(squared, _squared_distance(x.astype(np.float32), y.astype(np.float32)))
    width, ink = (parameters[name].astype(np.float32)[:, None, None] for name in ("stroke_width", "ink"))
    return (255 * ink * np.clip(width / 2 + 0.5 - np.sqrt(squared), 0, 1) + 0.5).astype(np.uint8)


def curve_through(points: Floats) -> Floats:
    """The Catmull–Rom curve through control points (n, K, 2), as (n, (K − 1)·SEGMENTS + 1, 2) points on it.

    From p₁ to p₂, with the neighbours p₀ and p₃, and t from 0 to 1:

        p(t) = (2·p₁ + (p₂ − p₀)·t + (2·p₀ − 5·p₁ + 4·p₂ − p₃)·t² + (3·p₁ − p₀ − 3·p₂ + p₃)·t³) / 2

    The first and the last control point stand for their missing neighbours. Source: Catmull and Rom 1974.
    """
    padded = np.concatenate([points[:, :1], points, points[:, -1:]], axis=1)
    p0, p1, p2, p3 = (padded[:, i : i + points.shape[1] - 1, None] for i in range(4))  # (n, K − 1, 1, 2)
    t = (np.arange(SEGMENTS) / SEGMENTS)[:, None]  # (SEGMENTS, 1)
    curve = (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3) / 2
    return np.concatenate([curve.reshape(len(points), -1, 2), points[:, -1:]], axis=1)


def _squared_distance(x: Floats, y: Floats) -> Floats:
    """From each pixel's centre to the nearest segment of the polyline through (x, y): (n, M) each → (n, 28, 28)."""
    centres = np.arange(SIZE, dtype=np.float32) + np.float32(0.5)
    squared: Any = np.inf
    for k in range(x.shape[1] - 1):
        ax, ay, bx, by = (a[:, None, None] for a in (x[:, k], y[:, k], x[:, k + 1], y[:, k + 1]))
        ux, uy = bx - ax, by - ay
        px, py = centres[None, None, :] - ax, centres[None, :, None] - ay
        # The nearest point of the segment is a + t·(b − a); the tiny number is for a segment of length 0.
        t = np.clip((px * ux + py * uy) / (ux * ux + uy * uy + np.float32(1e-12)), 0, 1)
        squared = np.minimum(squared, (px - t * ux) ** 2 + (py - t * uy) ** 2)
    return squared
