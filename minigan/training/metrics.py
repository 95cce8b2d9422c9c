"""The metrics logged during training: losses, D(x), D(G(z)), accuracies."""

import numpy as np

from minigan import ops
from minigan.backend import Array, to_numpy, xp
from minigan.losses import Objective


class GanMetrics:
    """Running sums of the logged numbers, kept on the device until they are read.

    discriminator_steps, generator_steps: how many of each a step of the run has, and so how many losses are added.
    """

    names = ("loss_d", "loss_g", "d_x", "d_g_z", "accuracy_real", "accuracy_fake")

    def __init__(self, objective: Objective, discriminator_steps: int = 1, generator_steps: int = 1) -> None:
        self.objective = objective
        self.discriminator_steps, self.generator_steps = discriminator_steps, generator_steps
        self.loss_d, self.loss_g = xp.zeros(()), xp.zeros(())
        self.outputs = xp.zeros(4)  # sums of D(x), D(G(z)), accuracy on real and on generated images
        self.steps = 0

    def add_logits(self, real_logits: Array, fake_logits: Array) -> None:
        """Add the discriminator's logits (N, 1) for a real and a generated batch: a callback of discriminator_step."""
        ops.add_discriminator_metrics(
            self.outputs, real_logits, fake_logits, self.objective.logistic, self.objective.threshold
        )

    def add_loss_d(self, loss: Array) -> None:
        """Add the loss of a discriminator step."""
        self.loss_d += loss

    def add_loss_g(self, loss: Array) -> None:
        """Add the loss of a generator step."""
        self.loss_g += loss

    def count(self) -> None:
        """Count one more step of the run; apart from the sums, which a CUDA graph may add."""
        self.steps += 1

    def reset(self) -> None:
        """Set all sums to zero, in place: a CUDA graph adds to these very arrays."""
        for total in (self.loss_d, self.loss_g, self.outputs):
            total.fill(0)
        self.steps = 0

    def read(self) -> dict[str, float]:
        """Return the means since the last reading, and reset; only here do a step's numbers reach the host."""
        of_d, of_g = self.steps * self.discriminator_steps, self.steps * self.generator_steps
        losses = np.array([to_numpy(self.loss_d) / of_d, to_numpy(self.loss_g) / of_g])
        means = np.concatenate([losses, to_numpy(self.outputs) / of_d])
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

    def count(self) -> None:
        """Count one more step."""
        self.steps += 1

    def read(self) -> dict[str, float]:
        """Return the means since the last reading, and reset."""
        loss, accuracy = (to_numpy(self.totals) / self.steps).tolist()
        self.totals.fill(0)
        self.steps = 0
        return {"loss": loss, "accuracy": accuracy}
