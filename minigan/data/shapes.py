"""shapes: 32×32 colour images of ten shapes, generated from a seed. It needs no download.

Every image shows one bright shape on a dim background. Position, size, rotation and colours vary; the classes take
turns. One seed and split always give the same images, and a smaller count gives the first of them.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.data.dataset import SPLITS, Dataset, check_split
from minigan.data.signed_distances import Floats, circle, crescent, heart, polygon, ring, star_corners

SIZE = 32  # pixels along each side
COUNTS = {"train": 20_000, "test": 4_000}
CHUNK = 32  # images rendered at once: few enough that their arrays stay in the processor's cache

# Corners, in units of the radius, y downwards.
TRIANGLE = star_corners(3, outer=1.1, inner=0.55)
STAR = star_corners(5, outer=1.15, inner=0.5)
SQUARE = [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]
DIAMOND = [(0.0, -1.15), (0.65, 0.0), (0.0, 1.15), (-0.65, 0.0)]
ARROW = [(0.0, -1.1), (0.95, -0.05), (0.38, -0.05), (0.38, 1.0), (-0.38, 1.0), (-0.38, -0.05), (-0.95, -0.05)]
CROSS = [
    (-0.33, -1.0), (0.33, -1.0), (0.33, -0.33), (1.0, -0.33), (1.0, 0.33), (0.33, 0.33),
    (0.33, 1.0), (-0.33, 1.0), (-0.33, 0.33), (-1.0, 0.33), (-1.0, -0.33), (-0.33, -0.33),
]  # fmt: skip

DISTANCES: dict[str, Callable[[Floats, Floats], Floats]] = {
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

# What varies between images, and the interval that it is drawn from, uniformly.
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


def load_shapes(split: str = "train", count: int | None = None, seed: int = 0) -> Dataset:
    """Generate the data set.

    split: "train" or "test", different images of the same distribution.
    count: how many images; by default 20,000 for training and 4,000 for testing. seed: any integer ≥ 0.

    Returns a Dataset of images uint8 (count, 32, 32, 3) and labels int64 (count,).
    Raises DataError for an unknown split.
    """
    check_split(split)
    count = COUNTS[split] if count is None else count
    random = np.random.default_rng([seed, SPLITS.index(split)])
    labels = np.arange(count, dtype=np.int64) % len(DISTANCES)
    images = np.empty((count, SIZE, SIZE, 3), dtype=np.uint8)
    parameters = _random_parameters(random, count)
    for label, distance in enumerate(DISTANCES.values()):
        of_this_class = np.flatnonzero(labels == label)
        for start in range(0, len(of_this_class), CHUNK):
            rows = of_this_class[start : start + CHUNK]
            images[rows] = _render(distance, {name: column[rows] for name, column in parameters.items()})
    return Dataset("shapes", split, images, labels, tuple(DISTANCES), source=f"generated with seed {seed}")


def _random_parameters(random: np.random.Generator, count: int) -> dict[str, npt.NDArray[np.float64]]:
    """{name: (count,)}, each value within its range.

    One row of random numbers belongs to one image, so an image does not depend on how many follow it.
    """
    table = random.random((count, len(RANGES)))
    return {name: low + (high - low) * table[:, k] for k, (name, (low, high)) in enumerate(RANGES.items())}


def _render(
    distance: Callable[[Floats, Floats], Floats], parameters: Mapping[str, npt.NDArray[np.float64]]
) -> npt.NDArray[np.uint8]:
    """Images of one class, uint8 (n, 32, 32, 3), from n values of each parameter.

    The share of a pixel that the shape covers, at signed distance d from its edge in pixels, is about
        coverage = clip(1/2 − d, 0, 1)
    which smooths the edge over one pixel. The pixel's colour is
        background + coverage (foreground − background).
    """
    p = {name: column.astype(np.float32)[:, None, None] for name, column in parameters.items()}  # (n, 1, 1)
    x, y = _rotated_coordinates(p["x"], p["y"], parameters["angle"])  # (n, 32, 32)
    d = p["radius"] * distance(x / p["radius"], y / p["radius"])  # (n, 32, 32)
    coverage = np.clip(0.5 - d, 0, 1)

    along, _ = _rotated_coordinates(SIZE / 2, SIZE / 2, parameters["gradient_angle"])
    brightening = p["gradient"] * (along / (SIZE * np.sqrt(np.float32(2))) + 0.5)  # from 0 to gradient

    foreground = _rgb(p["hue"], p["saturation"], p["value"])
    background = _rgb(p["background_hue"], p["background_saturation"], p["background_value"])
    images = np.empty((*d.shape, 3), dtype=np.uint8)  # (n, 32, 32, 3)
    for channel in range(3):
        behind = background[channel] + brightening
        images[..., channel] = 255 * (behind + coverage * (foreground[channel] - behind)) + 0.5
    return images


def _rotated_coordinates(x: Floats | float, y: Floats | float, angle: Floats) -> tuple[Floats, Floats]:
    """The pixels' coordinates, float32 (n, 32, 32) each, in axes with their origin at (x, y), rotated by angle (n,)."""
    centres = np.arange(SIZE, dtype=np.float32) + 0.5
    right = centres[None, None, :] - x
    down = centres[None, :, None] - y
    # In float64 first: the last bit of a cosine differs between processors, and rounding to float32 hides it.
    cos, sin = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    return cos * right + sin * down, cos * down - sin * right


def _rgb(hue: Floats, saturation: Floats, value: Floats) -> list[Any]:
    """HSV to RGB: [red, green, blue], each in [0, 1] and of the hue's shape.

    channel = value (1 − saturation (1 − clip(|6 ((hue + shift) mod 1) − 3| − 1, 0, 1)))
    with shift 0, 2/3, 1/3 for red, green and blue.
    """
    pure = [np.clip(np.abs(6 * ((hue + shift) % 1) - 3) - 1, 0, 1) for shift in (0, 2 / 3, 1 / 3)]
    return [value * (1 - saturation * (1 - channel)) for channel in pure]
