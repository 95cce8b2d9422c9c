"""Sampling from a trained run: by class, along a path between latent points, and the grids of its epochs."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan import plots
from minigan.backend import PRECISIONS, Array, xp
from minigan.errors import UserError, unknown_name
from minigan.files import replacing
from minigan.inference import interpolation
from minigan.inference.generate import build_networks, generate
from minigan.models import MODELS
from minigan.random import RandomStream
from minigan.runs.checkpoint import Checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.runs.outputs import require_output, require_outside_of_runs

Images = npt.NDArray[np.uint8]  # (N, H, W, C) on the host


class Sampler:
    """The generator of a checkpoint, in evaluation mode: the EMA of its weights if the run saved one.

    config: the run's settings; uses_ema: whether the weights are the EMA; class_names: () if the run has no classes;
    conditional: whether the generator is conditioned on a class; discriminator: the run's other network.
    Raises UserError for the checkpoint of a classifier.
    """

    def __init__(self, saved: Checkpoint) -> None:
        self.config = Config.from_dict(saved.config)
        if self.config.is_classifier:
            raise UserError(f"{saved.path}: expected the run of a generator, found a classifier's")
        model = MODELS[self.config.model]
        self.conditional, self.pixel_range = model.conditional, model.pixel_range
        self.dtype = np.dtype(PRECISIONS[self.config.precision])
        self.class_names: tuple[str, ...] = tuple(saved.config["dataset"].get("class_names", ()))
        with saved.initial_stream() as stream:
            self.generator, self.discriminator = build_networks(self.config, saved.config["dataset"], stream)
        saved.restore(discriminator=self.discriminator)
        self.uses_ema = bool(saved.state("generator_average"))
        saved.restore(**{"generator_average" if self.uses_ema else "generator": self.generator})

    def noise(self, count: int, seed: int = 0) -> Array:
        """(count, latent_dim) from N(0, I). It depends on `seed` only: a larger count appends rows."""
        return RandomStream(seed).normal((count, self.config.latent_dim), self.dtype)

    def labels(self, count: int, label: int | None = None) -> npt.NDArray[np.int64] | None:
        """(count,) labels: all `label`, or the classes in turn; None if the generator is not conditional."""
        if not self.conditional:
            return None
        return np.arange(count) % len(self.class_names) if label is None else np.full(count, label)

    def generate(self, noise: Array, labels: Any = None) -> Images:
        """uint8 images (N, H, W, C) from noise (N, latent_dim).

        labels: (N,), for a conditional generator; by default the classes in turn.
        """
        return generate(self.generator, noise, self.labels(len(noise)) if labels is None else labels, self.pixel_range)

    # --- classes -------------------------------------------------------------------------------------------

    def require_conditional(self) -> None:
        """Raise UserError if the generator is not conditioned on a class."""
        if not self.conditional:
            raise UserError(
                f"this run's model, {self.config.model}, is not conditioned on a class: expected a conditional one; "
                "train it with --model cgan"
            )

    def label(self, name: str) -> int:
        """The label of a class, from its name or from the label as text; names come first.

        Raises UserError for an unknown class, with the nearest name, and if the generator is not conditional.
        """
        self.require_conditional()
        for known in (self.class_names, [str(number) for number in range(len(self.class_names))]):
            if name in known:
                return known.index(name)
        raise unknown_name("class", name, list(self.class_names))

    def class_grid(self, count: int, seed: int = 0) -> Images:
        """The same `count` noise vectors for each class: uint8 (classes · count, H, W, C), class by class.

        Raises UserError if the generator is not conditional.
        """
        self.require_conditional()
        classes = len(self.class_names)
        noise = xp.concatenate([self.noise(count, seed)] * classes)  # (classes · count, latent_dim)
        return self.generate(noise, np.arange(classes).repeat(count))

    # --- paths between latent points -----------------------------------------------------------------------

    def interpolate(self, rows: int, steps: int, method: str, seed: int = 0, label: int | None = None) -> Images:
        """`rows` paths, each between two random latent points: uint8 (rows · steps, H, W, C), row by row.

        method: a name in interpolation.METHODS. A conditional generator gets one class per row: `label` or, by default,
        the classes in turn. Raises UserError for an unknown method.
        """
        points = self.noise(2 * rows, seed)
        noise = interpolation.find_method(method)(points[0::2], points[1::2], steps)  # (rows, steps, latent_dim)
        labels = self.labels(rows, label)
        return self.generate(noise.reshape(rows * steps, -1), None if labels is None else labels.repeat(steps))

    def closed_walk(self, count: int, steps: int, method: str, seed: int = 0, label: int | None = None) -> Images:
        """From each of `count` random latent points to the next and back to the first: uint8 (count · steps, H, W, C).

        method: a name in interpolation.METHODS. A conditional generator keeps one class all the way: `label` or, by
        default, the first. Raises UserError for an unknown method.
        """
        noise = interpolation.walk(self.noise(count, seed), steps, method)  # (count · steps, latent_dim)
        return self.generate(noise, self.labels(count * steps, label or 0))


def sample(saved: Checkpoint, count: int, seed: int = 0) -> Images:
    """`count` images from the generator of a checkpoint, in evaluation mode: uint8 (N, H, W, C).

    The noise depends on `seed` only: a larger count appends images. A conditional generator gets the classes in turn.
    """
    sampler = Sampler(saved)
    return sampler.generate(sampler.noise(count, seed))


def epoch_grids(run: RunFolder) -> list[npt.NDArray[np.uint8]]:
    """The grids of samples that a run saved after each epoch, in order, all from the same noise: uint8 (H, W, C) each.

    Raises UserError if there are none, or if one is damaged or has another size.
    """
    grids: list[npt.NDArray[np.uint8]] = []
    for path in sorted(run.samples.glob("epoch_*.png"), key=lambda path: (len(path.name), path.name)):
        pixels = plots.read_image(path)
        grids.append(pixels.reshape(*pixels.shape[:2], -1))
        if grids[-1].shape != grids[0].shape:
            raise UserError(
                f"{path}: expected an image of shape {grids[0].shape}, like the first one, got {grids[-1].shape}"
            )
    if not grids:
        raise UserError(
            f"{run.samples}: expected the images of epochs, found none: a run writes one at the end of each epoch"
        )
    return grids


def enlarge(images: Images, side: int = 128) -> Images:
    """Repeat each pixel of small images (N, H, W, C), a whole number of times, up to about `side` pixels."""
    times = max(1, side // max(images.shape[1:3]))
    return images.repeat(times, axis=1).repeat(times, axis=2)


def save_images(images: Images, out: str | Path, columns: int | None = None) -> None:
    """Write images (N, H, W, C): to NAME.png as a grid, to NAME.npz as the array `arr_0`, to a folder as PNGs.

    columns: of the grid. The files in a folder are 00000.png, 00001.png, ...
    Raises UserError for another ending, a folder with files in it, and an existing file of another kind or of a run.
    """
    out = Path(out)
    require_image_output(out)
    if out.suffix.lower() == ".png":
        plots.save_image(out, plots.image_grid(images, columns))
    elif out.suffix.lower() == ".npz":
        with replacing(out) as temporary:
            np.savez_compressed(temporary, images)
    else:
        out.mkdir(parents=True, exist_ok=True)
        for index, image in enumerate(images):
            plots.save_image(out / f"{index:05d}.png", image)


def require_image_output(out: Path) -> None:
    """Raise UserError if save_images() cannot write to `out` without a loss."""
    kinds = {".png": "PNG image", ".npz": ".npz file of samples"}
    if out.suffix.lower() in kinds:
        require_output(out, kinds[out.suffix.lower()])
    elif out.suffix:
        raise UserError(f"--out {out}: expected NAME.png, NAME.npz or a folder, got the ending {out.suffix!r}")
    elif (out.exists() and not out.is_dir()) or (out.is_dir() and any(out.iterdir())):
        raise UserError(f"--out {out}: expected a new or empty folder; give another --out")
    else:
        require_outside_of_runs(out)
