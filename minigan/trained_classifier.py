"""A classifier that has been trained: the network whose probabilities and features the scores are computed from."""

import hashlib
from pathlib import Path

from minigan.config import Config
from minigan.errors import UserError
from minigan.run_folder import RunFolder
from minigan.trainers import build_classifier, classify


class TrainedClassifier:
    """The newest checkpoint of a classifier's run.

    data: the data set it was trained on; class_names; sha256: of its arrays, so that scores say which network they are
    of; accuracy: on the test pictures, after its last epoch (None before the first).
    Raises UserError where `path` is not the run of a classifier.
    """

    def __init__(self, path):
        folder = RunFolder.open(path)
        if folder.read_config().get("model") != "classifier":
            raise UserError(
                f"{path}: expected the run of a classifier, found one of {folder.read_config().get('model')}"
            )
        saved = folder.latest_checkpoint()
        self.path, self.step = Path(path), saved.step
        self.config = Config.from_dict(saved.config)
        self.data = saved.config["dataset"]["name"]
        self.image_shape = tuple(saved.config["dataset"]["image_shape"])
        self.class_names = tuple(saved.config["dataset"]["class_names"])
        self.network = build_classifier(self.config, saved.config["dataset"])
        saved.restore(classifier=self.network)
        self.sha256 = _sha256(saved.part("classifier"))
        accuracies = folder.read_scores().get("test_accuracy", ())
        self.accuracy = float(accuracies[-1]) if len(accuracies) else None

    def __call__(self, images):
        """(probabilities (N, classes), features (N, 128)) of uint8 pictures (N, H, W, C), on the host."""
        return classify(self.network, images)

    def describe(self):
        """What a protocol says of the feature network."""
        return {
            "network": "minigan classifier, 128 features before the last layer",
            "trained_on": self.data,
            "step": self.step,
            "test_accuracy": self.accuracy,
            "sha256": self.sha256,
        }


def find_classifier(data, *places):
    """The newest run of a classifier for the data set of that name, in the folders `places`.

    Raises UserError, saying how to make one, where there is none.
    """
    found = []
    for place in places:
        for config_path in Path(place).glob("*/config.json"):
            folder = RunFolder(config_path.parent)
            config = folder.read_config()
            if config.get("model") == "classifier" and config.get("data") == data and folder.checkpoint_paths():
                found.append((folder.checkpoint_paths()[-1].stat().st_mtime, folder.path))
    if not found:
        raise UserError(
            f"expected a trained classifier of {data}, found none in {' or '.join(map(str, dict.fromkeys(places)))}: "
            f"train one, minigan train --model classifier --data {data}, or name its run, --classifier RUN"
        )
    return TrainedClassifier(max(found)[1])


def _sha256(arrays):
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()
