"""The Inception Score: is each image clearly of one class, and do all of them together vary?"""

from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.metrics.arrays import real_array


def inception_score(probabilities: npt.ArrayLike, splits: int = 10, seed: int | None = None) -> tuple[float, float]:
    """(mean, standard deviation) of the Inception Score over `splits` parts of the images.

        IS = exp( E_x KL( p(y|x) ‖ p(y) ) )      p(y) = E_x p(y|x)

    It is e to the power of the mutual information between image and class. If a classifier is certain about an image,
    p(y|x) is far from p(y); if a generator produces all classes equally often, p(y) is uniform. For N images,
    1 ≤ IS ≤ min(N, number of classes): IS is 1 if p(y|x) is the same for all images, and the number of classes if each
    prediction is certain and all classes are equally frequent.

    probabilities: (N, classes), each row p(y|x) of one image, on the host. splits: the images are divided into this
    many parts; part i is images i·N // splits to (i + 1)·N // splits − 1, as in the paper's code. p(y) is that of a
    part, and the standard deviation over the parts is that of a population. seed: shuffle the images first; without it,
    images sorted by class would leave only a few classes in each part.
    Raises ValueError if the rows are not distributions, or if there are fewer images than parts.
    Source: Salimans et al. 2016, section 4.
    """
    p = real_array("inception_score", "probabilities", probabilities)
    if p.ndim != 2 or p.shape[1] < 2:
        raise ValueError(f"inception_score: expected probabilities of shape (N, classes), got {p.shape}")
    if not np.isfinite(p).all() or p.min(initial=0) < 0 or np.abs(p.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise ValueError(
            "inception_score: expected rows of probabilities, each at least 0, that add up to 1; apply softmax"
        )
    if isinstance(splits, bool) or not isinstance(splits, Integral) or not 1 <= splits <= len(p):
        raise ValueError(f"inception_score: expected 1 to {len(p)} splits of {len(p)} images, got {splits!r:.80}")
    if seed is not None:
        p = np.random.default_rng(seed).permutation(p)
    bounds = [i * len(p) // splits for i in range(splits + 1)]
    scores = [np.exp(_mutual_information(p[a:b])) for a, b in pairwise(bounds)]
    return float(np.mean(scores)), float(np.std(scores))


def _mutual_information(p: npt.NDArray[np.float64]) -> Any:
    """E_x KL(p(y|x) ‖ p(y)) = H(y) − E_x H(y|x), in nats."""
    return _entropy(p.mean(axis=0)) - _entropy(p).mean()


def _entropy(p: npt.NDArray[np.float64]) -> Any:
    """−Σ p·log p along the last axis, with 0·log 0 = 0."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)
