"""A run of two networks that play against each other."""

import numpy as np

from minigan import backend, gan, plots
from minigan.backend import to_numpy, xp
from minigan.meter import Meter
from minigan.metrics import diversity
from minigan.models import MODELS, build
from minigan.moving_average import MovingAverage
from minigan.optim import Adam
from minigan.trainers.base import BaseTrainer

SAMPLE_COUNT = 64
CLASSES_SHOWN = 10


class GanTrainer(BaseTrainer):
    """A generator, a discriminator, their optimizers, and real pictures.

    evaluation: an evaluation.Evaluation, where the samples are to be scored while the run goes on.
    """

    def __init__(self, config, dataset, graph=True, evaluation=None):
        self.model = MODELS[config.model]
        labels = dataset.labels if self.model.conditional else None
        super().__init__(config, dataset, graph, config.discriminator_steps, labels)
        backend.seed(config.seed)
        self.generator, self.discriminator = build_networks(config, self.dataset_facts())
        self.objective = config.make_objective()
        self.generator_optimizer = Adam(self.generator.parameters(), config.lr, config.betas)
        self.discriminator_optimizer = Adam(
            self.discriminator.parameters(), config.discriminator_lr or config.lr, config.betas
        )
        self.average = MovingAverage(self.generator, config.ema) if config.ema else None
        self.meter, self.evaluation = Meter(self.objective), evaluation

    @property
    def parts(self):
        """What a checkpoint holds, by name."""
        average = {} if self.average is None else {"generator_average": self.average.average}
        return {
            "generator": self.generator,
            **average,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def device_step(self):
        """k discriminator steps, each on its own real batch and noise, then one generator step."""
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
                watch=self.meter.watch,
                labels=labels,
            )
        count = config.generator_batch_size or config.batch_size
        loss_g = gan.generator_step(
            self.generator,
            self.discriminator,
            self._noise(count),
            self.objective,
            self.generator_optimizer,
            labels=self.batches.some_labels(count) if self.model.conditional else None,
        )
        if self.average is not None:
            self.average.update(self.generator_optimizer.t)
        self.meter.add(loss_d, loss_g)

    def _noise(self, count):
        return backend.random.normal((count, self.config.latent_dim), self.dtype)

    # --- what is looked at ---------------------------------------------------------------------------------

    def read(self):
        """The numbers since the last reading, and the lengths of both gradients in the last step."""
        row = self.meter.read()
        for name, optimizer in (("d", self.discriminator_optimizer), ("g", self.generator_optimizer)):
            row[f"gradient_{name}"] = float(to_numpy(xp.sqrt(xp.square(optimizer.grads).sum())))
        return row

    def shown(self, row):
        return (
            f" Loss_D {row['loss_d']:.3f} Loss_G {row['loss_g']:.3f} D(x) {row['d_x']:.2f} "
            f"D(G(z)) {row['d_g_z']:.2f} {row['images_per_second']:.0f} images/s"
        )

    def samples(self, count=SAMPLE_COUNT):
        """uint8 pictures from the run's fixed noise, in evaluation mode; no state moves.

        A conditional generator is asked for the first ten classes in turn.
        """
        noise = backend.RandomStream([self.config.seed, 1]).normal((count, self.config.latent_dim), self.dtype)
        labels = None
        if self.model.conditional:
            labels = np.arange(count) % min(CLASSES_SHOWN, len(self.dataset.class_names))
        return generate(self.best_generator, noise, labels, self.model.pixel_range)

    @property
    def best_generator(self):
        """The moving average where there is one."""
        return self.generator if self.average is None else self.average.average

    def real_grid(self):
        return plots.image_grid(self.dataset.images[:SAMPLE_COUNT])

    def end_epoch(self, folder, epoch):
        """Write the epoch's pictures; returns its row of scores.csv."""
        classes = min(CLASSES_SHOWN, len(self.dataset.class_names))
        count, columns = (8 * classes, classes) if self.model.conditional else (SAMPLE_COUNT, None)
        pictures = self.samples(count)
        plots.save_image(folder.epoch_samples(epoch), plots.image_grid(pictures, columns))
        row = {"diversity": diversity(pictures, self.dataset.images[:1000])}
        return row if self.evaluation is None else row | self.evaluation.end_epoch(self, folder, epoch)

    def figure(self, folder):
        return plots.training_curves(folder.read_metrics(), self.objective)


def build_networks(config, facts):
    """(generator, discriminator) for the pictures of `facts` (image_shape, class_names), in the run's precision."""
    classes = len(facts.get("class_names", ())) or 1
    networks = build(config.model, facts["image_shape"], classes, config.latent_dim, config.width)
    return tuple(network.astype(backend.PRECISIONS[config.precision]) for network in networks)


def generate(generator, noise, labels=None, pixel_range=(-1, 1), batch_size=128):
    """uint8 pictures (N, H, W, C) of `noise` (N, latent_dim) and labels (N,), on the host; evaluation mode."""
    pictures = []
    for i in range(0, len(noise), batch_size):
        asked = None if labels is None else backend.asarray(labels[i : i + batch_size])
        fake, _ = generator.forward(gan.conditioned(noise[i : i + batch_size], asked), train=False)
        pictures.append(plots.to_uint8(to_numpy(fake), pixel_range))
    return np.concatenate(pictures)
