"""Diversity: do the pictures differ from each other as much as real ones do?"""

import numpy as np


def diversity(images, reference):
    """√(tr Cov(images) / tr Cov(reference)), of the pixels: the typical distance of two pictures against two real ones.

    About 1 for pictures that are as varied as the reference, 0 where a generator has collapsed to one picture. It needs
    no classifier and sees no quality: noise is diverse.

    images, reference: (N, H, W, C) of one H, W, C, at least two of each, on the host. Raises ValueError otherwise, or
    for a reference of equal pictures.
    """
    images, reference = np.asarray(images, np.float64), np.asarray(reference, np.float64)
    if images.ndim != 4 or images.shape[1:] != reference.shape[1:] or min(len(images), len(reference)) < 2:
        raise ValueError(
            f"diversity: expected at least two pictures each, (N, H, W, C) of one size, got {images.shape} and "
            f"{reference.shape}"
        )
    spread = reference.var(axis=0, ddof=1).sum()
    if spread == 0:
        raise ValueError("diversity: expected a reference of pictures that differ, got equal ones")
    return float(np.sqrt(images.var(axis=0, ddof=1).sum() / spread))
