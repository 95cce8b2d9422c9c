"""Break it: seven famous mistakes in a GAN's training, each with the pictures it makes and what minigan diagnose says.

You will see eight small runs of a DCGAN on digits: one as it should be, and seven with one mistake in them, each of a
line or two. Look at the pictures first and guess; the verdict of `minigan diagnose` is above them. It reads nothing but
the numbers that a run leaves behind: it names the symptom, not the mistake, and some mistakes have no symptom there.

    python examples/14_break_it.py                  writes break_it.png
"""

import argparse
import os
import re
import tempfile
from pathlib import Path

import matplotlib

os.environ.setdefault("TQDM_DISABLE", "1")  # no progress bars: the verdicts are what to read
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray
from minigan.config import Config
from minigan.data.batches import Batches
from minigan.diagnosis import diagnose
from minigan.plots import image_grid
from minigan.recorded_game import RecordedGame
from minigan.run_folder import RunFolder
from minigan.trainers import GanTrainer


class NoDetach(GanTrainer):
    """The discriminator's gradient flows on into the generator, and is still there when its own is added."""

    def device_step(self):
        g, d, n = self.generator, self.discriminator, self.config.batch_size
        real, _ = self.batches.next()
        fake, fake_cache = g.forward(self._noise(n))
        scores, cache = d.forward(mg.gan.side_by_side(real, fake), train=2)
        loss_d, d_real, d_fake = self.objective.discriminator(scores[:n], scores[n:])
        self.discriminator_optimizer.zero_grad()
        d_pictures = d.backward(mg.gan.side_by_side(d_real, d_fake), cache)
        self.discriminator_optimizer.step()
        clear, self.generator_optimizer.zero_grad = self.generator_optimizer.zero_grad, lambda: None
        clear()
        g.backward(d_pictures[n:], fake_cache)  # the mistake: make fakes easier to find out
        self.meter.watch(scores[:n], scores[n:])
        self.meter.add(loss_d, mg.gan.generator_step(g, d, self._noise(n), self.objective, self.generator_optimizer))
        self.generator_optimizer.zero_grad = clear


class StaleGradients(GanTrainer):
    """Nobody clears the gradients: each step goes along the sum of all gradients so far."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.generator_optimizer.zero_grad = self.discriminator_optimizer.zero_grad = lambda: None


class EvaluationMode(GanTrainer):
    """The generator is left in evaluation mode: batch normalization goes by statistics that nobody updates."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        forward = self.generator.forward
        self.generator.forward = lambda z, train=True: forward(z, train=False)


class WrongLabels(GanTrainer):
    """Real pictures are called fake, and fakes real; the generator goes on wanting to be called real."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        right = self.objective.discriminator

        def swapped(real, fake):
            loss, d_fake, d_real = right(fake, real)
            return loss, d_real, d_fake

        self.objective.discriminator = swapped


class LearningRate(GanTrainer):
    """A rate a thousand times too large."""

    def __init__(self, config, *others):
        super().__init__(Config.from_dict(config.to_dict() | {"lr": 1.0, "discriminator_lr": 0.5}), *others)


class WrongRange(GanTrainer):
    """Real pictures in [0, 1], where the generator's tanh makes [−1, 1]: black is 0 here and −1 there."""

    def __init__(self, config, dataset, *others):
        super().__init__(config, dataset, *others)
        steps, size = self.steps_per_epoch, config.batch_size
        self.batches = Batches(dataset.images, None, size, steps, config.seed, self.dtype, pixel_range=(0, 1))


class Unshuffled(GanTrainer):
    """The data comes sorted: every batch shows one digit only, twenty batches the same."""

    def __init__(self, config, dataset, *others):
        super().__init__(config, dataset, *others)

        def next_batch():
            rows = np.flatnonzero(dataset.labels == self.step_count // 20 % 10)[: config.batch_size]
            return asarray(dataset.images[rows].astype("float32") / 127.5 - 1), None

        self.batches.next = next_batch


def main(out, epochs):
    config = Config.of_run(data="digits", epochs=epochs, batch_size=32, width=10, lr=1e-3, discriminator_lr=5e-4)
    dataset = mg.data.load("digits", count=1120)
    figure, axes = plt.subplots(2, 4, figsize=(15, 8.4), layout="constrained")
    for ax, kind in zip(axes.flat, (GanTrainer, *GanTrainer.__subclasses__()), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder.create(Path(folder) / "run")
            trainer = kind(config, dataset, False)  # on a GPU, no CUDA graph: some mistakes are made on the host
            try:
                mg.training.train(trainer, run)
                finding = diagnose(RecordedGame(run.path))[0]
                verdict, words = finding.name, finding.words
            except mg.training.Diverged as error:
                verdict, words = "diverged", str(error)
        words_of_name = re.findall("[A-Z][a-z]+", kind.__name__)
        name = "no mistake" if kind is GanTrainer else " ".join(words_of_name).lower()
        print(f"\n{name}: {'' if kind is GanTrainer else kind.__doc__}\n    {verdict.upper()}: {words}")
        ax.imshow(image_grid(trainer.samples(36)).squeeze(), cmap="gray")
        ax.set_title(f"{name}\n→ {verdict}", fontsize=11)
        ax.axis("off")
    figure.savefig(out, dpi=90)
    print(f"\nSame networks, same data, same number of steps. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="break_it.png")
    parser.add_argument("--epochs", type=int, default=8)
    main(**vars(parser.parse_args()))
