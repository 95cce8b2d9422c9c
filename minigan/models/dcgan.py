"""DCGAN: a pair of convolutional networks, one the mirror of the other."""

from minigan.initializers import normal
from minigan.layers import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    LeakyReLU,
    Reshape,
    Sequential,
    Tanh,
)


def dcgan(image_size=32, channels=3, latent_dim=128, width=64):
    """(generator, discriminator) of DCGAN (Radford, Metz and Chintala 2016).

    At the default sizes:

        generator      z(128) → Dense 2048 → 2×2×512 → 4×4×256 → 8×8×128 → 16×16×64 → 32×32×3, tanh
        discriminator  32×32×3 → 16×16×64 → 8×8×128 → 4×4×256 → 2×2×512 → Dense 1, a logit

    Kernels are 4×4, strides 2, padding "same". Batch normalization everywhere but at the generator's output
    and the discriminator's input; LeakyReLU 0.2; weights from N(0, 0.02²). A layer followed by batch
    normalization has no bias: the mean is subtracted right after.

    image_size is halved while it is even, down to 2 and at most four times; channels double from `width` at
    each halving. z: (N, latent_dim), pictures: (N, image_size, image_size, channels) in [−1, 1].
    Raises ValueError for an image_size that cannot be halved.
    """
    sizes = [image_size]
    while sizes[-1] % 2 == 0 and sizes[-1] > 2 and len(sizes) < 5:
        sizes.append(sizes[-1] // 2)
    if len(sizes) == 1:
        raise ValueError(f"dcgan: expected an even image_size of at least 4, got {image_size}")
    widths = [width * 2**i for i in range(len(sizes) - 1)]  # 64, 128, 256, 512
    return _generator(sizes[-1], channels, latent_dim, widths), _discriminator(sizes[-1], channels, widths)


def _generator(size, channels, latent_dim, widths):
    weights = normal(0.02)
    widest = widths[-1]
    layers = [
        Dense(latent_dim, size * size * widest, bias=False, initializer=weights),
        Reshape(size, size, widest),
        BatchNorm(widest, activation=LeakyReLU(0.2)),
    ]
    for wide, narrow in zip(widths[:0:-1], widths[-2::-1], strict=True):  # 512 → 256 → 128 → 64
        layers += [
            ConvTranspose2D(wide, narrow, 4, stride=2, padding="same", bias=False, initializer=weights),
            BatchNorm(narrow, activation=LeakyReLU(0.2)),
        ]
    layers += [ConvTranspose2D(widths[0], channels, 4, stride=2, padding="same", initializer=weights), Tanh()]
    return Sequential(*layers)


def _discriminator(size, channels, widths):
    weights = normal(0.02)
    layers = [Conv2D(channels, widths[0], 4, stride=2, padding="same", initializer=weights), LeakyReLU(0.2)]
    for narrow, wide in zip(widths[:-1], widths[1:], strict=True):  # 64 → 128 → 256 → 512
        layers += [
            Conv2D(narrow, wide, 4, stride=2, padding="same", bias=False, initializer=weights),
            BatchNorm(wide, activation=LeakyReLU(0.2)),
        ]
    layers += [Flatten(), Dense(size * size * widths[-1], 1, initializer=weights)]
    return Sequential(*layers)
