"""How good is a generator? Scores with their protocol, next to those of real data under the same protocol."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigan import __version__, backend, plots
from minigan.backend import to_numpy
from minigan.data import Dataset, to_float
from minigan.data.dataset import choose
from minigan.errors import UserError
from minigan.gan import conditioned
from minigan.inference.classifier import ScoringClassifier
from minigan.inference.sampler import Sampler
from minigan.metrics import (
    class_histogram,
    diversity,
    frechet_distance,
    inception_score,
    mean_and_covariance,
    mode_coverage,
    nearest_neighbours,
)
from minigan.models import FEATURES
from minigan.runs.checkpoint import Checkpoint

Images = npt.NDArray[np.uint8]  # (N, H, W, C) on the host

DIVERSITY_IMAGES = 1000  # images that the diversity is computed from
NEIGHBOUR_IMAGES = 200  # images whose distance to the nearest training image is measured
NEIGHBOUR_ROWS = 10  # of the grid of neighbours


class Reference(NamedTuple):
    """What images are compared with: statistics of real images, and some of these images."""

    mean: npt.NDArray[np.float64]  # of the features, (FEATURES,)
    covariance: npt.NDArray[np.float64]  # (FEATURES, FEATURES)
    histogram: npt.NDArray[Any]  # images per class
    images: Images


def evaluate(
    saved: Checkpoint,
    classifier: ScoringClassifier,
    train: Dataset,
    test: Dataset,
    count: int = 10_000,
    splits: int = 10,
    seed: int = 0,
) -> tuple[dict[str, Any], Images, npt.NDArray[np.int64] | None]:
    """The scores of the generator in a checkpoint: (report, samples, labels).

    `count` samples are compared with as many images of the training split, the reference. As many images of the test
    split, which neither the generator nor the classifier has seen, get the same scores, to show what real data reaches.
    train, test: the two splits of the run's data set; splits: of the Inception Score.
    report: a dictionary for JSON: protocol, samples, real, discriminator, nearest_neighbours.
    samples: uint8 (count, H, W, C); labels: the classes they are conditioned on, (count,), or None.
    Raises UserError if the run, the classifier and the data do not match, and for too few images.
    """
    sampler = Sampler(saved)
    require_same_data(saved, classifier, train)
    real_count = min(count, len(test))
    require_enough(min(count, real_count, len(train)), splits)
    reference_images = choose(train.images, min(count, len(train)), seed)
    real, real_labels = choose(test.images, real_count, seed), choose(test.labels, real_count, seed)
    labels = sampler.labels(count)
    samples = sampler.generate(sampler.noise(count, seed), labels)

    reference = reference_statistics(classifier, reference_images)
    report = {
        "protocol": {
            "minigan": __version__,
            "backend": backend.name,
            "checkpoint": {"file": saved.path.name, "step": saved.step, "moving_average": sampler.uses_ema},
            "data": train.name,
            "samples": count,
            "splits": splits,
            "seed": seed,
            "reference": f"{len(reference_images)} images of the training split, chosen at random with the seed",
            "real": f"{real_count} images of the test split, chosen at random with the seed",
            "features": classifier.describe(),
        },
        "samples": compute_scores(classifier, samples, reference, splits, seed, labels),
        "real": compute_scores(classifier, real, reference, splits, seed, real_labels),
        "discriminator": discriminator_accuracy(sampler, samples, labels, real, real_labels),
        "nearest_neighbours": neighbour_distances(samples, real, train.images),
    }
    return report, samples, labels


def compute_scores(
    classifier: ScoringClassifier,
    images: Images,
    reference: Reference,
    splits: int = 10,
    seed: int = 0,
    labels: npt.NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """The scores of uint8 images (N, H, W, C), relative to the statistics of real images.

    classifier_is, classifier_fd: the formulas of the Inception Score and of the Fréchet (Inception) distance, applied
    to the probabilities and features of this classifier. They compare generators under one classifier, and cannot be
    compared with scores of the Inception network. class_accuracy: the share of images that the classifier assigns to
    their label; only with `labels` (N,).
    """
    probabilities, features = classifier(images)
    mean, std = inception_score(probabilities, splits, seed)
    histogram = class_histogram(probabilities)
    result = {
        "classifier_is": {"mean": mean, "std": std},
        "classifier_fd": frechet_distance(*mean_and_covariance(features), reference.mean, reference.covariance),
        "mode_coverage": mode_coverage(histogram, reference.histogram),
        "class_histogram": {name: int(number) for name, number in zip(classifier.class_names, histogram, strict=True)},
        "diversity": _diversity_if_defined(images[:DIVERSITY_IMAGES], reference.images),
    }
    if labels is not None:
        result["class_accuracy"] = float((probabilities.argmax(axis=1) == labels).mean())
    return result


def _diversity_if_defined(images: Images, reference: Images) -> float | None:
    """The diversity; None if all reference images are equal, since it is relative to theirs."""
    return None if (reference == reference[0]).all() else diversity(images, reference)


def reference_statistics(classifier: ScoringClassifier, images: Images) -> Reference:
    """The statistics of real images, uint8 (N, H, W, C), that compute_scores() compares with."""
    probabilities, features = classifier(images)
    return Reference(*mean_and_covariance(features), class_histogram(probabilities), images[:DIVERSITY_IMAGES])


def standard_scores(
    samples: Images,
    train: Dataset,
    test: Dataset,
    count: int = 10_000,
    splits: int = 10,
    seed: int = 0,
    weights: Path | None = None,
) -> dict[str, Any]:
    """The standard Inception Score and FID of the samples and of `count` test images, against the training split.

    The test images are chosen at random with the seed. weights: a file with the Inception network, see
    metrics.inception. Raises UserError if torch-fidelity is missing.
    """
    from minigan.metrics.inception import inception_scores

    return {
        kind: inception_scores(images, train.images, weights, splits, seed)
        for kind, images in (("samples", samples), ("real", choose(test.images, count, seed)))
    }


def discriminator_accuracy(
    sampler: Sampler,
    samples: Images,
    labels: npt.NDArray[np.int64] | None,
    real: Images,
    real_labels: npt.NDArray[np.int64],
    count: int = 1000,
) -> dict[str, float]:
    """The discriminator's accuracy on unseen real images and on samples, `count` each; 0.5 on both is balance."""
    objective = sampler.config.make_objective()
    accuracies = {}
    for name, images, classes in (("real", real, real_labels), ("samples", samples, labels)):
        right = []
        for i in range(0, min(count, len(images)), 100):
            x = to_float(images[i : i + 100], sampler.pixel_range, sampler.dtype)
            condition = backend.asarray(classes[i : i + 100]) if sampler.conditional and classes is not None else None
            logits, _ = sampler.discriminator.forward(conditioned(x, condition), train=False)
            says_real = to_numpy(objective.discriminator_output(logits)) > objective.threshold
            right.append(says_real if name == "real" else ~says_real)
        accuracies[f"right_on_{name}"] = float(np.concatenate(right).mean())
    return accuracies


def neighbour_distances(samples: Images, real: Images, training_images: Images) -> dict[str, float]:
    """Median distances of samples, and of unseen real images, to the nearest training image; pixels in [0, 1]."""
    medians = {}
    for name, images in (("samples", samples), ("real", real)):
        _, distances = nearest_neighbours(images[:NEIGHBOUR_IMAGES], training_images)
        medians[f"median_distance_of_{name}"] = float(np.median(distances))
    return medians


def neighbour_grid(samples: Images, training_images: Images, columns: int = 7) -> Images:
    """A grid (H', W', C): in each row a sample, followed by the training images that are nearest to it."""
    first = samples[:NEIGHBOUR_ROWS]
    indices, _ = nearest_neighbours(first, training_images, columns - 1)
    rows = [
        np.concatenate([[sample], training_images[nearest]]) for sample, nearest in zip(first, indices, strict=True)
    ]
    return plots.image_grid(np.concatenate(rows), columns)


def require_same_data(saved: Checkpoint, classifier: ScoringClassifier, dataset: Dataset) -> None:
    """Raise UserError if the run, the classifier and the data are not of one data set."""
    metadata = saved.config["dataset"]
    shape = tuple(metadata["image_shape"])
    if (classifier.data, classifier.image_shape) != (metadata["name"], shape):
        raise UserError(
            f"--classifier {classifier.path}: expected one for {metadata['name']} {shape}, like the run, found one "
            f"for {classifier.data} {classifier.image_shape}"
        )
    if dataset.images.shape[1:] != shape:
        raise UserError(f"expected images of shape {shape}, like the run's, got {dataset}")


def require_enough(count: int, splits: int) -> None:
    """Raise UserError if `count` images are too few for the scores."""
    if not 1 <= splits <= count:
        raise UserError(f"--splits {splits}: expected 1 to {count}, the number of images")
    if count <= FEATURES:
        raise UserError(
            f"--count {count}: expected more than {FEATURES}, since the covariance of {FEATURES} features would not "
            "have full rank"
        )
