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
    size, widths = halvings("dcgan", image_size, width)
    generator = Sequential(*project(latent_dim, size, widths[-1]), *upsample(widths[-1], widths, channels))
    discriminator = Sequential(*downsample(channels, widths), *judge(size, widths[-1]))
    return generator, discriminator


def halvings(name, image_size, width):
    """(2, [64, 128, 256, 512]) for 32: the size of the smallest picture, and the channels from the outside in."""
    size, widths = image_size, list[int]()
    while size % 2 == 0 and size > 2 and len(widths) < 4:
        size //= 2
        widths.append(width * 2 ** len(widths))
    if not widths:
        raise ValueError(f"{name}: expected an even image_size of at least 4, got {image_size}")
    return size, widths


def project(latent_dim, size, channels):
    """The generator's beginning: z becomes the smallest picture. (N, latent_dim) → (N, size, size, channels)."""
    return [
        Dense(latent_dim, size * size * channels, bias=False, initializer=normal(0.02)),
        Reshape(size, size, channels),
        BatchNorm(channels, activation=LeakyReLU(0.2)),
    ]


def upsample(in_channels, widths, channels):
    """The rest of it: each transposed convolution doubles the picture, the last one colours it."""
    layers, wide = [], in_channels
    for narrow in widths[-2::-1]:  # 512 → 256 → 128 → 64
        layers += [
            ConvTranspose2D(wide, narrow, 4, stride=2, padding="same", bias=False, initializer=normal(0.02)),
            BatchNorm(narrow, activation=LeakyReLU(0.2)),
        ]
        wide = narrow
    return [*layers, ConvTranspose2D(wide, channels, 4, stride=2, padding="same", initializer=normal(0.02)), Tanh()]


def downsample(in_channels, widths):
    """The discriminator's beginning: each convolution halves the picture."""
    layers = [Conv2D(in_channels, widths[0], 4, stride=2, padding="same", initializer=normal(0.02)), LeakyReLU(0.2)]
    for narrow, wide in zip(widths[:-1], widths[1:], strict=True):  # 64 → 128 → 256 → 512
        layers += [
            Conv2D(narrow, wide, 4, stride=2, padding="same", bias=False, initializer=normal(0.02)),
            BatchNorm(wide, activation=LeakyReLU(0.2)),
        ]
    return layers


def judge(size, channels):
    """The end of it: one number, a logit. (N, size, size, channels) → (N, 1)."""
    return [Flatten(), Dense(size * size * channels, 1, initializer=normal(0.02))]
