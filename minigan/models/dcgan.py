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

    image_size is halved until it is 2, or has been rounded up once (28 → 14 → 7 → 4), at most four times; channels
    double from `width` at each halving. z: (N, latent_dim), pictures: (N, image_size, image_size, channels) in [−1, 1].
    Raises ValueError for an odd image_size, or one below 4.
    """
    sizes = halvings("dcgan", image_size)
    widths = [width * 2**i for i in range(len(sizes) - 1)]  # 64, 128, 256, 512
    generator = Sequential(
        *project(latent_dim, sizes[-1], widths[-1]),
        *upsample(sizes[:0:-1], widths[::-1]),
        ConvTranspose2D(widths[0], channels, 4, stride=2, padding="same", initializer=normal(0.02)),
        Tanh(),
    )
    discriminator = Sequential(
        *downsample([channels, *widths]),
        *judge(sizes[-1], widths[-1]),
        input_shape=(image_size, image_size, channels),
    )
    return generator, discriminator


def halvings(name, image_size):
    """The sizes from the picture inwards: [32, 16, 8, 4, 2], or [28, 14, 7, 4]."""
    if image_size % 2 or image_size < 4:
        raise ValueError(f"{name}: expected an even image_size of at least 4, got {image_size}")
    sizes = [image_size]
    while sizes[-1] > 2 and len(sizes) < 5:
        sizes.append(-(-sizes[-1] // 2))
        if sizes[-2] % 2:
            break
    return sizes


def project(latent_dim, size, channels):
    """The generator's beginning: z becomes the smallest picture. (N, latent_dim) → (N, size, size, channels)."""
    return [
        Dense(latent_dim, size * size * channels, bias=False, initializer=normal(0.02)),
        Reshape(size, size, channels),
        BatchNorm(channels, activation=LeakyReLU(0.2)),
    ]


def upsample(sizes, widths):
    """Transposed convolutions that double the picture: (N, size, size, wide) → (N, 2·size, 2·size, narrow), each.

    sizes, widths: of the pictures on the way and of their channels, from the smallest picture on.
    """
    layers = []
    for size, wide, narrow in zip(sizes[1:], widths[:-1], widths[1:], strict=True):  # 512 → 256 → 128 → 64
        padding = (1, 1 + size % 2)  # that of "same", read backwards: 7 pixels became 4, so 4 become 7
        layers += [
            ConvTranspose2D(wide, narrow, 4, 2, (padding, padding), bias=False, initializer=normal(0.02)),
            BatchNorm(narrow, activation=LeakyReLU(0.2)),
        ]
    return layers


def downsample(widths):
    """The discriminator's beginning, convolutions that halve: (N, size, size, narrow) → (N, size / 2, size / 2, wide).

    widths: channels from the picture inwards.
    """
    layers = [Conv2D(widths[0], widths[1], 4, stride=2, padding="same", initializer=normal(0.02)), LeakyReLU(0.2)]
    for narrow, wide in zip(widths[1:-1], widths[2:], strict=True):  # 64 → 128 → 256 → 512
        layers += [
            Conv2D(narrow, wide, 4, stride=2, padding="same", bias=False, initializer=normal(0.02)),
            BatchNorm(wide, activation=LeakyReLU(0.2)),
        ]
    return layers


def judge(size, channels):
    """The end of it: one number, a logit. (N, size, size, channels) → (N, 1)."""
    return [Flatten(), Dense(size * size * channels, 1, initializer=normal(0.02))]
