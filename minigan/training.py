"""The training loop: batches, the two steps, what is shown, what is saved."""

import math
import signal
import sys
import time
from contextlib import contextmanager

import numpy as np

from minigan import __version__, backend, checkpoint, gan, plots
from minigan.backend import to_numpy
from minigan.cuda_graph import GraphStep
from minigan.data.batches import Batches
from minigan.errors import CheckpointError, UserError
from minigan.losses import OBJECTIVES
from minigan.meter import Meter
from minigan.models import dcgan
from minigan.optim import Adam

SAMPLE_COUNT = 64


class Interrupted(Exception):
    """Ctrl-C or SIGTERM came, and the state has been saved."""


class Diverged(Exception):
    """A loss or a weight became NaN or infinite."""

    def __init__(self, step, what, folder):
        good = [path.name for path in folder.checkpoint_paths()]
        kept = f"the last good checkpoint, {good[-1]}, is kept" if good else "no checkpoint had been written yet"
        super().__init__(f"step {step}: {what}; the run has diverged and stops ({kept}). Try a smaller --lr.")


class Trainer:
    """Two networks, their optimizers, and a data set, somewhere in a run.

    `step_count` is the number of generator steps done; with the seed it determines the epoch, the place in
    it, and so the next batch. Together with the random stream's state that is all there is to know.
    graph: on a GPU, replay the step as one CUDA graph.
    """

    def __init__(self, config, dataset, graph=True):
        self.config, self.dataset = config, dataset
        self.dtype = backend.set_precision(config.precision)
        backend.seed(config.seed)
        self.generator, self.discriminator = build_networks(config, dataset.images.shape[1:])
        self.objective = OBJECTIVES[config.objective]()
        self.generator_optimizer = Adam(self.generator.parameters(), config.lr, config.betas)
        self.discriminator_optimizer = Adam(self.discriminator.parameters(), config.lr, config.betas)
        self.meter = Meter(self.objective)
        self.step_count = 0
        self.images_per_step = config.batch_size * config.discriminator_steps
        self.steps_per_epoch = len(dataset.images) // self.images_per_step
        if self.steps_per_epoch == 0:
            raise UserError(
                f"--batch-size {config.batch_size} × --discriminator-steps {config.discriminator_steps}: "
                f"expected at most the {len(dataset.images)} pictures of {dataset.name}"
            )
        self.last_step = config.epochs * self.steps_per_epoch
        if config.max_steps is not None:
            self.last_step = min(self.last_step, config.max_steps)
        per_epoch = self.steps_per_epoch * config.discriminator_steps
        self.batches = Batches(dataset.images, config.batch_size, per_epoch, config.seed, self.dtype)
        self.run_device_step = GraphStep(self.device_step) if graph and not backend.on_cpu else self.device_step

    @property
    def parts(self):
        """What a checkpoint holds, by name."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def step(self):
        """One step of the run: k discriminator steps, each on its own real batch and noise, then one generator step."""
        k = self.config.discriminator_steps
        self.batches.seek(self.step_count * k)
        self.run_device_step()
        self.batches.passed(k)
        self.meter.count(k)
        self.step_count += 1

    def device_step(self):
        """The work of a step, on the device alone: nothing here depends on a Python value that changes."""
        for _ in range(self.config.discriminator_steps):
            loss_d = gan.discriminator_step(
                self.generator,
                self.discriminator,
                self.batches.next(),
                self._noise(),
                self.objective,
                self.discriminator_optimizer,
                watch=self.meter.watch,
            )
        loss_g = gan.generator_step(
            self.generator, self.discriminator, self._noise(), self.objective, self.generator_optimizer
        )
        self.meter.add(loss_d, loss_g)

    def samples(self, count=SAMPLE_COUNT):
        """uint8 pictures from the run's fixed noise, in evaluation mode; no state moves."""
        noise = backend.RandomStream([self.config.seed, 1]).normal((count, self.config.latent_dim), self.dtype)
        return generate(self.generator, noise)

    def _noise(self):
        return backend.random.normal((self.config.batch_size, self.config.latent_dim), self.dtype)

    def dataset_facts(self):
        """What config.json and checkpoints say of the data."""
        return {
            "name": self.dataset.name,
            "split": self.dataset.split,
            "pictures": len(self.dataset.images),
            "image_shape": list(self.dataset.images.shape[1:]),
            "source": self.dataset.source,
        }

    def save(self, folder):
        """A checkpoint of this very step. Raises Diverged, and writes nothing, where a weight is not finite."""
        try:
            checkpoint.save(
                folder.checkpoint_path(self.step_count),
                self.parts,
                self.config.to_dict() | {"dataset": self.dataset_facts()},
                self.step_count,
                backend.random.state(),
            )
        except FloatingPointError as error:
            raise Diverged(self.step_count, str(error), folder) from None
        folder.keep_newest(self.config.keep, self.step_count)

    def load(self, saved):
        """Go on from a checkpoint. Raises CheckpointError where it is of another architecture."""
        facts, saved_facts = self.dataset_facts(), saved.config.get("dataset", {})
        for name in ("name", "pictures", "image_shape"):
            if saved_facts.get(name) != facts[name]:
                raise CheckpointError(
                    f"{saved.path}: was made with data of {name} {saved_facts.get(name)}, "
                    f"but {self.dataset.source} has {facts[name]}"
                )
        saved.restore(**self.parts)
        backend.random.restore(saved.random_state)
        self.step_count = saved.step


def build_networks(config, image_shape):
    """(generator, discriminator) for pictures of `image_shape` (H, W, C), in the run's precision."""
    height, width, channels = image_shape
    if height != width:
        raise UserError(f"expected square pictures, got {height}×{width}; crop them first")
    networks = dcgan(height, channels, config.latent_dim, config.width)
    return tuple(network.astype(backend.PRECISIONS[config.precision]) for network in networks)


def generate(generator, noise, batch_size=128):
    """uint8 pictures (N, H, W, C) of `noise` (N, latent_dim), on the host; evaluation mode."""
    batches = [
        to_numpy(generator.forward(noise[i : i + batch_size], train=False)[0]) for i in range(0, len(noise), batch_size)
    ]
    return plots.to_uint8(np.concatenate(batches))


def train(trainer, folder, resume_from=None):
    """Train to the end of the run, or until it is interrupted.

    folder: a RunFolder; resume_from: a Checkpoint, or None for a new run. Raises Diverged for a loss that is
    NaN or infinite, Interrupted after Ctrl-C or SIGTERM, when the state has been saved.
    """
    if resume_from is not None:
        trainer.load(resume_from)
        if trainer.step_count >= trainer.last_step:
            return
    # Where a run diverges, one message says so (Diverged), not a page of overflow warnings.
    with folder.locked(), _interruptible() as interrupted, np.errstate(all="ignore"):
        folder.remove_leftovers()
        folder.forget_metrics_after(trainer.step_count)
        versions = {"minigan": __version__, "backend": backend.name, "model": "dcgan"}
        folder.write_config(trainer.config.to_dict() | versions | {"dataset": trainer.dataset_facts()})
        if not (folder.samples / "real.png").exists():
            plots.save_image(folder.samples / "real.png", plots.image_grid(trainer.dataset.images[:SAMPLE_COUNT]))
        while trainer.step_count < trainer.last_step and not interrupted():
            _train_epoch(trainer, folder, interrupted)
        metrics = folder.read_metrics()
        if len(metrics["step"]):
            plots.save_figure(folder.path / "curves.png", plots.training_curves(metrics, trainer.objective))
        if interrupted():
            raise Interrupted


def _train_epoch(trainer, folder, interrupted):
    """From where the trainer stands to the end of the epoch, of the run, or of the user's patience."""
    from tqdm import tqdm

    config, length = trainer.config, trainer.steps_per_epoch
    epoch, done = divmod(trainer.step_count, length)
    last = min((epoch + 1) * length, trainer.last_step)
    clock, clocked = time.perf_counter(), trainer.step_count
    with tqdm(
        total=length,
        initial=done,
        desc=f"epoch {epoch + 1}/{-(-trainer.last_step // length)}",
        mininterval=0.1 if sys.stderr.isatty() else 30,
        dynamic_ncols=True,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}",
    ) as bar:
        while trainer.step_count < last and not interrupted():
            trainer.step()
            bar.update()
            count = trainer.step_count
            saving = config.checkpoint_every is not None and count % config.checkpoint_every == 0
            if count % config.log_every == 0 or count == last or saving or interrupted():
                row = trainer.meter.read()
                seconds = time.perf_counter() - clock
                row["images_per_second"] = (count - clocked) * trainer.images_per_step / seconds
                clock, clocked = time.perf_counter(), count
                _require_finite(row, count, folder)
                bar.set_postfix_str(_shown(row), refresh=False)
                folder.append_metrics(
                    {"step": count, "epoch": f"{count / length:.4f}"} | {k: f"{v:.6g}" for k, v in row.items()}
                )
            if saving and count != last:
                trainer.save(folder)
    if trainer.step_count == last:
        plots.save_image(folder.epoch_samples(epoch + 1), plots.image_grid(trainer.samples()))
    trainer.save(folder)


def _shown(row):
    return (
        f" Loss_D {row['loss_d']:.3f} Loss_G {row['loss_g']:.3f} D(x) {row['d_x']:.2f} "
        f"D(G(z)) {row['d_g_z']:.2f} {row['images_per_second']:.0f} images/s"
    )


def _require_finite(row, step, folder):
    if not (math.isfinite(row["loss_d"]) and math.isfinite(row["loss_g"])):
        raise Diverged(step, f"Loss_D is {row['loss_d']:g}, Loss_G is {row['loss_g']:g}", folder)


@contextmanager
def _interruptible():
    """Turns Ctrl-C and SIGTERM into a flag that is looked at between two steps; a second Ctrl-C stops at once."""
    received: list[int] = []

    def note(number, frame):
        if received:
            raise KeyboardInterrupt
        received.append(number)

    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, note)
    except ValueError:  # not the main thread: the caller's own handling stays
        pass
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
