"""How good is a generator? Scores with their protocol, next to those of real data under the same protocol."""

import numpy as np

from minigan import __version__, backend, plots
from minigan.backend import to_numpy
from minigan.errors import UserError
from minigan.gan import conditioned
from minigan.metrics import (
    class_histogram,
    diversity,
    frechet_distance,
    inception_score,
    mean_and_covariance,
    mode_coverage,
    nearest_neighbours,
)
from minigan.sampling import Sampler
from minigan.trainers import generate

FEATURES = 128
NEIGHBOURS = 200  # samples whose nearest training picture is looked for
NEIGHBOURS_SHOWN = 10


def evaluate(saved, classifier, train, test, count=10_000, splits=10, seed=0):
    """The scores of a Checkpoint's generator: (report, samples, labels).

    Scored are `count` samples, against as many pictures of the training split (the reference); the same scores of as
    many pictures of the test split, which neither the generator nor the classifier has seen, say what real data gets.
    classifier: a TrainedClassifier; train, test: the two splits as Datasets; splits: of the Inception Score.
    report: a dictionary that JSON can hold: protocol, samples, real, discriminator, nearest_neighbours.
    samples: uint8 (count, H, W, C); labels: the classes they were asked for, or None.
    Raises UserError where numbers or data do not fit together.
    """
    sampler = Sampler(saved)
    require_same_data(saved, classifier, train)
    count_real = min(count, len(test))
    require_enough(min(count, count_real, len(train)), splits)
    reference = choose(train.images, min(count, len(train)), seed)
    real, real_labels = choose(test.images, count_real, seed), choose(test.labels, count_real, seed)
    labels = sampler.every_class(count)
    samples = sampler.pictures(sampler.noise(count, seed), labels)

    of_reference = reference_statistics(classifier, reference)
    report = {
        "protocol": {
            "minigan": __version__,
            "backend": backend.name,
            "checkpoint": {"file": saved.path.name, "step": saved.step, "moving_average": sampler.averaged},
            "data": train.name,
            "samples": count,
            "splits": splits,
            "seed": seed,
            "reference": f"{len(reference)} pictures of the training split, chosen by the seed",
            "real": f"{count_real} pictures of the test split, chosen by the seed",
            "features": classifier.describe(),
        },
        "samples": scores(classifier, samples, of_reference, splits, seed, labels),
        "real": scores(classifier, real, of_reference, splits, seed, real_labels),
        "discriminator": discriminator_accuracy(sampler, samples, labels, real, real_labels),
        "nearest_neighbours": neighbour_distances(samples, real, train.images),
    }
    return report, samples, labels


def scores(classifier, images, reference, splits=10, seed=0, labels=None):
    """The scores of uint8 pictures (N, H, W, C) against reference_statistics(); with `labels`, how many are of them.

    classifier_is, classifier_fd: the formulas of the Inception Score and of the Fréchet (Inception) distance on this
    classifier's probabilities and features. They compare generators under one classifier, and are not to be compared
    with scores of the Inception network.
    """
    probabilities, features = classifier(images)
    mean, deviation = inception_score(probabilities, splits, seed)
    histogram = class_histogram(probabilities)
    result = {
        "classifier_is": {"mean": mean, "std": deviation},
        "classifier_fd": frechet_distance(*mean_and_covariance(features), *reference["moments"]),
        "mode_coverage": mode_coverage(histogram, reference["histogram"]),
        "class_histogram": {name: int(number) for name, number in zip(classifier.class_names, histogram, strict=True)},
        "diversity": diversity(images[:1000], reference["images"]),
    }
    if labels is not None:
        result["class_accuracy"] = float((probabilities.argmax(axis=1) == labels).mean())
    return result


def reference_statistics(classifier, images):
    """What scores() compares with: mean and covariance of the features, the class histogram, some of the pictures."""
    probabilities, features = classifier(images)
    return {
        "moments": mean_and_covariance(features),
        "histogram": class_histogram(probabilities),
        "images": images[:1000],
    }


def discriminator_accuracy(sampler, samples, labels, real, real_labels, count=1000):
    """The discriminator's share of right answers on unseen real pictures and on samples; 0.5 on both is balance."""
    objective, (low, high) = sampler.config.make_objective(), sampler.pixel_range
    shares = {}
    for name, images, classes in (("real", real, real_labels), ("samples", samples, labels)):
        right = []
        for i in range(0, min(count, len(images)), 100):
            x = backend.asarray(images[i : i + 100]).astype(sampler.dtype) * ((high - low) / 255) + low
            asked = backend.asarray(classes[i : i + 100]) if sampler.conditional else None
            outputs, _ = sampler.discriminator.forward(conditioned(x, asked), train=False)
            above = to_numpy(objective.score(outputs)) > objective.threshold
            right.append(above if name == "real" else ~above)
        shares[f"right_on_{name}"] = float(np.concatenate(right).mean())
    return shares


def neighbour_distances(samples, real, training_images):
    """How far samples, and unseen real pictures, are from the nearest training picture: medians; pixels in [0, 1]."""
    medians = {}
    for name, images in (("samples", samples), ("real", real)):
        _, distances = nearest_neighbours(images[:NEIGHBOURS], training_images)
        medians[f"median_distance_of_{name}"] = float(np.median(distances))
    return medians


def neighbour_grid(samples, training_images, columns=7):
    """A picture: a sample in the first column, beside it the training pictures that are nearest to it."""
    shown = samples[:NEIGHBOURS_SHOWN]
    indices, _ = nearest_neighbours(shown, training_images, columns - 1)
    rows = [
        np.concatenate([[sample], training_images[nearest]]) for sample, nearest in zip(shown, indices, strict=True)
    ]
    return plots.image_grid(np.concatenate(rows), columns)


class Evaluation:
    """The scores of a run while it trains: every so many epochs, on samples of noise that is the run's own."""

    def __init__(self, config, classifier, dataset):
        self.every, self.count, self.seed, self.classifier = (
            config.evaluate_every,
            config.evaluate_count,
            config.seed,
            classifier,
        )
        if (classifier.data, classifier.image_shape) != (dataset.name, dataset.images.shape[1:]):
            raise UserError(
                f"--classifier {classifier.path}: expected one of {dataset.name}, found one of {classifier.data}"
            )
        require_enough(self.count, 10)
        self.reference = reference_statistics(classifier, choose(dataset.images, 10 * self.count, self.seed))

    def end_epoch(self, trainer, folder, epoch):
        """The epoch's scores, where it is time for them; the checkpoint of the lowest Fréchet distance is kept."""
        if epoch % self.every:
            return {}
        labels = np.arange(self.count) % len(self.classifier.class_names) if trainer.model.conditional else None
        noise = backend.RandomStream([self.seed, 3]).normal((self.count, trainer.config.latent_dim), trainer.dtype)
        samples = generate(trainer.best_generator, noise, labels, trainer.model.pixel_range)
        found = scores(self.classifier, samples, self.reference, 10, self.seed, labels)
        row = {"classifier_is": found["classifier_is"]["mean"]} | {
            name: found[name] for name in ("classifier_fd", "mode_coverage", "class_accuracy") if name in found
        }
        earlier = folder.read_scores().get("classifier_fd", np.array([]))
        if not (earlier <= row["classifier_fd"]).any():  # NaN: an epoch without scores
            trainer.write_checkpoint(folder.best_path, folder)
        return row


def choose(array, count, seed):
    """`count` of the rows (all where there are fewer), by the seed."""
    return array[np.random.default_rng(seed).permutation(len(array))[:count]]


def require_same_data(saved, classifier, dataset):
    """Raise UserError where the run, its classifier and the data are not of one data set."""
    of_run = saved.config["dataset"]
    shape = tuple(of_run["image_shape"])
    if (classifier.data, classifier.image_shape) != (of_run["name"], shape):
        raise UserError(
            f"--classifier {classifier.path}: expected one of {of_run['name']} {shape}, as the run has it, found one "
            f"of {classifier.data} {classifier.image_shape}"
        )
    if dataset.images.shape[1:] != shape:
        raise UserError(f"expected pictures of {shape}, as the run has them, got {dataset}")


def require_enough(count, splits):
    """Raise UserError where so many pictures cannot give the scores."""
    if not 1 <= splits <= count:
        raise UserError(f"--splits {splits}: expected 1 to {count}, the number of pictures")
    if count <= FEATURES:
        raise UserError(
            f"--count {count}: expected more than {FEATURES}, or the covariance of {FEATURES} features has no full rank"
        )
