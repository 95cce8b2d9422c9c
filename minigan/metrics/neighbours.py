"""Nearest neighbours: has a generator memorized training images?"""

from typing import Any

import numpy as np
import numpy.typing as npt


def nearest_neighbours(
    images: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8], count: int = 1, chunk: int = 10_000
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """(indices, distances), both (N, count): the images of `reference` that are closest to each of `images`.

        d(a, b)² = Σ (a − b)² = ‖a‖² − 2·a·b + ‖b‖²

    Distances are Euclidean, of pixels in [0, 1]. Samples that are much closer to training images than unseen real
    images are have been copied.

    images: uint8 (N, H, W, C), reference: uint8 (M, H, W, C), on the host. chunk: how many reference images to compare
    at a time, which bounds the memory. Raises ValueError for other shapes or dtypes, or fewer than `count` reference
    images.
    """
    dtypes = {str(images.dtype), str(reference.dtype)}
    if dtypes != {"uint8"}:  # others would be divided by 255 all the same
        raise ValueError(f"nearest_neighbours: expected images of uint8, got {' and '.join(sorted(dtypes))}")
    if images.shape[1:] != reference.shape[1:] or images.ndim != 4 or not 1 <= count <= len(reference):
        raise ValueError(
            f"nearest_neighbours: expected images of one size and a count of 1 to {len(reference)}, "
            f"got {images.shape}, {reference.shape} and {count}"
        )
    a = _rows(images)
    # The closest ones so far: their squared distances and indices, (N, 0) at first, then (N, count).
    best: npt.NDArray[Any] = np.full((len(a), 0), np.inf, np.float32)
    indices = np.zeros((len(a), 0), np.int64)
    for start in range(0, len(reference), chunk):
        b = _rows(reference[start : start + chunk])
        squared = (a * a).sum(axis=1)[:, None] - 2 * (a @ b.T) + (b * b).sum(axis=1)  # (N, chunk)
        best = np.concatenate([best, squared], axis=1)
        indices = np.concatenate([indices, np.broadcast_to(start + np.arange(len(b)), squared.shape)], axis=1)
        closest = np.argsort(best, axis=1, kind="stable")[:, :count]
        best, indices = np.take_along_axis(best, closest, axis=1), np.take_along_axis(indices, closest, axis=1)
    # For these few, Σ (a − b)² itself: the expanded form loses digits to cancellation if a is close to b.
    exact = ((a[:, None] - _rows(reference)[indices]) ** 2).sum(axis=2)
    return indices, np.sqrt(exact)


def _rows(images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """(N, H, W, C) → float32 (N, H·W·C), in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255
