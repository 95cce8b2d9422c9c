"""The first GAN: two networks of dense layers, which know nothing of what is next to what in a picture."""

import math

from minigan.layers import BatchNorm, Dense, Flatten, LeakyReLU, Reshape, Sequential, Tanh


def dense_gan(image_shape=(28, 28, 1), latent_dim=100, width=256):
    """(generator, discriminator) of dense layers, as in the paper that began it (Goodfellow et al. 2014).

    At the default sizes:

        generator      z(100) → 256 → 512 → 1024 → 784 → 28×28×1, tanh
        discriminator  28×28×1 → 784 → 512 → 256 → Dense 1, a logit

    LeakyReLU 0.2; batch normalization in the generator, between its layers; weights as Glorot and Bengio draw them.
    z: (N, latent_dim), pictures: (N, *image_shape) in [−1, 1].
    """
    pixels = math.prod(image_shape)
    layers, wide = [], latent_dim
    for wider in (width, 2 * width, 4 * width):
        layers += [Dense(wide, wider, bias=False), BatchNorm(wider, activation=LeakyReLU(0.2))]
        wide = wider
    generator = Sequential(*layers, Dense(wide, pixels), Tanh(), Reshape(*image_shape))
    discriminator = Sequential(
        Flatten(),
        Dense(pixels, 2 * width),
        LeakyReLU(0.2),
        Dense(2 * width, width),
        LeakyReLU(0.2),
        Dense(width, 1),
        input_shape=tuple(image_shape),
    )
    return generator, discriminator
