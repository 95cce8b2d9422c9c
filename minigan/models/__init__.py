"""The networks: one pair per file, and their names."""

from dataclasses import dataclass

from minigan.errors import UserError
from minigan.models.cgan import cgan
from minigan.models.classifier import classifier
from minigan.models.convolutional_gan import convolutional_gan
from minigan.models.dcgan import dcgan
from minigan.models.dense_gan import dense_gan

__all__ = ["MODELS", "Model", "build", "cgan", "classifier", "convolutional_gan", "dcgan", "dense_gan"]


@dataclass(frozen=True)
class Model:
    """What a run has to know of a pair of networks before it is built.

    pixel_range: of the pictures that go in and come out; conditional: it is told the class.
    """

    pixel_range: tuple[int, int] = (-1, 1)
    conditional: bool = False


MODELS = {
    "dcgan": Model(),
    "dense-gan": Model(),
    "convolutional-gan": Model(pixel_range=(0, 1)),
    "cgan": Model(conditional=True),
    "classifier": Model(),
}


def build(name, image_shape, classes, latent_dim, width):
    """The networks of that name for pictures of `image_shape` (H, W, C): (generator, discriminator), or a classifier.

    Raises UserError, naming what was wrong, for pictures that the networks cannot be made for.
    """
    height, wide, channels = image_shape
    if name in ("dcgan", "cgan", "convolutional-gan") and height != wide:
        raise UserError(f"{name}: expected square pictures, got {height}×{wide}; crop them first")
    try:
        if name == "dense-gan":
            return dense_gan(image_shape, latent_dim, width)
        if name == "convolutional-gan":
            return convolutional_gan(height, channels, latent_dim, width)
        if name == "cgan":
            return cgan(height, channels, classes, latent_dim, width)
        if name == "classifier":
            return classifier(image_shape, classes, width)
        return dcgan(height, channels, latent_dim, width)
    except ValueError as error:
        raise UserError(str(error)) from None
