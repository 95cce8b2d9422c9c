"""The metrics logged during training: losses, D(x), D(G(z)), accuracies."""

import numpy as np

from minigan import ops
from minigan.backend import Array, to_numpy, xp
from minigan.losses import Objective


class GanMetrics:
    """Running sums of the logged numbers, kept on the device until they are read."""

    names = ("loss_d", "loss_g", "d_x", "d_g_z", "accuracy_real", "accuracy_fake")

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.loss_d, self.loss_g = xp.zeros(()), xp.zeros(())
        self.outputs = xp.zeros(4)  # sums of D(x), D(G(z)), accuracy on real and on generated images
        self.steps = self.batches = 0

    def add_logits(self, real_logits: Array, fake_logits: Array) -> None:
        """Add the discriminator's logits (N, 1) for a real and a generated batch: a callback of discriminator_step."""
        ops.add_discriminator_metrics(
            self.outputs, real_logits, fake_logits, self.objective.logistic, self.objective.threshold
        )

    def add_losses(self, loss_d: Array, loss_g: Array) -> None:
        """Add the two losses of a step."""
        self.loss_d += loss_d
        self.loss_g += loss_g

    def count(self, batches: int) -> None:
        """Count one more step of `batches` discriminator batches; apart from the sums, which a CUDA graph may add."""
        self.steps += 1
        self.batches += batches

    def reset(self) -> None:
        """Set all sums to zero, in place: a CUDA graph adds to these very arrays."""
        for total in (self.loss_d, self.loss_g, self.outputs):
            total.fill(0)
        self.steps = self.batches = 0

    def read(self) -> dict[str, float]:
        """Return the means since the last reading, and reset; only here do a step's numbers reach the host."""
        losses = np.array([to_numpy(self.loss_d), to_numpy(self.loss_g)]) / self.steps
        means = np.concatenate([losses, to_numpy(self.outputs) / self.batches])
        self.reset()
        return dict(zip(self.names, means.tolist(), strict=True))


class ClassifierMetrics:
    """Running sums of a classifier's loss and accuracy, kept on the device until they are read."""

    def __init__(self) -> None:
        self.totals = xp.zeros(2)
        self.steps = 0

    def add(self, loss: Array, accuracy: Array) -> None:
        """Add the loss and the accuracy of a step."""
        self.totals += xp.stack([loss.astype("float64"), accuracy.astype("float64")])

    def count(self, batches: int) -> None:
        """Count one more step."""
        self.steps += 1

    def read(self) -> dict[str, float]:
        """Return the means since the last reading, and reset."""
        loss, accuracy = (to_numpy(self.totals) / self.steps).tolist()
        self.totals.fill(0)
        self.steps = 0
        return {"loss": loss, "accuracy": accuracy}
