"""Mode coverage: which classes does a generator produce, and how often?"""

import numpy as np
import numpy.typing as npt

from minigan.metrics.arrays import finite_array, real_array


def class_histogram(probabilities: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """How many images a classifier assigns to each class: (classes,) integers. probabilities: (N, classes)."""
    p = real_array("class_histogram", "probabilities", probabilities)
    if p.ndim != 2 or p.shape[1] == 0:
        raise ValueError(f"class_histogram: expected probabilities of shape (N, classes), got {p.shape}")
    if np.isnan(p).any():
        raise ValueError("class_histogram: expected probabilities, got NaN")
    return np.bincount(p.argmax(axis=1), minlength=p.shape[1])


def mode_coverage(histogram: npt.ArrayLike, reference: npt.ArrayLike | None = None, threshold: float = 0.1) -> float:
    """The share of classes that the generator has not lost.

    A class is lost if its share of the generated images is below `threshold` times its share of the real ones. The
    result is 1 if every class is generated, and 1 / classes if the generator has collapsed to one class.

    histogram: (classes,) counts of generated images; reference: (classes,) counts of real ones, uniform by default.
    Raises ValueError for unequal shapes or an empty histogram.
    """
    generated = finite_array("mode_coverage", "the histogram", histogram)
    real = np.ones_like(generated) if reference is None else finite_array("mode_coverage", "the reference", reference)
    if generated.ndim != 1 or generated.shape != real.shape or not generated.sum() > 0 < real.sum():
        raise ValueError(
            f"mode_coverage: expected counts (classes,) of at least one image, got {generated.shape} and {real.shape}"
        )
    generated, real = generated / generated.sum(), real / real.sum()
    return float((generated[real > 0] >= threshold * real[real > 0]).mean())
