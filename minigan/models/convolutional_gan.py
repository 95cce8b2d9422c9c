"""A small convolutional GAN for handwritten digits, without batch normalization, with pixels in [0, 1]."""

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


def convolutional_gan(image_size=28, channels=1, latent_dim=100, width=32):
    """(generator, discriminator); at the default sizes:

        generator      z(100) → Dense 3136 → 7×7×64 → 14×14×64 → 28×28×32 → Conv 28×28 → 28×28×1, sigmoid
        discriminator  28×28×1 → 14×14×32 → 7×7×64 → Dense 1, a logit

    The transposed convolutions and the discriminator's convolutions have 3×3 kernels and strides 2, padding "same";
    LeakyReLU 0.3; dropout 0.4 after each convolution of the discriminator. The generator's last kernel is as large as
    the picture: every pixel sees all of it. z: (N, latent_dim), pictures: (N, image_size, image_size, channels) in
    [0, 1]. Raises ValueError for an image_size that is no multiple of 4.
    """
    if image_size % 4 or image_size < 4:
        raise ValueError(f"convolutional_gan: expected an image_size that is a multiple of 4, got {image_size}")
    size = image_size // 4
    generator = Sequential(
        Dense(latent_dim, size * size * 2 * width),
        LeakyReLU(0.3),
        Reshape(size, size, 2 * width),
        ConvTranspose2D(2 * width, 2 * width, 3, stride=2, padding="same"),
        LeakyReLU(0.3),
        ConvTranspose2D(2 * width, width, 3, stride=2, padding="same"),
        LeakyReLU(0.3),
        Conv2D(width, channels, image_size, padding="same"),
        Sigmoid(),
    )
    discriminator = Sequential(
        Conv2D(channels, width, 3, stride=2, padding="same"),
        LeakyReLU(0.3),
        Dropout(0.4),
        Conv2D(width, 2 * width, 3, stride=2, padding="same"),
        LeakyReLU(0.3),
        Dropout(0.4),
        Flatten(),
        Dense(size * size * 2 * width, 1),
        input_shape=(image_size, image_size, channels),
    )
    return generator, discriminator
