"""A small convolutional GAN for handwritten digits, without batch normalization, with pixels in [0, 1]."""

from minigan.initializers import glorot_uniform
from minigan.layers import (
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    Reshape,
    Sequential,
    Sigmoid,
)
from minigan.ops.geometry import require_sizes
from minigan.random import RandomStream


def convolutional_gan(
    image_size: int = 28,
    channels: int = 1,
    latent_dim: int = 100,
    width: int = 32,
    random: RandomStream | None = None,
) -> tuple[Sequential, Sequential]:
    """(generator, discriminator); at the default sizes:

        generator      z(100) → Dense 3136 → 7×7×64 → 14×14×64 → 28×28×32 → Conv 28×28 → 28×28×1, sigmoid
        discriminator  28×28×1 → 14×14×32 → 7×7×64 → Dense 1, a logit

    The transposed convolutions and the discriminator's convolutions have 3×3 kernels and strides 2, padding "same";
    LeakyReLU 0.3; dropout 0.4 after the first convolution of the discriminator. The generator's last kernel is as large
    as the image, so every pixel depends on all of it. z: (N, latent_dim), images: (N, image_size, image_size, channels)
    in [0, 1]. Initial weights and dropout masks are drawn from the stream `random`. Raises ValueError unless image_size
    is a multiple of 4.
    """
    require_sizes("convolutional_gan", image_size=image_size, channels=channels, latent_dim=latent_dim, width=width)
    if image_size % 4 or image_size < 4:
        raise ValueError(f"convolutional_gan: expected an image_size that is a multiple of 4, got {image_size}")
    size = image_size // 4
    weights = glorot_uniform(random)
    generator = Sequential(
        Dense(latent_dim, size * size * 2 * width, initializer=weights),
        LeakyReLU(0.3),
        Reshape(size, size, 2 * width),
        ConvTranspose2D(2 * width, 2 * width, 3, stride=2, padding="same", initializer=weights),
        LeakyReLU(0.3),
        ConvTranspose2D(2 * width, width, 3, stride=2, padding="same", initializer=weights),
        LeakyReLU(0.3),
        Conv2D(width, channels, image_size, padding="same", initializer=weights),
        Sigmoid(),
    )
    discriminator = Sequential(
        Conv2D(channels, width, 3, stride=2, padding="same", initializer=weights),
        LeakyReLU(0.3),
        Dropout(0.4, random),
        Conv2D(width, 2 * width, 3, stride=2, padding="same", initializer=weights),
        LeakyReLU(0.3),
        Flatten(),
        Dense(size * size * 2 * width, 1, initializer=weights),
        input_shape=(image_size, image_size, channels),
    )
    return generator, discriminator
