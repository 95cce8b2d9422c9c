"""Training of the classifier that samples are scored with."""

from typing import TYPE_CHECKING, Any

from minigan import plots
from minigan.backend import Array
from minigan.data import Dataset, load
from minigan.data.dataset import choose
from minigan.errors import UserError
from minigan.foreign import printable
from minigan.inference.classifier import build_classifier, classify
from minigan.losses import softmax_cross_entropy
from minigan.optim import Adam
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training.metrics import ClassifierMetrics
from minigan.training.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ClassifierTrainer(Trainer):
    """A classifier, its optimizer, and labelled images; after each epoch its accuracy on the test split is measured.

    The learning rate falls linearly, epoch by epoch, from config.lr to a tenth of it in the last one.
    Raises UserError for a data set without classes, and if its test split has other classes or another image shape.
    """

    def __init__(self, config: Config, dataset: Dataset, graph: bool = True) -> None:
        if len(dataset.class_names) < 2:
            raise UserError(f"classifier: expected images of several classes, {dataset.name} has no classes")
        super().__init__(config, dataset, graph, labels=dataset.labels)
        self.test = load(config.data, config.root, split="test", **config.data_options())
        for name, train, test in (
            ("images of shape", dataset.images.shape[1:], self.test.images.shape[1:]),
            ("the classes", dataset.class_names, self.test.class_names),
        ):
            if test != train:
                raise UserError(
                    f"{self.test.name}: expected {name} {printable(train)} in the test split, as in the training "
                    f"split, got {printable(test)}"
                )
        self.classifier = build_classifier(config, self.dataset_metadata(), self.random)
        self.optimizer = Adam(self.classifier.parameters(), config.lr, config.betas)
        self.metrics = ClassifierMetrics()

    @property
    def state(self) -> dict[str, Any]:
        return {"classifier": self.classifier, "optimizer": self.optimizer}

    def step(self) -> None:
        epoch = self.step_count // self.steps_per_epoch
        lr = self.config.lr * (1 - 0.9 * epoch / max(1, self.config.epochs - 1))
        if lr != self.optimizer.lr:
            self.optimizer.lr = lr
        super().step()

    def device_step(self) -> None:
        images, labels = self.batches.next()
        assert labels is not None
        logits, cache = self.classifier.forward(images)
        loss, d_logits = softmax_cross_entropy(logits, labels)
        self.optimizer.zero_grad()
        self.classifier.backward(d_logits, cache, input_grad=False)
        self.optimizer.step()
        self.metrics.add(loss, (logits.argmax(axis=1) == labels).mean())

    def progress(self, row: dict[str, float]) -> str:
        return f" loss {row['loss']:.3f} accuracy {row['accuracy']:.3f} {row['images_per_second']:.0f} images/s"

    def real_grid(self) -> Array:
        return plots.image_grid(choose(self.dataset.images, 64, self.config.seed))

    def end_epoch(self, folder: RunFolder, epoch: int) -> dict[str, float]:
        """Print and return the accuracy on images that the classifier was not trained on."""
        probabilities, _ = classify(self.classifier, self.test.images, self.dtype)
        accuracy = float((probabilities.argmax(axis=1) == self.test.labels).mean())
        print(f"epoch {epoch}: accuracy {accuracy:.2%} on the {len(self.test)} test images")
        return {"test_accuracy": accuracy}

    def figure(self, folder: RunFolder) -> "Figure":
        return plots.classifier_curves(folder.read_metrics(), folder.read_scores())
