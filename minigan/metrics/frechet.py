"""The Fréchet distance between two Gaussians, as in FID: how far apart are two sets of features?"""

from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.metrics.arrays import finite_array, real_array


def frechet_distance(mu1: npt.ArrayLike, sigma1: npt.ArrayLike, mu2: npt.ArrayLike, sigma2: npt.ArrayLike) -> float:
    """The squared Wasserstein-2 distance between N(μ₁, Σ₁) and N(μ₂, Σ₂).

        d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2·tr (Σ₁^½ Σ₂ Σ₁^½)^½

    The last trace is computed as the sum of the singular values of Σ₁^½ Σ₂^½. This is symmetric in the two Gaussians,
    takes no square root of a product that is not symmetric, and gives no imaginary parts to discard if a covariance is
    singular (fewer images than features).

    mu: (features,), sigma: (features, features), symmetric and positive semi-definite, on the host. Returns a float,
    at least 0. Raises ValueError for other shapes, a covariance that is not symmetric, or numbers that are not real
    and finite.
    Source: Dowson and Landau 1982; Heusel et al. 2017.
    """
    mu1, mu2 = (finite_array("frechet_distance", "the means", mu) for mu in (mu1, mu2))
    sigma1, sigma2 = (real_array("frechet_distance", "the covariances", sigma) for sigma in (sigma1, sigma2))
    if mu1.ndim != 1 or mu1.shape != mu2.shape or not sigma1.shape == sigma2.shape == (len(mu1), len(mu1)):
        raise ValueError(
            "frechet_distance: expected means (F,) and covariances (F, F) of one F, got "
            f"{mu1.shape}, {sigma1.shape}, {mu2.shape} and {sigma2.shape}"
        )
    root1, root2 = _square_root(sigma1), _square_root(sigma2)
    overlap = np.linalg.svd(root1 @ root2, compute_uv=False).sum()
    squared = np.sum((mu1 - mu2) ** 2) + np.trace(sigma1) + np.trace(sigma2) - 2 * overlap
    return float(max(squared, 0.0))


def mean_and_covariance(features: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(μ, Σ) of features (N, F): (F,) and (F, F), Σ with the factor 1 / (N − 1), as in NumPy's cov and in FID.

    Raises ValueError for another shape, fewer than 2 images, or features that are not real and finite.
    """
    features = finite_array("mean_and_covariance", "features", features)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"mean_and_covariance: expected features (N, F) of at least 2 images, got {features.shape}")
    return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))


def _square_root(sigma: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Σ^½ of a symmetric matrix; eigenvalues that are negative because of rounding are set to 0."""
    if not np.isfinite(sigma).all() or not np.allclose(
        sigma, sigma.T, rtol=1e-6, atol=1e-8 * max(1, np.abs(sigma).max())
    ):
        raise ValueError("frechet_distance: expected a covariance that is symmetric and finite")
    values, vectors = np.linalg.eigh((sigma + sigma.T) / 2)
    if values.min(initial=0) < -1e-6 * max(1e-300, np.abs(values).max(initial=0)):
        raise ValueError(f"frechet_distance: expected a covariance without negative eigenvalues, got {values.min():g}")
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
