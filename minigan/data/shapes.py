"""shapes: 32×32 colour pictures of ten shapes, drawn from a seed. The data set that needs no download.

Every picture shows one bright shape on a dim background. Place, size, rotation and colours vary; the classes
take turns. The same seed and split give the same pictures, and a smaller count gives the first of them.
"""

from functools import partial

import numpy as np

from minigan.data.dataset import SPLITS, Dataset, check_split
from minigan.data.signed_distances import circle, crescent, heart, polygon, ring, star_corners

SIZE = 32  # pixels along each side
COUNTS = {"train": 20_000, "test": 4_000}
CHUNK = 32  # pictures drawn at once: small enough that their arrays stay in the processor's cache

# In units of the radius, y downwards.
TRIANGLE = star_corners(3, outer=1.1, inner=0.55)
STAR = star_corners(5, outer=1.15, inner=0.5)
SQUARE = [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]
DIAMOND = [(0.0, -1.15), (0.65, 0.0), (0.0, 1.15), (-0.65, 0.0)]
ARROW = [(0.0, -1.1), (0.95, -0.05), (0.38, -0.05), (0.38, 1.0), (-0.38, 1.0), (-0.38, -0.05), (-0.95, -0.05)]
CROSS = [
    (-0.33, -1.0), (0.33, -1.0), (0.33, -0.33), (1.0, -0.33), (1.0, 0.33), (0.33, 0.33),
    (0.33, 1.0), (-0.33, 1.0), (-0.33, 0.33), (-1.0, 0.33), (-1.0, -0.33), (-0.33, -0.33),
]  # fmt: skip

DISTANCES = {
    "circle": circle,
    "square": partial(polygon, corners=SQUARE),
    "triangle": partial(polygon, corners=TRIANGLE),
    "star": partial(polygon, corners=STAR),
    "cross": partial(polygon, corners=CROSS),
    "ring": ring,
    "heart": heart,
    "diamond": partial(polygon, corners=DIAMOND),
    "crescent": crescent,
    "arrow": partial(polygon, corners=ARROW),
}

# What varies from picture to picture, and between which bounds, uniformly.
RANGES = {
    "x": (14, 18),  # the centre, in pixels
    "y": (14, 18),
    "radius": (9, 11.5),  # in pixels
    "angle": (-0.35, 0.35),  # in radians, about 20° either way
    "hue": (0, 1),
    "saturation": (0.55, 0.85),
    "value": (0.9, 1),
    "background_hue": (0, 1),
    "background_saturation": (0.15, 0.4),
    "background_value": (0.14, 0.26),
    "gradient_angle": (-np.pi, np.pi),
    "gradient": (0.04, 0.14),  # how much brighter the background is at its bright end
}


def load_shapes(split="train", count=None, seed=0):
    """Draw the data set.

    split   "train" or "test"; different pictures, drawn alike
    count   how many pictures; by default 20,000 for training and 4,000 for testing
    seed    any integer ≥ 0

    Returns a Dataset of images uint8 (count, 32, 32, 3) and labels int64 (count,).
    Raises DataError for an unknown split.
    """
    check_split(split)
    count = COUNTS[split] if count is None else count
    random = np.random.default_rng([seed, SPLITS.index(split)])
    labels = np.arange(count, dtype=np.int64) % len(DISTANCES)
    images = np.empty((count, SIZE, SIZE, 3), dtype=np.uint8)
    parameters = _draw_parameters(random, count)
    for label, distance in enumerate(DISTANCES.values()):
        of_this_class = np.flatnonzero(labels == label)
        for start in range(0, len(of_this_class), CHUNK):
            rows = of_this_class[start : start + CHUNK]
            images[rows] = _draw(distance, {name: column[rows] for name, column in parameters.items()})
    return Dataset("shapes", split, images, labels, tuple(DISTANCES), source=f"drawn with seed {seed}")


def _draw_parameters(random, count):
    """One row of random numbers for each picture, so that a picture does not depend on how many follow it."""
    table = random.random((count, len(RANGES)))
    return {name: low + (high - low) * table[:, k] for k, (name, (low, high)) in enumerate(RANGES.items())}


def _draw(distance, parameters):
    """Pictures of one class, uint8 (n, 32, 32, 3).

    A pixel at signed distance d from the edge, in pixels, is covered by about
        coverage = clip(1/2 − d, 0, 1)
    which smooths the edge over one pixel, and gets the colour
        background + coverage (foreground − background).
    """
    p = {name: column.astype(np.float32)[:, None, None] for name, column in parameters.items()}  # (n, 1, 1)
    x, y = _turned(p["x"], p["y"], parameters["angle"])  # (n, 32, 32)
    d = p["radius"] * distance(x / p["radius"], y / p["radius"])  # (n, 32, 32)
    coverage = np.clip(0.5 - d, 0, 1)

    along, _ = _turned(SIZE / 2, SIZE / 2, parameters["gradient_angle"])
    brighter = p["gradient"] * (along / (SIZE * np.sqrt(np.float32(2))) + 0.5)  # from 0 to gradient

    foreground = _rgb(p["hue"], p["saturation"], p["value"])
    background = _rgb(p["background_hue"], p["background_saturation"], p["background_value"])
    images = np.empty((*d.shape, 3), dtype=np.uint8)  # (n, 32, 32, 3)
    for channel in range(3):
        behind = background[channel] + brighter
        images[..., channel] = 255 * (behind + coverage * (foreground[channel] - behind)) + 0.5
    return images


def _turned(x, y, angle):
    """The pixels' coordinates, float32 (n, 32, 32), in axes with origin (x, y), turned by angle."""
    centres = np.arange(SIZE, dtype=np.float32) + 0.5
    right = centres[None, None, :] - x
    down = centres[None, :, None] - y
    # In float64 first: the last bit of a cosine differs between processors, and rounding to float32 hides it.
    cos, sin = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    return cos * right + sin * down, cos * down - sin * right


def _rgb(hue, saturation, value):
    """HSV to RGB, each channel in [0, 1] and of the hue's shape:

    channel = value (1 − saturation (1 − clip(|6 ((hue + shift) mod 1) − 3| − 1, 0, 1)))
    with shift 0, 2/3, 1/3 for red, green and blue.
    """
    pure = [np.clip(np.abs(6 * ((hue + shift) % 1) - 3) - 1, 0, 1) for shift in (0, 2 / 3, 1 / 3)]
    return [value * (1 - saturation * (1 - channel)) for channel in pure]
