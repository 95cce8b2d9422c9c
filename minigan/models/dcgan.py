"""DCGAN: a convolutional generator and discriminator, each the mirror image of the other."""

from minigan.initializers import Initializer, normal
from minigan.layers import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    Layer,
    LeakyReLU,
    Reshape,
    Sequential,
    Tanh,
)
from minigan.ops.geometry import require_sizes
from minigan.random import RandomStream


def dcgan(
    image_size: int = 32,
    channels: int = 3,
    latent_dim: int = 128,
    width: int = 64,
    random: RandomStream | None = None,
) -> tuple[Sequential, Sequential]:
    """(generator, discriminator) of DCGAN (Radford, Metz and Chintala 2016).

    At the default sizes:

        generator      z(128) → Dense 2048 → 2×2×512 → 4×4×256 → 8×8×128 → 16×16×64 → 32×32×3, tanh
        discriminator  32×32×3 → 16×16×64 → 8×8×128 → 4×4×256 → 2×2×512 → Dense 1, a logit

    Kernels are 4×4, strides 2, padding "same". Batch normalization follows every layer except the generator's output
    and the discriminator's input; LeakyReLU 0.2; weights from N(0, 0.02²), drawn from the stream `random`. A layer
    followed by batch normalization has no bias, since the mean is subtracted right after it.

    image_size is halved, at most four times, until it is 2 or has been rounded up once (28 → 14 → 7 → 4); the channels
    start from `width` and double at each halving. z: (N, latent_dim), images: (N, image_size, image_size, channels) in
    [−1, 1]. Raises ValueError for an image_size that is odd or below 4.
    """
    require_sizes("dcgan", image_size=image_size, channels=channels, latent_dim=latent_dim, width=width)
    sizes = halvings("dcgan", image_size)
    widths = [width * 2**i for i in range(len(sizes) - 1)]  # 64, 128, 256, 512
    weights = normal(0.02, random)
    generator = Sequential(
        *project(latent_dim, sizes[-1], widths[-1], weights),
        *upsample(sizes[:0:-1], widths[::-1], weights),
        ConvTranspose2D(widths[0], channels, 4, stride=2, padding="same", initializer=weights),
        Tanh(),
    )
    discriminator = Sequential(
        *downsample([channels, *widths], weights),
        *logit_head(sizes[-1], widths[-1], weights),
        input_shape=(image_size, image_size, channels),
    )
    return generator, discriminator


def halvings(name: str, image_size: int) -> list[int]:
    """The image sizes in the discriminator, from its input to its last layer: [32, 16, 8, 4, 2], or [28, 14, 7, 4]."""
    if image_size % 2 or image_size < 4:
        raise ValueError(f"{name}: expected an even image_size of at least 4, got {image_size}")
    sizes = [image_size]
    while sizes[-1] > 2 and len(sizes) < 5:
        sizes.append(-(-sizes[-1] // 2))
        if sizes[-2] % 2:
            break
    return sizes


def project(latent_dim: int, size: int, channels: int, weights: Initializer) -> list[Layer]:
    """The generator's first layers: z becomes the smallest image. (N, latent_dim) → (N, size, size, channels)."""
    return [
        Dense(latent_dim, size * size * channels, bias=False, initializer=weights),
        Reshape(size, size, channels),
        BatchNorm(channels, activation=LeakyReLU(0.2)),
    ]


def upsample(sizes: list[int], widths: list[int], weights: Initializer) -> list[Layer]:
    """Transposed convolutions that double the image: (N, size, size, C) → (N, 2·size, 2·size, C / 2), each.

    sizes, widths: the sizes of the images and their channels, starting from the smallest image.
    """
    layers: list[Layer] = []
    for size, in_channels, out_channels in zip(sizes[1:], widths[:-1], widths[1:], strict=True):  # 512 → 256 → 128 → 64
        padding = (1, 1 + size % 2)  # that of "same" in the mirrored convolution: 7 pixels became 4, so 4 become 7
        layers += [
            ConvTranspose2D(in_channels, out_channels, 4, 2, (padding, padding), bias=False, initializer=weights),
            BatchNorm(out_channels, activation=LeakyReLU(0.2)),
        ]
    return layers


def downsample(widths: list[int], weights: Initializer) -> list[Layer]:
    """The discriminator's convolutions, which halve the image: (N, size, size, C) → (N, size / 2, size / 2, 2·C), each.

    widths: the channels, starting from those of the image.
    """
    layers: list[Layer] = [
        Conv2D(widths[0], widths[1], 4, stride=2, padding="same", initializer=weights),
        LeakyReLU(0.2),
    ]
    for in_channels, out_channels in zip(widths[1:-1], widths[2:], strict=True):  # 64 → 128 → 256 → 512
        layers += [
            Conv2D(in_channels, out_channels, 4, stride=2, padding="same", bias=False, initializer=weights),
            BatchNorm(out_channels, activation=LeakyReLU(0.2)),
        ]
    return layers


def logit_head(size: int, channels: int, weights: Initializer) -> list[Layer]:
    """The discriminator's last layers: one number, a logit. (N, size, size, channels) → (N, 1)."""
    return [Flatten(), Dense(size * size * channels, 1, initializer=weights)]
