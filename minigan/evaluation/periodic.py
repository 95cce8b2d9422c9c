"""Evaluation while a run is trained: every few epochs, with the scoring classifier that the run names."""

from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.data import Dataset
from minigan.data.dataset import choose
from minigan.errors import UserError
from minigan.evaluation.scores import compute_scores, reference_statistics, require_enough
from minigan.inference.classifier import ScoringClassifier
from minigan.runs.config import Config

SPLITS = 10  # of the Inception Score


class PeriodicEvaluation:
    """The scores of a run while it is trained, on samples of noise that only the run's seed determines.

    config: with classifier, the run of the scoring classifier, evaluate_every and evaluate_count; dataset: the training
    split. Raises UserError if the classifier was trained on another data set, or for too few samples.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        if config.classifier is None or config.evaluate_every is None:
            raise UserError("--evaluate-every and --classifier RUN: expected both, or neither")
        self.every, self.count, self.seed = config.evaluate_every, config.evaluate_count, config.seed
        self.classifier = classifier = find_matching_classifier(config.classifier, dataset)
        require_enough(self.count, SPLITS)
        self.reference = reference_statistics(classifier, choose(dataset.images, 10 * self.count, self.seed))

    def end_epoch(
        self, trainer: Any, epoch: int, earlier: dict[str, npt.NDArray[Any]]
    ) -> tuple[dict[str, float], bool]:
        """(the scores of a GanTrainer's samples, whether their Fréchet distance is the lowest so far).

        Nothing is scored in most epochs: ({}, False). earlier: scores.csv as {column: values}.
        """
        if epoch % self.every:
            return {}, False
        labels = np.arange(self.count) % len(self.classifier.class_names) if trainer.model.conditional else None
        samples = trainer.generate([self.seed, 3], self.count, labels)
        found = compute_scores(self.classifier, samples, self.reference, SPLITS, self.seed, labels)
        row = {"classifier_is": found["classifier_is"]["mean"]} | {
            name: found[name] for name in ("classifier_fd", "mode_coverage", "class_accuracy") if name in found
        }
        distances = earlier.get("classifier_fd", np.array([]))  # NaN for an epoch without scores
        return row, not (distances <= row["classifier_fd"]).any()


def find_matching_classifier(path: str, dataset: Dataset) -> ScoringClassifier:
    """The classifier in the run `path`. Raises UserError if it was trained on other images than the data set's."""
    classifier = ScoringClassifier(path)
    if (classifier.data, classifier.image_shape) != (dataset.name, dataset.images.shape[1:]):
        raise UserError(
            f"--classifier {classifier.path}: expected one for {dataset.name}, found one for {classifier.data}"
        )
    return classifier
