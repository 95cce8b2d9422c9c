"""Nearest neighbours: has a generator learned the training pictures by heart?"""

import numpy as np


def nearest_neighbours(images, reference, count=1, chunk=10_000):
    """(indices, distances), both (N, count): the pictures of `reference` that are closest to each of `images`.

        d(a, b)² = Σ (a − b)² = ‖a‖² − 2·a·b + ‖b‖²

    Distances are Euclidean, of pixels in [0, 1]. Samples much closer to training pictures than unseen real pictures are
    were copied. images: uint8 (N, H, W, C), reference: uint8 (M, H, W, C), on the host. `chunk`: pictures of the
    reference at a time, for the memory's sake. Raises ValueError for other shapes, or fewer than `count` pictures.
    """
    if images.shape[1:] != reference.shape[1:] or images.ndim != 4 or not 1 <= count <= len(reference):
        raise ValueError(
            f"nearest_neighbours: expected pictures of one size and a count of 1 to {len(reference)}, "
            f"got {images.shape}, {reference.shape} and {count}"
        )
    a = _rows(images)
    best = np.full((len(a), 0), np.inf, np.float32)
    indices = np.zeros((len(a), 0), np.int64)
    for start in range(0, len(reference), chunk):
        b = _rows(reference[start : start + chunk])
        squared = (a * a).sum(axis=1)[:, None] - 2 * (a @ b.T) + (b * b).sum(axis=1)  # (N, chunk)
        best = np.concatenate([best, squared], axis=1)
        indices = np.concatenate([indices, np.broadcast_to(start + np.arange(len(b)), squared.shape)], axis=1)
        closest = np.argsort(best, axis=1, kind="stable")[:, :count]
        best, indices = np.take_along_axis(best, closest, axis=1), np.take_along_axis(indices, closest, axis=1)
    exact = ((a[:, None] - _rows(reference)[indices]) ** 2).sum(axis=2)  # of the few that count, without cancellation
    return indices, np.sqrt(exact)


def _rows(images):
    return images.reshape(len(images), -1).astype(np.float32) / 255
