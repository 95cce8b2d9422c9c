"""Training of a generator and a discriminator."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minigan import gan, plots
from minigan.backend import Array, to_numpy, xp
from minigan.data import Dataset
from minigan.data.dataset import choose
from minigan.inference.generate import build_networks, generate
from minigan.layers import Layer
from minigan.metrics import diversity
from minigan.optim import Adam
from minigan.random import RandomStream
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training.display import only_shown
from minigan.training.ema import EMA
from minigan.training.metrics import GanMetrics
from minigan.training.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE_COUNT = 64  # samples in the grid of an epoch
REFERENCE_COUNT = 1000  # real images that the diversity of samples is relative to
MAX_CLASSES = 10  # columns in the grid of a conditional generator


class GanTrainer(Trainer):
    """A generator, a discriminator, their optimizers, and real images."""

    def __init__(self, config: Config, dataset: Dataset, graph: bool = True) -> None:
        conditional = config.is_conditional
        super().__init__(config, dataset, graph, config.discriminator_steps, dataset.labels if conditional else None)
        self.generator, self.discriminator = build_networks(config, self.dataset_metadata(), self.random)
        self.objective = config.make_objective()
        self.generator_optimizer = Adam(self.generator.parameters(), config.lr, config.betas)
        self.discriminator_optimizer = Adam(
            self.discriminator.parameters(), config.discriminator_lr or config.lr, config.betas
        )
        self.ema = EMA(self.generator, config.ema) if config.ema else None
        self._has_warned = False
        self.metrics = GanMetrics(self.objective, config.discriminator_steps, config.generator_steps)

    @property
    def state(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            **({} if self.ema is None else {"generator_average": self.ema.average}),
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def device_step(self) -> None:
        """The discriminator steps, each with its own real batch and noise, then the generator steps, with new noise.

        How many of each there are is fixed for a run, so a CUDA graph can record all of them.
        """
        config = self.config
        for _ in range(config.discriminator_steps):
            real, labels = self.batches.next()
            loss_d = gan.discriminator_step(
                self.generator,
                self.discriminator,
                real,
                self._noise(config.batch_size),
                self.objective,
                self.discriminator_optimizer,
                callback=self.metrics.add_logits,
                labels=labels,
            )
            self.metrics.add_loss_d(loss_d)
        count = config.generator_batch_size or config.batch_size
        for _ in range(config.generator_steps):
            loss_g = gan.generator_step(
                self.generator,
                self.discriminator,
                self._noise(count),
                self.objective,
                self.generator_optimizer,
                labels=self.batches.random_labels(count) if self.model.conditional else None,
            )
            if self.ema is not None:
                self.ema.update(self.generator_optimizer.t)
            self.metrics.add_loss_g(loss_g)

    def _noise(self, count: int) -> Array:
        return self.random.normal((count, self.config.latent_dim), self.dtype)

    # --- metrics and samples -------------------------------------------------------------------------------

    def read_metrics(self) -> dict[str, float]:
        """The means since the last reading, and the norms of both gradients in the last step."""
        row = super().read_metrics()
        for name, optimizer in (("d", self.discriminator_optimizer), ("g", self.generator_optimizer)):
            row[f"gradient_{name}"] = float(to_numpy(xp.sqrt(xp.square(optimizer.grads).sum())))
        return row

    def progress(self, row: dict[str, float]) -> str:
        return (
            f" Loss_D {row['loss_d']:.3f} Loss_G {row['loss_g']:.3f} D(x) {row['d_x']:.2f} "
            f"D(G(z)) {row['d_g_z']:.2f} {row['images_per_second']:.0f} images/s"
        )

    @property
    def ema_generator(self) -> Layer:
        """The EMA of the generator, or the generator itself if the run keeps none: samples come from it."""
        return self.generator if self.ema is None else self.ema.average

    def generate(self, seed: int | list[int], count: int, labels: Any = None) -> npt.NDArray[np.uint8]:
        """`count` uint8 images (N, H, W, C) from noise of `seed`, in evaluation mode; the run's state does not change.

        labels: (N,), for a conditional generator.
        """
        noise = RandomStream(seed).normal((count, self.config.latent_dim), self.dtype)
        return generate(self.ema_generator, noise, labels, self.model.pixel_range)

    def samples(self, count: int = SAMPLE_COUNT) -> npt.NDArray[np.uint8]:
        """uint8 images (N, H, W, C) from the run's fixed noise, in evaluation mode; no state changes.

        A conditional generator cycles through the first ten classes.
        """
        labels = np.arange(count) % self._classes_shown() if self.model.conditional else None
        return self.generate([self.config.seed, 1], count, labels)

    def real_grid(self) -> Array:
        return plots.image_grid(choose(self.dataset.images, SAMPLE_COUNT, self.config.seed))

    def end_epoch(self, folder: RunFolder, epoch: int) -> dict[str, float]:
        """Write the epoch's grid of samples; return the diversity of its samples, if it is defined."""
        classes = self._classes_shown()
        count, columns = (8 * classes, classes) if self.model.conditional else (SAMPLE_COUNT, None)
        samples = self.samples(count)
        with only_shown(str(folder.epoch_samples(epoch))):
            plots.save_image(folder.epoch_samples(epoch), plots.image_grid(samples, columns))
        reference = choose(self.dataset.images, REFERENCE_COUNT, self.config.seed)
        if (reference == reference[0]).all():
            if not self._has_warned:
                warnings.warn("the images of the data set are all equal, so samples have no diversity", stacklevel=2)
            self._has_warned = True
            return {}
        return {"diversity": diversity(samples, reference)}

    def figure(self, folder: RunFolder) -> "Figure":
        return plots.training_curves(folder.read_metrics(), self.objective)

    def _classes_shown(self) -> int:
        return min(MAX_CLASSES, len(self.dataset.class_names))
