"""Pictures from a trained run: a grid, a folder of PNGs, or one NumPy file."""

from pathlib import Path

import numpy as np

from minigan import plots
from minigan.backend import PRECISIONS, RandomStream
from minigan.config import Config
from minigan.errors import UserError
from minigan.files import replacing
from minigan.models import MODELS
from minigan.trainers import build_networks, generate


class Sampler:
    """The generator of a Checkpoint, ready to be asked: its moving average where the run kept one.

    config: the run's Config; averaged: whether it is; class_names: () where the run knows none; conditional: whether it
    can be asked for a class. Raises UserError for the checkpoint of a classifier.
    """

    def __init__(self, saved):
        self.config = Config.from_dict(saved.config)
        if self.config.model == "classifier":
            raise UserError(f"{saved.path}: expected the run of a generator, found a classifier's")
        model = MODELS[self.config.model]
        self.conditional, self.pixel_range = model.conditional, model.pixel_range
        self.dtype = PRECISIONS[self.config.precision]
        self.class_names = tuple(saved.config["dataset"].get("class_names", ()))
        self.generator, self.discriminator = build_networks(self.config, saved.config["dataset"])
        saved.restore(discriminator=self.discriminator)
        self.averaged = bool(saved.part("generator_average"))
        saved.restore(**{"generator_average" if self.averaged else "generator": self.generator})

    def noise(self, count, seed=0):
        """(count, latent_dim), drawn from `seed` alone: the first rows are the same whatever the count."""
        return RandomStream(seed).normal((count, self.config.latent_dim), PRECISIONS[self.config.precision])

    def every_class(self, count):
        """(count,) labels: all classes in turn; None where the generator is not told the class."""
        return np.arange(count) % len(self.class_names) if self.conditional else None

    def pictures(self, noise, labels=None):
        """uint8 (N, H, W, C) of noise (N, latent_dim) and, for a conditional generator, labels (N,)."""
        if self.conditional and labels is None:
            labels = self.every_class(len(noise))
        return generate(self.generator, noise, labels, self.pixel_range)


def sample(saved, count, seed=0):
    """`count` pictures from a Checkpoint's generator: uint8 (N, H, W, C), evaluation mode.

    The noise is drawn from `seed` alone, so the first pictures are the same whatever the count; a conditional generator
    is asked for all classes in turn.
    """
    sampler = Sampler(saved)
    return sampler.pictures(sampler.noise(count, seed))


def write(images, out, columns=None):
    """Write pictures as `out` says: NAME.png a grid, NAME.npz an array `arr_0`, otherwise a folder of PNGs.

    The folder's files are 00000.png and on. Raises UserError for another ending, or a folder with files in it.
    """
    out = Path(out)
    if out.suffix.lower() == ".png":
        plots.save_image(out, plots.image_grid(images, columns))
    elif out.suffix.lower() == ".npz":
        with replacing(out) as temporary:
            np.savez_compressed(temporary, images)
    elif out.suffix:
        raise UserError(f"--out {out}: expected NAME.png, NAME.npz or a folder, got the ending {out.suffix!r}")
    else:
        if out.is_file() or (out.is_dir() and any(out.iterdir())):
            raise UserError(f"--out {out}: expected a new or empty folder; give another --out")
        out.mkdir(parents=True, exist_ok=True)
        for index, image in enumerate(images):
            plots.save_image(out / f"{index:05d}.png", image)
