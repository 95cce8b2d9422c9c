"""The networks: one generator and discriminator per file, and the registry of their names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from minigan.errors import UserError, unknown_name
from minigan.models.cgan import cgan
from minigan.models.classifier import FEATURES, classifier
from minigan.models.convolutional_gan import convolutional_gan
from minigan.models.dcgan import dcgan
from minigan.models.dense_gan import dense_gan
from minigan.ops.geometry import require_shape_of_sizes
from minigan.random import RandomStream

__all__ = [
    "FEATURES",
    "MODELS",
    "Model",
    "Sizes",
    "build",
    "cgan",
    "classifier",
    "convolutional_gan",
    "dcgan",
    "dense_gan",
]


class Sizes(NamedTuple):
    """What networks are built for: image_shape (H, W, C), number of classes, latent_dim, width, and the random stream
    that the initial weights are drawn from.
    """

    image_shape: tuple[int, int, int]
    classes: int
    latent_dim: int
    width: int
    random: RandomStream | None = None

    @property
    def channels(self) -> int:
        return self.image_shape[2]

    @property
    def side(self) -> int:
        """The side of square images. Raises ValueError for others."""
        height, width, _ = self.image_shape
        if height != width:
            raise ValueError(f"expected square images, got {height}×{width}; crop them first")
        return height


@dataclass(frozen=True)
class Model:
    """An entry of the registry: how the networks are built, and what a run has to know about them before that.

    build: a function of Sizes that returns (generator, discriminator), or, for a classifier, one network.
    description: a few words, for the command's help. pixel_range: of the images that go in and come out.
    conditional: both networks take a class label as well. classifier: one network, trained on labelled images, that
    scores the samples of the others. defaults: run settings that differ from the general ones.
    """

    build: Callable[[Sizes], Any]
    description: str
    pixel_range: tuple[float, float] = (-1, 1)
    conditional: bool = False
    classifier: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


# The registry: `minigan train --model NAME`. A new model needs an entry here and nothing else.
MODELS: dict[str, Model] = {
    "dcgan": Model(
        lambda s: dcgan(s.side, s.channels, s.latent_dim, s.width, s.random),
        "convolutional, with batch normalization",
    ),
    "dense-gan": Model(
        lambda s: dense_gan(s.image_shape, s.latent_dim, s.width, s.random),
        "fully connected layers only",
        defaults={"width": 256, "latent_dim": 100},
    ),
    "convolutional-gan": Model(
        lambda s: convolutional_gan(s.side, s.channels, s.latent_dim, s.width, s.random),
        "convolutional, without batch normalization",
        pixel_range=(0, 1),
        defaults={"width": 32, "latent_dim": 100},
    ),
    "cgan": Model(
        lambda s: cgan(s.side, s.channels, s.classes, s.latent_dim, s.width, s.random),
        "a DCGAN conditioned on the class",
        conditional=True,
        defaults={"width": 64},
    ),
    "classifier": Model(
        lambda s: classifier(s.image_shape, s.classes, s.width, random=s.random),
        "the scoring classifier, for minigan evaluate",
        classifier=True,
        defaults={"width": 32, "lr": 1e-3, "betas": (0.9, 0.999), "epochs": 10, "ema": None},
    ),
}


def build(
    name: str,
    image_shape: tuple[int, int, int],
    classes: int,
    latent_dim: int,
    width: int,
    random: RandomStream | None = None,
) -> Any:
    """Build the networks of a model in MODELS: (generator, discriminator), or, for a classifier, one network.

    image_shape: (H, W, C); random: the stream that the initial weights are drawn from. Raises UserError for an unknown
    name, and, with the reason, for images that the networks cannot be built for.
    """
    if name not in MODELS:
        raise unknown_name("model", name, list(MODELS))
    try:
        require_shape_of_sizes(name, "image_shape", image_shape, 3)
        height, image_width, channels = image_shape
        return MODELS[name].build(Sizes((height, image_width, channels), classes, latent_dim, width, random))
    except ValueError as error:
        message = str(error)
        raise UserError(message if message.startswith(name.split("-")[0]) else f"{name}: {message}") from None
