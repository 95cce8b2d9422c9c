"""The scoring classifier: a trained network whose probabilities and features the scores are computed from."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.backend import PRECISIONS, to_numpy
from minigan.data.scaling import to_float
from minigan.errors import UserError
from minigan.layers import Sequential
from minigan.models import FEATURES, MODELS, build
from minigan.random import RandomStream
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.runs.search import find_runs, settings_of

Predictions = tuple[npt.NDArray[Any], npt.NDArray[Any]]  # probabilities (N, classes) and features (N, FEATURES)


class ScoringClassifier:
    """The newest checkpoint of a classifier's run.

    data: the data set it was trained on; class_names; sha256: of its arrays, so that scores can name the network they
    come from; accuracy: on the test images, after its last epoch (None before the first).
    Raises UserError if `path` is not the run of a classifier.
    """

    def __init__(self, path: str | Path) -> None:
        folder = RunFolder.open(path)
        if not _is_classifier(folder.read_config()):
            raise UserError(
                f"{path}: expected the run of a classifier, found a run of {folder.read_config().get('model')}"
            )
        saved = folder.latest_checkpoint()
        self.path, self.step = Path(path), saved.step
        self.config = Config.from_dict(saved.config)
        self.data: str = saved.config["dataset"]["name"]
        self.image_shape = tuple(saved.config["dataset"]["image_shape"])
        self.class_names = tuple(saved.config["dataset"]["class_names"])
        with saved.initial_stream() as stream:
            self.network = build_classifier(self.config, saved.config["dataset"], stream)
        saved.restore(classifier=self.network)
        self.sha256 = _sha256(saved.state("classifier"))
        accuracies = folder.read_scores().get("test_accuracy", np.zeros(0))
        self.accuracy = float(accuracies[-1]) if len(accuracies) else None

    def __call__(self, images: Any) -> Predictions:
        """(probabilities (N, classes), features (N, FEATURES)) of uint8 images (N, H, W, C), on the host."""
        return classify(self.network, images)

    def describe(self) -> dict[str, Any]:
        """What the protocol of an evaluation says about the feature network."""
        return {
            "network": f"minigan classifier, {FEATURES} features before the last layer",
            "trained_on": self.data,
            "step": self.step,
            "test_accuracy": self.accuracy,
            "sha256": self.sha256,
        }


def find_classifier(data: str, *folders: str | Path) -> ScoringClassifier:
    """The newest run of a classifier that was trained on the data set `data`, searched for in `folders`.

    Raises UserError, with the command that trains one, if there is none.
    """
    found = []
    for folder in folders:
        for path in find_runs(folder):
            run, config = RunFolder(path), settings_of(path)
            if config is not None and _is_classifier(config) and config["data"] == data and run.checkpoint_paths():
                found.append((run.checkpoint_paths()[-1].stat().st_mtime, run.path))
    if not found:
        raise UserError(
            f"expected a trained classifier of {data}, found none in {' or '.join(map(str, dict.fromkeys(folders)))}: "
            f"train one, minigan train --model classifier --data {data}, or name its run, --classifier RUN"
        )
    return ScoringClassifier(max(found)[1])


def build_classifier(config: Config, dataset: Mapping[str, Any], random: RandomStream | None = None) -> Sequential:
    """The classifier of a run, in its precision.

    dataset: the run's metadata of its data set, with image_shape (H, W, C) and class_names; random: the stream that the
    initial weights and dropout masks are drawn from.
    """
    classes = len(dataset["class_names"])
    network = build(config.model, dataset["image_shape"], classes, config.latent_dim, config.width, random)
    return network.astype(PRECISIONS[config.precision])


def classify(
    classifier: Sequential, images: Any, dtype: npt.DTypeLike = np.float32, batch_size: int = 250
) -> Predictions:
    """(probabilities (N, classes), features (N, FEATURES)) of uint8 images (N, H, W, C), in evaluation mode."""
    feature_network, head = classifier.layers
    probabilities, features = [], []
    for i in range(0, len(images), batch_size):
        x = to_float(images[i : i + batch_size], MODELS["classifier"].pixel_range, dtype)
        feature, _ = feature_network.forward(x, train=False)
        logits, _ = head.forward(feature, train=False)
        features.append(to_numpy(feature))
        probabilities.append(_softmax(to_numpy(logits).astype(np.float64)))
    return np.concatenate(probabilities), np.concatenate(features)


def _is_classifier(config: Mapping[str, Any]) -> bool:
    model = MODELS.get(config.get("model", ""))
    return model is not None and model.classifier


def _softmax(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _sha256(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()
