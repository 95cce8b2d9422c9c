"""Build the generator and discriminator of a run, and generate images in evaluation mode."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan import gan
from minigan.backend import PRECISIONS, Array, asarray
from minigan.data.scaling import to_uint8
from minigan.layers import Layer
from minigan.models import build
from minigan.random import RandomStream
from minigan.runs.config import Config


def build_networks(
    config: Config, dataset: Mapping[str, Any], random: RandomStream | None = None
) -> tuple[Layer, Layer]:
    """(generator, discriminator) of a run, in its precision.

    dataset: the run's metadata of its data set, with image_shape (H, W, C) and class_names; random: the stream that the
    initial weights are drawn from. Raises UserError for images that the networks cannot be built for.
    """
    classes = len(dataset.get("class_names", ())) or 1
    generator, discriminator = build(
        config.model, dataset["image_shape"], classes, config.latent_dim, config.width, random
    )
    dtype = PRECISIONS[config.precision]
    return generator.astype(dtype), discriminator.astype(dtype)


def generate(
    generator: Layer,
    noise: Array,
    labels: Any = None,
    pixel_range: tuple[float, float] = (-1, 1),
    batch_size: int = 128,
) -> npt.NDArray[np.uint8]:
    """Generate uint8 images (N, H, W, C) on the host from `noise` (N, latent_dim), in evaluation mode.

    labels: (N,) classes, for a conditional generator; pixel_range: of the generator's output.
    """
    images = []
    for i in range(0, len(noise), batch_size):
        classes = None if labels is None else asarray(labels[i : i + batch_size])
        fake, _ = generator.forward(gan.conditioned(noise[i : i + batch_size], classes), train=False)
        images.append(to_uint8(fake, pixel_range))
    return np.concatenate(images)
