"""Pictures from a trained run: a grid, a folder of PNGs, or one NumPy file."""

from pathlib import Path

import numpy as np

from minigan import plots
from minigan.backend import PRECISIONS, RandomStream
from minigan.config import Config
from minigan.errors import UserError
from minigan.files import replacing
from minigan.training import build_networks, generate


def sample(saved, count, seed=0):
    """`count` pictures from a Checkpoint's generator: uint8 (N, H, W, C), evaluation mode.

    The noise is drawn from `seed` alone, so the first pictures are the same whatever the count.
    """
    config = Config.from_dict(saved.config)
    generator, _ = build_networks(config, saved.config["dataset"]["image_shape"])
    saved.restore(generator=generator)
    noise = RandomStream(seed).normal((count, config.latent_dim), PRECISIONS[config.precision])
    return generate(generator, noise)


def write(images, out):
    """Write pictures as `out` says: NAME.png a grid, NAME.npz an array `arr_0`, otherwise a folder of PNGs.

    The folder's files are 00000.png and on. Raises UserError for another ending, or a folder with files in it.
    """
    out = Path(out)
    if out.suffix.lower() == ".png":
        plots.save_image(out, plots.image_grid(images))
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
