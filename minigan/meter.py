"""What is shown while a run goes on: losses, D(x), D(G(z)), accuracies."""

import numpy as np

from minigan import ops
from minigan.backend import to_numpy, xp


class Meter:
    """Running sums of what is shown, kept on the device until they are read."""

    names = ("loss_d", "loss_g", "d_x", "d_g_z", "accuracy_real", "accuracy_fake")

    def __init__(self, objective):
        self.objective = objective
        self.loss_d, self.loss_g, self.scores = xp.zeros(()), xp.zeros(()), xp.zeros(4)
        self.steps = self.batches = 0

    def watch(self, real_outputs, fake_outputs):
        """The discriminator's outputs on a real and a fake batch, as discriminator_step hands them over."""
        ops.add_score_means(self.scores, real_outputs, fake_outputs, self.objective.logistic, self.objective.threshold)

    def add(self, loss_d, loss_g):
        self.loss_d += loss_d
        self.loss_g += loss_g

    def count(self, batches):
        """One more step, of so many discriminator batches; apart from the sums, which a CUDA graph may make."""
        self.steps += 1
        self.batches += batches

    def reset(self):
        for total in (self.loss_d, self.loss_g, self.scores):
            total.fill(0)  # in place: a CUDA graph adds to these very arrays
        self.steps = self.batches = 0

    def read(self):
        """Means since the last reading, as floats; the only place where a step's numbers reach the host."""
        losses = np.array([to_numpy(self.loss_d), to_numpy(self.loss_g)]) / self.steps
        sums = np.concatenate([losses, to_numpy(self.scores) / self.batches])
        self.reset()
        return dict(zip(self.names, sums.tolist(), strict=True))
