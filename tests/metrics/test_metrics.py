"""The metrics for inputs whose result is known, and their bounds for all others."""

import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import minigan as mg
from minigan.metrics import class_histogram, frechet_distance, inception_score, mean_and_covariance, mode_coverage

seeds = st.integers(0, 2**32 - 1)


def random_probabilities(seed, n, classes, sharpness):
    logits = np.random.default_rng(seed).standard_normal((n, classes)) * sharpness
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def test_the_inception_score_of_inputs_whose_score_is_known():
    certain = np.eye(10)[np.arange(1000) % 10]
    assert inception_score(certain, 10) == pytest.approx((10, 0))
    assert inception_score(np.full((100, 7), 1 / 7), 5) == pytest.approx((1, 0))
    assert inception_score(certain[:1].repeat(50, axis=0), 1) == pytest.approx((1, 0))  # collapsed to one class
    # Half of the images are certainly of one of two classes, half are undecided: I = log 2 / 2, so IS = √2.
    mixed = np.concatenate([np.eye(2)[np.arange(100) % 2], np.full((100, 2), 0.5)])
    assert inception_score(mixed, 1)[0] == pytest.approx(np.sqrt(2))
    # By definition, the mean Kullback-Leibler divergence.
    p = random_probabilities(0, 60, 5, 2)
    kl = (p * np.log(p / p.mean(axis=0))).sum(axis=1).mean()
    assert inception_score(p, 1)[0] == pytest.approx(np.exp(kl))
    parts = [inception_score(part, 1)[0] for part in (p[:20], p[20:40], p[40:])]
    assert inception_score(p, 3) == pytest.approx((np.mean(parts), np.std(parts)))


@given(seeds, st.integers(1, 40), st.integers(2, 12), st.floats(0, 30))
def test_the_inception_score_is_at_least_1_and_at_most_the_number_of_classes_and_of_images(seed, n, classes, sharpness):
    mean, std = inception_score(random_probabilities(seed, n, classes, sharpness), 1)
    assert 1 - 1e-9 <= mean <= min(n, classes) * (1 + 1e-9)
    assert std == 0


def test_a_seed_shuffles_images_that_are_sorted_by_class():
    ordered = np.eye(10)[np.repeat(np.arange(10), 100)]
    assert inception_score(ordered, 10)[0] == pytest.approx(1)  # each part holds one class
    mean, std = inception_score(ordered, 10, seed=0)
    assert 9 < mean < 10
    assert 0 < std < 0.5
    assert inception_score(ordered, 10, seed=0) == (mean, std)


@pytest.mark.parametrize(
    ("p", "splits", "message"),
    [
        (np.ones((4, 3)), 1, "add up to 1; apply softmax"),
        (np.array([[1.5, -0.5]]), 1, "at least 0"),
        (np.full((4, 2), np.nan), 1, "at least 0"),
        (np.ones(4), 1, r"expected probabilities of shape \(N, classes\), got \(4,\)"),
        (np.full((4, 2), 0.5), 5, "expected 1 to 4 splits of 4 images, got 5"),
        (np.full((4, 2), 0.5), 0, "splits"),
        (np.full((4, 2), 0.5), 2.5, "splits"),
        (np.full((4, 2), 0.5), True, "splits"),
        (np.full((4, 2), 0.5 + 0j), 1, "real numbers, got complex128"),
        (None, 1, "real numbers, got object"),
    ],
)
def test_the_inception_score_refuses_bad_arguments(p, splits, message):
    with pytest.raises(ValueError, match=message):
        inception_score(p, splits)


def inception_score_by_loops(p, splits):
    """The definition, as the paper's code cuts the images: part i is i·N // splits to (i + 1)·N // splits − 1."""
    scores = []
    for i in range(splits):
        part = p[i * len(p) // splits : (i + 1) * len(p) // splits]
        marginal = [sum(row[k] for row in part) / len(part) for k in range(p.shape[1])]
        total = 0
        for row in part:
            total += sum(row[k] * np.log(row[k] / marginal[k]) for k in range(p.shape[1]) if row[k] > 0)
        scores.append(np.exp(total / len(part)))
    mean = sum(scores) / splits
    return mean, (sum((score - mean) ** 2 for score in scores) / splits) ** 0.5


def test_103_images_are_cut_into_10_parts_as_in_the_papers_code():
    p = random_probabilities(2, 103, 7, 3)
    assert inception_score(p, 10) == pytest.approx(inception_score_by_loops(p, 10), rel=1e-12)
    by_first_parts = [inception_score(part, 1)[0] for part in np.array_split(p, 10)]  # the first ones are larger
    assert inception_score(p, 10)[0] != pytest.approx(np.mean(by_first_parts), rel=1e-6)


@given(seeds, st.integers(1, 60), st.data())
def test_any_number_of_parts_is_cut_as_in_the_papers_code(seed, n, data):
    p = random_probabilities(seed, n, 4, 2)
    splits = data.draw(st.integers(1, n))
    assert inception_score(p, splits) == pytest.approx(inception_score_by_loops(p, splits), rel=1e-9, abs=1e-12)


def covariance(random, features, rank):
    factor = random.standard_normal((features, rank))
    return factor @ factor.T / rank


def test_the_frechet_distance_of_gaussians_whose_distance_is_known():
    assert frechet_distance([1.0], [[4.0]], [3.0], [[9.0]]) == pytest.approx((1 - 3) ** 2 + (2 - 3) ** 2)
    random = np.random.default_rng(0)
    a, b = random.uniform(0.1, 3, (2, 6))
    mu, nu = random.standard_normal((2, 6))
    rotation = np.linalg.qr(random.standard_normal((6, 6)))[0]
    expected = np.sum((mu - nu) ** 2) + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)
    assert frechet_distance(mu, np.diag(a), nu, np.diag(b)) == pytest.approx(expected)
    turned = [rotation @ np.diag(values) @ rotation.T for values in (a, b)]
    assert frechet_distance(rotation @ mu, turned[0], rotation @ nu, turned[1]) == pytest.approx(expected)


@given(seeds, st.integers(1, 12), st.integers(1, 12), st.floats(1e-3, 1e3))
def test_the_frechet_distance_is_symmetric_and_not_negative_even_if_covariances_are_singular(
    seed, features, rank, scale
):
    random = np.random.default_rng(seed)
    (mu, nu), s, t = (
        random.standard_normal((2, features)),
        *(scale * covariance(random, features, rank) for _ in range(2)),
    )
    distance = frechet_distance(mu, s, nu, t)
    size = np.trace(s) + np.trace(t) + np.sum((mu - nu) ** 2)
    assert distance == pytest.approx(frechet_distance(nu, t, mu, s), abs=1e-9 * size)
    assert distance - np.sum((mu - nu) ** 2) + 1e-9 * size >= -1e-12
    assert frechet_distance(mu, s, mu, s) <= 1e-9 * size
    # Against the definition, by the eigenvalues of the product, if it is well conditioned.
    if rank >= features:
        overlap = np.sqrt(np.maximum(np.linalg.eigvals(s @ t).real, 0)).sum()
        expected = np.sum((mu - nu) ** 2) + np.trace(s) + np.trace(t) - 2 * overlap
        assert distance == pytest.approx(expected, abs=1e-5 * size)


def decaying(random, features, condition):
    """A covariance whose eigenvalues decay from 1 to 1 / condition, in a random basis."""
    basis = np.linalg.qr(random.standard_normal((features, features)))[0]
    sigma = (basis * np.geomspace(1, 1 / condition, features)) @ basis.T
    return (sigma + sigma.T) / 2


@pytest.mark.parametrize("features", [2, 16, 128])
@pytest.mark.parametrize("condition", [1, 1e2, 1e6, 1e10])
def test_the_frechet_distance_agrees_with_scipys_matrix_square_root(features, condition):
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½) to 10⁻⁶ relative, even for ill-conditioned covariances."""
    random = np.random.default_rng(features)
    s, t = decaying(random, features, condition), decaying(random, features, condition)
    mu, nu = random.standard_normal((2, features)) / 10
    with warnings.catch_warnings():  # SciPy's root warns about ill-conditioned ones
        warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
        root = scipy.linalg.sqrtm(s @ t)
    textbook = np.sum((mu - nu) ** 2) + np.trace(s) + np.trace(t) - 2 * np.trace(root).real
    assert frechet_distance(mu, s, nu, t) == pytest.approx(textbook, rel=1e-6)
    assert frechet_distance(nu, t, mu, s) == pytest.approx(textbook, rel=1e-6)


def test_the_inception_score_is_e_to_the_power_of_the_mutual_information():
    """I(y; x) = H(y) − H(y|x), with SciPy's entropies."""
    p = random_probabilities(1, 500, 10, 3)
    information = scipy.stats.entropy(p.mean(axis=0)) - scipy.stats.entropy(p, axis=1).mean()
    assert inception_score(p, 1)[0] == pytest.approx(np.exp(information), rel=1e-12)


def test_the_frechet_distance_refuses_bad_arguments():
    eye = np.eye(2)
    for arguments, message in (
        ((np.zeros(2), eye, np.zeros(3), np.eye(3)), r"of one F, got \(2,\)"),
        ((np.zeros(2), np.array([[1.0, 2], [0, 1]]), np.zeros(2), eye), "symmetric and finite"),
        ((np.zeros(2), -eye, np.zeros(2), eye), "negative eigenvalues"),
        ((np.zeros(2), eye * np.nan, np.zeros(2), eye), "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            frechet_distance(*arguments)


def test_the_mean_and_covariance_of_samples_are_close_to_their_gaussian():
    random = np.random.default_rng(0)
    sigma = covariance(random, 4, 8)
    factor = np.linalg.cholesky(sigma)
    samples = random.standard_normal((20_000, 4)) @ factor.T + np.arange(4)
    # The distance between N samples and their distribution is of the order F / N: about 1e-3 here.
    assert frechet_distance(*mean_and_covariance(samples), np.arange(4), sigma) < 5e-3
    assert frechet_distance(*mean_and_covariance(samples), np.arange(4) + 1, sigma) == pytest.approx(4, abs=0.1)
    with pytest.raises(ValueError, match="at least 2 images"):
        mean_and_covariance(np.zeros((1, 3)))


def test_mode_coverage_counts_the_classes_that_are_generated_often_enough():
    assert class_histogram(np.eye(4)[[0, 0, 2]]).tolist() == [2, 0, 1, 0]
    assert mode_coverage([10, 10, 10, 10]) == 1
    assert mode_coverage([40, 0, 0, 0]) == 0.25
    assert mode_coverage([96, 2, 1, 1]) == 0.25  # 2 of 100 is below a tenth of 25, the real share
    assert mode_coverage([5, 5, 0], reference=[1, 1, 0]) == 1
    for wrong in ([0, 0], [[1, 2]]):
        with pytest.raises(ValueError, match="expected counts"):
            mode_coverage(wrong)


def test_the_public_names_are_fixed():
    assert mg.metrics.inception_score is inception_score
    assert mg.metrics.frechet_distance is frechet_distance


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1j, None, "x"], ids=str)
@pytest.mark.parametrize("position", range(4), ids=["mu1", "sigma1", "mu2", "sigma2"])
def test_the_frechet_distance_refuses_numbers_that_are_not_real_and_finite(position, bad):
    arguments = [np.zeros(2), np.eye(2), np.zeros(2), np.eye(2)]
    kind = np.float64 if isinstance(bad, float) else np.complex128 if isinstance(bad, complex) else object
    wrong = arguments[position].astype(kind)
    wrong.flat[0] = bad
    arguments[position] = wrong
    with pytest.raises(ValueError, match=r"frechet_distance: expected (the means|the|a) "):
        frechet_distance(*arguments)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1j, "x"], ids=str)
def test_every_metric_refuses_numbers_that_are_not_real_and_finite(bad):
    images = np.arange(16, dtype=np.float64).reshape(4, 2, 2, 1)
    for metric, right in (
        (lambda a: mg.metrics.diversity(a, images), images),
        (lambda a: mg.metrics.diversity(images, a), images),
        (mean_and_covariance, images.reshape(4, 4)),
        (inception_score, np.full((10, 2), 0.5)),
        (mode_coverage, np.ones(3)),
        (lambda a: mode_coverage(np.ones(3), a), np.ones(3)),
    ):
        metric(right)
        wrong = right.astype(type(bad) if isinstance(bad, complex) else float if isinstance(bad, float) else object)
        wrong.flat[0] = bad
        with pytest.raises(ValueError, match="expected"):
            metric(wrong)
    with pytest.raises(ValueError, match="expected probabilities, got NaN"):
        class_histogram(np.array([[np.nan, 1]]))
    with pytest.raises(ValueError, match="expected images of uint8, got float64 and uint8"):
        mg.metrics.nearest_neighbours(images, images.astype(np.uint8))
