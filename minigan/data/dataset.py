"""A data set in memory: images, labels, and where they came from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.errors import DataError

SPLITS = ("train", "test")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images with labels.

    name: the data set's name, as `minigan.data.load` takes it. split: "train" or "test".
    images: uint8 (N, H, W, C). labels: int64 (N,), from 0 to len(class_names) − 1.
    class_names: class_names[labels[i]] is the name of what images[i] shows.
    source: where the images came from, in words; a run records it in its config.json.

    Raises DataError if an array has another shape or dtype, or a label has no name.
    """

    name: str
    split: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        check_split(self.split)
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DataError(f"{self.name}: expected images uint8 (N, H, W, C), got {_describe(self.images)}")
        if self.labels.shape != self.images.shape[:1] or self.labels.dtype != np.int64:
            raise DataError(f"{self.name}: expected labels int64 ({len(self.images)},), got {_describe(self.labels)}")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise DataError(
                f"{self.name}: expected labels from 0 to {len(self.class_names) - 1}, "
                f"got {self.labels.min()} to {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count, height, width, channels = self.images.shape
        return (
            f"Dataset({self.name}, {self.split}: {count:,} images of {height}×{width}×{channels} uint8, "
            f"{len(self.class_names)} classes; {self.source})"
        )


def choose(array: npt.NDArray[Any], count: int, seed: int) -> npt.NDArray[Any]:
    """`count` rows of an array, or all if there are fewer, in random order; the seed determines which.

    The first rows would not do: many data sets are sorted by class. The same seed chooses the same rows of images and
    labels.
    """
    return array[np.random.default_rng(seed).permutation(len(array))[:count]]


def check_split(split: str) -> None:
    """Raise DataError unless `split` is "train" or "test"."""
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}: expected 'train' or 'test'")


def _describe(array: npt.NDArray[np.generic]) -> str:
    return f"{array.dtype} {array.shape}"
