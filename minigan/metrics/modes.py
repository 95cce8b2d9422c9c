"""Mode coverage: which classes does a generator make at all, and how often?"""

import numpy as np


def class_histogram(probabilities):
    """How many pictures a classifier takes for each class: (classes,) integers. probabilities: (N, classes)."""
    p = np.asarray(probabilities)
    if p.ndim != 2:
        raise ValueError(f"class_histogram: expected probabilities of shape (N, classes), got {p.shape}")
    return np.bincount(p.argmax(axis=1), minlength=p.shape[1])


def mode_coverage(histogram, reference=None, threshold=0.1):
    """The share of classes that are not lost: those with at least `threshold` of their due share of the pictures.

    histogram: (classes,) counts of generated pictures; reference: (classes,) counts of real ones, even by default.
    1 where every class is made, 1 / classes where a generator has collapsed to one.
    Raises ValueError for unequal shapes or an empty histogram.
    """
    made = np.asarray(histogram, np.float64)
    due = np.ones_like(made) if reference is None else np.asarray(reference, np.float64)
    if made.ndim != 1 or made.shape != due.shape or made.sum() == 0 or due.sum() == 0:
        raise ValueError(
            f"mode_coverage: expected counts (classes,) of at least one picture, got {made.shape} and {due.shape}"
        )
    made, due = made / made.sum(), due / due.sum()
    return float((made[due > 0] >= threshold * due[due > 0]).mean())
