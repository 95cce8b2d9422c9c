"""Pictures from a trained run: a grid, a folder of PNGs, one NumPy file, or frames of an animation."""

from pathlib import Path

import numpy as np

from minigan import interpolation, plots
from minigan.backend import PRECISIONS, RandomStream, xp
from minigan.config import Config
from minigan.errors import UserError, unknown_name
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

    def labels(self, count, label=None):
        """(count,) labels: all of them `label` or, without one, every class in turn."""
        return self.every_class(count) if label is None else np.full(count, label)

    def pictures(self, noise, labels=None):
        """uint8 (N, H, W, C) of noise (N, latent_dim) and, for a conditional generator, labels (N,)."""
        if self.conditional and labels is None:
            labels = self.every_class(len(noise))
        return generate(self.generator, noise, labels, self.pixel_range)

    # --- classes -------------------------------------------------------------------------------------------

    def require_conditional(self):
        """Raises UserError where the generator is not told the class."""
        if not self.conditional:
            raise UserError(
                f"this run's model, {self.config.model}, cannot be asked for a class: expected a conditional one; "
                "train it with --model cgan"
            )

    def label(self, name):
        """The number of a class, of its name or its number as text.

        Raises UserError for an unknown class, with the nearest name, and where the generator is not told the class.
        """
        self.require_conditional()
        for known in (self.class_names, [str(number) for number in range(len(self.class_names))]):
            if name in known:
                return known.index(name)
        raise unknown_name("class", name, self.class_names)

    def class_grid(self, count, seed=0):
        """Each class with the same `count` noises: uint8 (classes · count, H, W, C), class by class."""
        self.require_conditional()
        classes = len(self.class_names)
        noise = xp.concatenate([self.noise(count, seed)] * classes)  # (classes · count, latent_dim)
        return self.pictures(noise, np.arange(classes).repeat(count))

    # --- between latent points -----------------------------------------------------------------------------

    def rows_between(self, rows, steps, method, seed=0, label=None):
        """`rows` ways between two random latent points: uint8 (rows · steps, H, W, C), row by row.

        method: a name of interpolation.METHODS. A conditional generator is asked for the class `label` or, without one,
        for the classes in turn, one for each row.
        """
        points = self.noise(2 * rows, seed)
        noise = interpolation.METHODS[method](points[0::2], points[1::2], steps)  # (rows, steps, latent_dim)
        labels = self.labels(rows, label)
        return self.pictures(noise.reshape(rows * steps, -1), None if labels is None else labels.repeat(steps))

    def closed_walk(self, count, steps, method, seed=0, label=None):
        """From one of `count` random latent points to the next and back to the first: uint8 (count · steps, H, W, C).

        A conditional generator is asked for one class all the way: `label` or, without one, the first.
        """
        noise = interpolation.walk(self.noise(count, seed), steps, method)  # (count · steps, latent_dim)
        return self.pictures(noise, np.full(count * steps, label or 0) if self.conditional else None)


def sample(saved, count, seed=0):
    """`count` pictures from a Checkpoint's generator: uint8 (N, H, W, C), evaluation mode.

    The noise is drawn from `seed` alone, so the first pictures are the same whatever the count; a conditional generator
    is asked for all classes in turn.
    """
    sampler = Sampler(saved)
    return sampler.pictures(sampler.noise(count, seed))


def history(run):
    """The grids that a RunFolder has of its epochs, in order: a list of uint8 (H, W, C).

    They are all of the same noise. Raises UserError where there is none, or one that does not fit the others.
    """
    from PIL import Image

    frames: list[np.ndarray] = []
    for path in sorted(run.samples.glob("epoch_*.png"), key=lambda path: (len(path.name), path.name)):
        try:
            with Image.open(path) as picture:
                frame = np.asarray(picture)
        except OSError as error:
            raise UserError(f"{path}: expected a picture as minigan wrote it ({error})") from None
        frames.append(frame.reshape(*frame.shape[:2], -1))
        if frames[-1].shape != frames[0].shape:
            raise UserError(f"{path}: expected a picture of {frames[0].shape}, as the first one's, got {frame.shape}")
    if not frames:
        raise UserError(
            f"{run.samples}: expected pictures of epochs, found none: a run writes one at the end of each epoch"
        )
    return frames


def enlarged(images, side=128):
    """Small pictures (N, H, W, C) with each pixel repeated, a whole number of times, to about `side` at most."""
    times = max(1, side // max(images.shape[1:3]))
    return images.repeat(times, axis=1).repeat(times, axis=2)


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
