"""The Inception Score: are single pictures clear, and all of them together varied?"""

import numpy as np


def inception_score(probabilities, splits=10, seed=None):
    """(mean, standard deviation) over `splits` of e to the mutual information of picture and class.

        IS = exp( E_x KL( p(y|x) ‖ p(y) ) )      p(y) = E_x p(y|x)

    A picture that a classifier is sure of has a p(y|x) far from p(y); a generator that makes all classes has an even
    p(y). 1 ≤ IS ≤ the number of classes, and IS ≤ N for N pictures: 1 where p(y|x) is the same for all of them, the
    number of classes where each is certain and all are equally frequent.

    probabilities: (N, classes), each row p(y|x) of one picture, on the host. The pictures are cut into `splits` parts
    of equal size (the remainder goes to the first ones), p(y) is that of the part, as in the paper's code; the standard
    deviation over the parts is that of the population. seed: shuffle the pictures first; pictures that come sorted by
    class must be, or every part holds few classes.
    Raises ValueError where the rows are no distributions, or there are fewer pictures than parts.
    Source: Salimans et al. 2016, section 4.
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or p.shape[1] < 2:
        raise ValueError(f"inception_score: expected probabilities of shape (N, classes), got {p.shape}")
    if not np.isfinite(p).all() or p.min(initial=0) < 0 or np.abs(p.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise ValueError("inception_score: expected rows of probabilities, each at least 0 and 1 in sum; apply softmax")
    if not 1 <= splits <= len(p):
        raise ValueError(f"inception_score: expected 1 to {len(p)} splits of {len(p)} pictures, got {splits}")
    if seed is not None:
        p = np.random.default_rng(seed).permutation(p)
    scores = [np.exp(_mutual_information(part)) for part in np.array_split(p, splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _mutual_information(p):
    """E_x KL(p(y|x) ‖ p(y)) = H(y) − E_x H(y|x), in nats."""
    return _entropy(p.mean(axis=0)) - _entropy(p).mean()


def _entropy(p):
    """−Σ p·log p along the last axis, with 0·log 0 = 0."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)
