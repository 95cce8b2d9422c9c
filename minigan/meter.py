"""What is shown while a run goes on: losses, D(x), D(G(z)), accuracies."""

import numpy as np

from minigan.backend import to_numpy, xp


class Meter:
    """Running sums of what is shown, kept on the device until they are read."""

    names = ("loss_d", "loss_g", "d_x", "d_g_z", "accuracy_real", "accuracy_fake")

    def __init__(self, objective):
        self.objective = objective
        self.reset()

    def reset(self):
        self.losses, self.steps = xp.zeros(2), 0
        self.scores, self.batches = xp.zeros(4), 0

    def watch(self, real_outputs, fake_outputs):
        """The discriminator's outputs on a real and a fake batch, as discriminator_step hands them over."""
        real, fake = self.objective.score(real_outputs), self.objective.score(fake_outputs)
        right_on_real = (real > self.objective.threshold).astype(real.dtype)
        right_on_fake = (fake <= self.objective.threshold).astype(fake.dtype)
        self.scores += xp.stack([a.mean() for a in (real, fake, right_on_real, right_on_fake)])
        self.batches += 1

    def add(self, loss_d, loss_g):
        self.losses += xp.stack([loss_d, loss_g])
        self.steps += 1

    def read(self):
        """Means since the last reading, as floats; the only place where a step's numbers reach the host."""
        sums = np.concatenate([to_numpy(self.losses) / self.steps, to_numpy(self.scores) / self.batches])
        self.reset()
        return dict(zip(self.names, sums.tolist(), strict=True))
