"""The first GAN: two networks of fully connected layers, which do not know which pixels are neighbours."""

import math

from minigan.initializers import glorot_uniform
from minigan.layers import BatchNorm, Dense, Flatten, Layer, LeakyReLU, Reshape, Sequential, Tanh
from minigan.ops.geometry import require_shape_of_sizes, require_sizes
from minigan.random import RandomStream


def dense_gan(
    image_shape: tuple[int, int, int] = (28, 28, 1),
    latent_dim: int = 100,
    width: int = 256,
    random: RandomStream | None = None,
) -> tuple[Sequential, Sequential]:
    """(generator, discriminator) of dense layers, as in the paper that introduced GANs (Goodfellow et al. 2014).

    At the default sizes:

        generator      z(100) → 256 → 512 → 1024 → 784 → 28×28×1, tanh
        discriminator  28×28×1 → 784 → 512 → 256 → Dense 1, a logit

    LeakyReLU 0.2; batch normalization between the generator's layers; Glorot's uniform initial weights, drawn from the
    stream `random`. z: (N, latent_dim), images: (N, *image_shape) in [−1, 1].
    """
    require_shape_of_sizes("dense_gan", "image_shape", image_shape, 3)
    require_sizes("dense_gan", latent_dim=latent_dim, width=width)
    pixels = math.prod(image_shape)
    weights = glorot_uniform(random)
    layers: list[Layer] = []
    for inputs, outputs in zip((latent_dim, width, 2 * width), (width, 2 * width, 4 * width), strict=True):
        layers += [
            Dense(inputs, outputs, bias=False, initializer=weights),
            BatchNorm(outputs, activation=LeakyReLU(0.2)),
        ]
    generator = Sequential(*layers, Dense(4 * width, pixels, initializer=weights), Tanh(), Reshape(*image_shape))
    discriminator = Sequential(
        Flatten(),
        Dense(pixels, 2 * width, initializer=weights),
        LeakyReLU(0.2),
        Dense(2 * width, width, initializer=weights),
        LeakyReLU(0.2),
        Dense(width, 1, initializer=weights),
        input_shape=tuple(image_shape),
    )
    return generator, discriminator
