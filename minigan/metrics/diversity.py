"""Diversity: do generated images differ from each other as much as real ones do?"""

import numpy as np
import numpy.typing as npt

from minigan.metrics.arrays import finite_array


def diversity(images: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """√(tr Cov(images) / tr Cov(reference)), of the pixels: the root-mean-square distance between two images, relative
    to that between two reference images.

    It is about 1 if the images vary as much as the reference, and 0 if the generator has collapsed to one image. It
    needs no classifier, and says nothing about quality: noise is diverse.

    images, reference: (N, H, W, C) of one H, W, C, at least two of each, on the host. Raises ValueError for other
    shapes, numbers that are not real and finite, and for a reference whose images are all equal.
    """
    images, reference = finite_array("diversity", "images", images), finite_array("diversity", "reference", reference)
    if images.ndim != 4 or images.shape[1:] != reference.shape[1:] or min(len(images), len(reference)) < 2:
        raise ValueError(
            f"diversity: expected at least two images each, (N, H, W, C) of one size, got {images.shape} and "
            f"{reference.shape}"
        )
    variance = reference.var(axis=0, ddof=1).sum()
    if variance == 0:
        raise ValueError("diversity: expected a reference of images that differ, got equal ones")
    return float(np.sqrt(images.var(axis=0, ddof=1).sum() / variance))
