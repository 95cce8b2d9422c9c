"""Break it: seven famous mistakes in a GAN's training, each with the pictures it makes and what minigan diagnose says.

You will see eight small runs of a DCGAN on digits: one as it should be, and seven with one mistake in them, each of a
line or two. Look at the pictures first and guess; the verdict of `minigan diagnose` is above them. It reads nothing but
the numbers that a run leaves behind: it names the symptom, not the mistake, and some mistakes have no symptom there.

    python examples/14_break_it.py                  writes break_it.png
"""

import argparse
import os
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


def no_mistake(trainer):
    """As it should be."""


def no_detach(trainer):
    """The discriminator's gradient flows on into the generator, and is still there when its own is added."""
    g, d, n, objective = trainer.generator, trainer.discriminator, trainer.config.batch_size, trainer.objective

    def device_step():
        real, _ = trainer.batches.next()
        fake, fake_cache = g.forward(trainer._noise(n))
        scores, cache = d.forward(mg.gan.side_by_side(real, fake), train=2)
        loss_d, d_real, d_fake = objective.discriminator(scores[:n], scores[n:])
        trainer.discriminator_optimizer.zero_grad()
        d_pictures = d.backward(mg.gan.side_by_side(d_real, d_fake), cache)
        trainer.discriminator_optimizer.step()
        trainer.generator_optimizer.zero_grad()
        g.backward(d_pictures[n:], fake_cache)  # the mistake: along this gradient fakes are easier to find out
        trainer.meter.watch(scores[:n], scores[n:])

        fake, fake_cache = g.forward(trainer._noise(n))
        scores, cache = d.forward(fake)
        loss_g, d_scores = objective.generator(scores)
        g.backward(d.backward(d_scores, cache, param_grads=False), fake_cache)  # added to what is there
        trainer.generator_optimizer.step()
        trainer.meter.add(loss_d, loss_g)

    trainer.run_device_step = device_step


def stale_gradients(trainer):
    """Nobody clears the gradients: each step goes along the sum of all gradients so far."""
    trainer.generator_optimizer.zero_grad = trainer.discriminator_optimizer.zero_grad = lambda: None


def evaluation_mode(trainer):
    """The generator is left in evaluation mode: batch normalization goes by statistics that nobody updates."""
    forward = trainer.generator.forward
    trainer.generator.forward = lambda z, train=True: forward(z, train=False)


def wrong_labels(trainer):
    """Real pictures are called fake, and fakes real; the generator goes on wanting to be called real."""
    right = trainer.objective.discriminator

    def swapped(real, fake):
        loss, d_fake, d_real = right(fake, real)
        return loss, d_real, d_fake

    trainer.objective.discriminator = swapped


def learning_rate(trainer):
    """A rate a thousand times too large."""
    trainer.generator_optimizer.lr, trainer.discriminator_optimizer.lr = 2.0, 1.0


def wrong_range(trainer):
    """Real pictures in [0, 1], where the generator's tanh makes [−1, 1]: black is 0 here and −1 there."""
    images, config, steps = trainer.dataset.images, trainer.config, trainer.steps_per_epoch
    trainer.batches = Batches(images, None, config.batch_size, steps, config.seed, trainer.dtype, pixel_range=(0, 1))


def unshuffled(trainer):
    """The data comes sorted: every batch shows one digit only, twenty batches the same."""
    dataset = trainer.dataset

    def next_batch():
        rows = np.flatnonzero(dataset.labels == trainer.step_count // 20 % 10)[: trainer.config.batch_size]
        return asarray(dataset.images[rows].astype("float32") / 127.5 - 1), None

    trainer.batches.next = next_batch


GAMES = (no_mistake, no_detach, stale_gradients, evaluation_mode, wrong_labels, learning_rate, wrong_range, unshuffled)


def main(out, epochs):
    config = Config.of_run(data="digits", epochs=epochs, batch_size=16, width=8, lr=2e-3, discriminator_lr=1e-3)
    dataset = mg.data.load("digits", count=704)
    figure, axes = plt.subplots(2, 4, figsize=(15, 8.4), layout="constrained")
    for ax, break_it in zip(axes.flat, GAMES, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder.create(Path(folder) / "run")
            trainer = GanTrainer(config, dataset, False)  # on a GPU, no CUDA graph: some mistakes are on the host
            break_it(trainer)
            try:
                mg.training.train(trainer, run)
                finding = diagnose(RecordedGame(run.path))[0]
                verdict, words = finding.name, finding.words
            except mg.training.Diverged as error:
                verdict, words = "diverged", str(error)
        name = break_it.__name__.replace("_", " ")
        print(f"\n{name}: {break_it.__doc__}\n    {verdict.upper()}: {words}", flush=True)
        ax.imshow(image_grid(trainer.samples(36)).squeeze(), cmap="gray")
        ax.set_title(f"{name}\n→ {verdict}", fontsize=11)
        ax.axis("off")
    figure.savefig(out, dpi=90)
    print(f"\nSame networks, same data, same number of steps. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="break_it.png")
    parser.add_argument("--epochs", type=int, default=5)
    main(**vars(parser.parse_args()))
