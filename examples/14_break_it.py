"""Break it: seven famous mistakes in GAN training, the samples that each produces, and what minigan diagnose says.

You will see eight short runs of a DCGAN on digits: a correct one, and seven with one mistake each, of a line or two.
Look at the samples first and guess; the finding of `minigan diagnose` is in the title. It reads only the numbers that a
run leaves behind, so it names the symptom, not the mistake, and some mistakes have no symptom there.

    python examples/14_break_it.py                  writes break_it.png
"""

import argparse
import os
import tempfile

import numpy as np

import minigan as mg
from minigan.evaluation.diagnosis import diagnose
from minigan.evaluation.history import RunHistory
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training.gan import GanTrainer


def no_mistake(trainer):
    """As it should be."""


def no_detach(trainer):
    """The discriminator's gradient continues into the generator, and stays there when the generator's own is added."""
    g, d, n, objective = trainer.generator, trainer.discriminator, trainer.config.batch_size, trainer.objective

    def device_step():
        real, _ = trainer.batches.next()
        fake, fake_cache = g.forward(trainer._noise(n))
        logits, cache = d.forward(mg.gan.concatenate(real, fake), groups=2)  # (2n, 1)
        loss_d, d_real, d_fake = objective.discriminator(logits[:n], logits[n:])
        trainer.discriminator_optimizer.zero_grad()
        d_images = d.backward(mg.gan.concatenate(d_real, d_fake), cache)
        trainer.discriminator_optimizer.step()
        trainer.generator_optimizer.zero_grad()
        g.backward(d_images[n:], fake_cache)  # the mistake: down this gradient, fakes become easier to recognize
        trainer.metrics.add_logits(logits[:n], logits[n:])
        trainer.metrics.add_loss_d(loss_d)
        fake, fake_cache = g.forward(trainer._noise(n))
        logits, cache = d.forward(fake)
        loss_g, d_logits = objective.generator(logits)
        g.backward(d.backward(d_logits, cache, param_grads=False), fake_cache)  # added to the wrong gradient
        trainer.generator_optimizer.step()
        trainer.metrics.add_loss_g(loss_g)

    trainer.run_device_step = device_step


def stale_gradients(trainer):
    """The gradients are never cleared: each step follows the sum of all gradients so far."""
    trainer.generator_optimizer.zero_grad = trainer.discriminator_optimizer.zero_grad = lambda: None


def evaluation_mode(trainer):
    """The generator is left in evaluation mode: batch normalization uses running statistics that are never updated."""
    forward = trainer.generator.forward
    trainer.generator.forward = lambda z, train=True, groups=1: forward(z, train=False)


def wrong_labels(trainer):
    """The discriminator learns to call real images fake and fakes real; the generator still wants to be called real."""
    correct = trainer.objective.discriminator

    def swapped(real, fake):
        loss, d_fake, d_real = correct(fake, real)
        return loss, d_real, d_fake

    trainer.objective.discriminator = swapped


def learning_rate(trainer):
    """The learning rates are a thousand times too large."""
    trainer.generator_optimizer.lr, trainer.discriminator_optimizer.lr = 2.0, 1.0


def wrong_range(trainer):
    """Real images are scaled to [0, 1], but the generator's tanh to [−1, 1]: black is 0 in one, −1 in the other."""
    trainer.batches.scale, trainer.batches.offset = 1 / 255, 0


def unshuffled(trainer):
    """The data is sorted by class: each batch contains a single digit, the same one for twenty batches."""

    def next_batch():
        rows = np.flatnonzero(trainer.dataset.labels == trainer.step_count // 20 % 10)[: trainer.config.batch_size]
        return mg.data.to_float(trainer.dataset.images[rows]), None

    trainer.batches.next = next_batch


MISTAKES = (no_detach, stale_gradients, evaluation_mode, wrong_labels, learning_rate, wrong_range, unshuffled)


def run_with(mistake, config, dataset):
    """(finding, explanation, 36 samples) of a run with this mistake."""
    trainer = GanTrainer(config, dataset, graph=False)  # on a GPU, no CUDA graph: some mistakes are made on the host
    mistake(trainer)
    with tempfile.TemporaryDirectory() as folder:
        try:
            mg.training.train(trainer, RunFolder.create(folder))
            finding = diagnose(RunHistory(folder))[0]
            return finding.name, finding.words, trainer.samples(36)
        except mg.training.Diverged as error:
            return "diverged", str(error), trainer.samples(36)


def main(out, epochs):
    os.environ["TQDM_DISABLE"] = "1"  # no progress bars between the findings
    settings = {"batch_size": 16, "width": 8, "lr": 2e-3, "discriminator_lr": 1e-3}
    log_every = min(10, 2 * epochs)  # diagnose needs 20 rows, of a short run too
    config = Config.of_run(data="digits", epochs=epochs, log_every=log_every, **settings)
    dataset, panels = mg.data.load("digits", count=704), {}
    for mistake in (no_mistake, *MISTAKES):
        name = mistake.__name__.replace("_", " ")
        finding, explanation, samples = run_with(mistake, config, dataset)
        print(f"\n{name}: {mistake.__doc__}\n    {explanation}", flush=True)
        panels[f"{name}\n→ {finding}"] = samples
    plot(out, panels)
    print(f"\nThe networks, the data and the number of steps are the same in all runs. See {out}")


def plot(out, panels):
    figure = mg.plots.new_figure(15, 8.4)
    for axes, (title, samples) in zip(figure.subplots(2, 4).flat, panels.items(), strict=True):
        axes.imshow(mg.plots.image_grid(samples).squeeze(), cmap="gray")
        axes.set_title(title, fontsize=11)
        axes.axis("off")
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="break_it.png", help="the image to write")
    parser.add_argument("--epochs", type=int, default=5, help="of each run (default 5)")
    main(**vars(parser.parse_args()))
