"""digits: 28×28 grey pictures of the ten digits, as by many hands, drawn from a seed. No download.

A digit is a few strokes, each a smooth curve through control points that every picture moves a little; size, slant,
rotation, place and the pen's width vary as well, and the classes take turns. The same seed and split give the same
pictures, and a smaller count gives the first of them.
"""

import numpy as np

from minigan.data.dataset import SPLITS, Dataset, check_split

SIZE = 28  # pixels along each side
COUNTS = {"train": 10_000, "test": 2_000}
CHUNK = 32  # pictures drawn at once: small enough that their arrays stay in the processor's cache
PIECES = 5  # straight pieces of a curve from one control point to the next

# Control points (x to the right, y downwards); a digit is 2 high. A stroke ends where the pen turns sharply.
SIX = [
    (0.4, -0.95), (-0.1, -0.75), (-0.5, -0.1), (-0.55, 0.5), (-0.15, 1.0), (0.4, 0.85), (0.5, 0.3), (0.1, -0.05),
    (-0.45, 0.25),
]  # fmt: skip
STROKES: dict[str, list[list[tuple[float, float]]]] = {
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

# What varies from picture to picture, and between which bounds, uniformly.
RANGES = {
    "x": (12.5, 15.5),  # the centre, in pixels
    "y": (12.8, 15.2),
    "height": (7.5, 10),  # half of it, in pixels
    "aspect": (0.8, 1.25),  # width by height
    "slant": (-0.1, 0.45),
    "angle": (-0.15, 0.15),  # in radians
    "pen": (1.4, 2.9),  # the width of the strokes, in pixels
    "ink": (0.8, 1),
}
WOBBLE = 0.06  # standard deviation of a control point, in half heights
POINTS = max(sum(map(len, strokes)) for strokes in STROKES.values())


def load_digits(split="train", count=None, seed=0):
    """Draw the data set.

    split   "train" or "test"; different pictures, drawn alike
    count   how many pictures; by default 10,000 for training and 2,000 for testing
    seed    any integer ≥ 0

    Returns a Dataset of images uint8 (count, 28, 28, 1) and labels int64 (count,).
    Raises DataError for an unknown split.
    """
    check_split(split)
    count = COUNTS[split] if count is None else count
    random = np.random.default_rng([seed, SPLITS.index(split)])
    labels = np.arange(count, dtype=np.int64) % len(STROKES)
    table = random.random((count, len(RANGES) + 4 * POINTS))  # one row a picture, whatever follows it
    parameters = {name: low + (high - low) * table[:, k] for k, (name, (low, high)) in enumerate(RANGES.items())}
    moves = table[:, len(RANGES) :].reshape(count, 4, POINTS, 1)
    # The sum of two uniform numbers is bell-shaped, and the same to the last bit on every machine.
    moves = WOBBLE * np.sqrt(6) * (moves[:, 0::2] + moves[:, 1::2] - 1)  # (count, 2, POINTS, 1)

    images = np.empty((count, SIZE, SIZE, 1), dtype=np.uint8)
    for label, strokes in enumerate(STROKES.values()):
        of_this_class = np.flatnonzero(labels == label)
        for start in range(0, len(of_this_class), CHUNK):
            rows = of_this_class[start : start + CHUNK]
            of_rows = {name: column[rows] for name, column in parameters.items()}
            images[rows, :, :, 0] = _draw(strokes, of_rows, np.concatenate([*moves[rows].swapaxes(0, 1)], axis=-1))
    return Dataset("digits", split, images, labels, tuple(STROKES), source=f"drawn with seed {seed}")


def _draw(strokes, parameters, moves):
    """Pictures of one digit, uint8 (n, 28, 28): black paper, white ink.

    A pixel at distance d from the middle of a stroke of width w, in pixels, is covered by clip(w/2 + 1/2 − d, 0, 1).
    """
    p = {name: column[:, None] for name, column in parameters.items()}  # (n, 1)
    nearest, first = np.inf, 0
    for stroke in strokes:
        points = np.array(stroke) + moves[:, first : first + len(stroke)]  # (n, points, 2)
        first += len(stroke)
        x, y = np.moveaxis(curve_through(points), -1, 0)  # (n, M) each
        x = x * p["aspect"] - y * p["slant"]
        cos, sin = np.cos(p["angle"]), np.sin(p["angle"])
        x, y = p["x"] + p["height"] * (cos * x - sin * y), p["y"] + p["height"] * (sin * x + cos * y)
        nearest = np.minimum(nearest, _squared_distance(x.astype(np.float32), y.astype(np.float32)))
    pen, ink = (parameters[name].astype(np.float32)[:, None, None] for name in ("pen", "ink"))
    return (255 * ink * np.clip(pen / 2 + 0.5 - np.sqrt(nearest), 0, 1) + 0.5).astype(np.uint8)


def curve_through(points):
    """A Catmull–Rom curve through control points (n, K, 2), as (n, (K − 1)·PIECES + 1, 2) points of it.

    From p₁ to p₂, with the neighbours p₀ and p₃, and t from 0 to 1:

        p(t) = (2·p₁ + (p₂ − p₀)·t + (2·p₀ − 5·p₁ + 4·p₂ − p₃)·t² + (3·p₁ − p₀ − 3·p₂ + p₃)·t³) / 2

    A neighbour that is not there is the end itself. Source: Catmull and Rom 1974.
    """
    padded = np.concatenate([points[:, :1], points, points[:, -1:]], axis=1)
    p0, p1, p2, p3 = (padded[:, i : i + points.shape[1] - 1, None] for i in range(4))  # (n, K − 1, 1, 2)
    t = (np.arange(PIECES) / PIECES)[:, None]  # (PIECES, 1)
    curve = (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3) / 2
    return np.concatenate([curve.reshape(len(points), -1, 2), points[:, -1:]], axis=1)


def _squared_distance(x, y):
    """From every pixel's centre to the nearest piece of the line through (x, y): (n, M) each → (n, 28, 28)."""
    centres = np.arange(SIZE, dtype=np.float32) + np.float32(0.5)
    squared = np.inf
    for k in range(x.shape[1] - 1):
        ax, ay, bx, by = (a[:, None, None] for a in (x[:, k], y[:, k], x[:, k + 1], y[:, k + 1]))
        ux, uy = bx - ax, by - ay
        px, py = centres[None, None, :] - ax, centres[None, :, None] - ay
        t = np.clip((px * ux + py * uy) / (ux * ux + uy * uy + np.float32(1e-12)), 0, 1)
        squared = np.minimum(squared, (px - t * ux) ** 2 + (py - t * uy) ** 2)
    return squared
