"""A run of one network that learns to name the class: the judge of the others."""

import numpy as np

from minigan import backend, plots
from minigan.backend import to_numpy, xp
from minigan.data import load
from minigan.errors import UserError
from minigan.losses import softmax_cross_entropy
from minigan.models import MODELS, build
from minigan.optim import Adam
from minigan.trainers.base import BaseTrainer


class ClassifierTrainer(BaseTrainer):
    """A classifier, its optimizer, and labelled pictures; the test split is looked at after each epoch.

    The learning rate falls in a straight line, epoch by epoch, from config.lr to a tenth of it in the last one.
    """

    def __init__(self, config, dataset, graph=True):
        if len(dataset.class_names) < 2:
            raise UserError(f"classifier: expected pictures of several classes, {dataset.name} has no classes")
        super().__init__(config, dataset, graph, labels=dataset.labels)
        self.test = load(config.data, config.root, split="test")
        backend.seed(config.seed)
        self.classifier = build_classifier(config, self.dataset_facts())
        self.optimizer = Adam(self.classifier.parameters(), config.lr, config.betas)
        self.meter = ClassifierMeter()

    @property
    def parts(self):
        return {"classifier": self.classifier, "optimizer": self.optimizer}

    def step(self):
        epoch = self.step_count // self.steps_per_epoch
        rate = self.config.lr * (1 - 0.9 * epoch / max(1, self.config.epochs - 1))
        if rate != self.optimizer.lr:
            self.optimizer.lr = rate
        super().step()

    def device_step(self):
        images, labels = self.batches.next()
        logits, cache = self.classifier.forward(images)
        loss, d_logits = softmax_cross_entropy(logits, labels)
        self.optimizer.zero_grad()
        self.classifier.backward(d_logits, cache, input_grad=False)
        self.optimizer.step()
        self.meter.add(loss, (logits.argmax(axis=1) == labels).mean())

    def read(self):
        return self.meter.read()

    def shown(self, row):
        return f" loss {row['loss']:.3f} accuracy {row['accuracy']:.3f} {row['images_per_second']:.0f} images/s"

    def real_grid(self):
        return plots.image_grid(self.dataset.images[:64])

    def end_epoch(self, folder, epoch):
        """The accuracy on pictures that it was not trained on."""
        probabilities, _ = classify(self.classifier, self.test.images, self.dtype)
        accuracy = float((probabilities.argmax(axis=1) == self.test.labels).mean())
        print(f"epoch {epoch}: accuracy {accuracy:.2%} on the {len(self.test)} test pictures")
        return {"test_accuracy": accuracy}

    def figure(self, folder):
        return plots.classifier_curves(folder.read_metrics(), folder.read_scores())


class ClassifierMeter:
    """Running sums of loss and accuracy, kept on the device until they are read."""

    def __init__(self):
        self.totals, self.steps = xp.zeros(2), 0

    def add(self, loss, accuracy):
        self.totals += xp.stack([loss.astype("float64"), accuracy.astype("float64")])

    def count(self, batches):
        self.steps += 1

    def read(self):
        """Means since the last reading, as floats."""
        loss, accuracy = (to_numpy(self.totals) / self.steps).tolist()
        self.totals.fill(0)
        self.steps = 0
        return {"loss": loss, "accuracy": accuracy}


def build_classifier(config, facts):
    """The classifier for the pictures of `facts` (image_shape, class_names), in the run's precision."""
    classes = len(facts["class_names"])
    network = build("classifier", facts["image_shape"], classes, config.latent_dim, config.width)
    return network.astype(backend.PRECISIONS[config.precision])


def classify(classifier, images, dtype=np.float32, batch_size=250):
    """(probabilities (N, classes), features (N, 128)) of uint8 pictures (N, H, W, C), on the host; evaluation mode."""
    features_network, head = classifier.layers
    low, high = MODELS["classifier"].pixel_range
    probabilities, features = [], []
    for i in range(0, len(images), batch_size):
        x = backend.asarray(images[i : i + batch_size]).astype(dtype) * ((high - low) / 255) + low
        feature, _ = features_network.forward(x, train=False)
        logits, _ = head.forward(feature, train=False)
        features.append(to_numpy(feature))
        probabilities.append(_softmax(to_numpy(logits).astype(np.float64)))
    return np.concatenate(probabilities), np.concatenate(features)


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
