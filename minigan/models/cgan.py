"""A conditional GAN: both networks are conditioned on a class, so a class can be chosen for each sample."""

from minigan.initializers import Initializer, normal
from minigan.layers import Conditional, Conv2D, Dense, Embedding, Reshape, Sequential, Tanh
from minigan.models.dcgan import downsample, logit_head, project, upsample
from minigan.ops.geometry import require_sizes
from minigan.random import RandomStream


def cgan(
    image_size: int = 28,
    channels: int = 1,
    classes: int = 10,
    latent_dim: int = 100,
    width: int = 64,
    random: RandomStream | None = None,
) -> tuple[Conditional, Conditional]:
    """(generator, discriminator), each of two inputs (Mirza and Osindero 2014). At the default sizes:

        generator      z(100) → Dense 6272 → 7×7×128     ┐
                       label → Embedding 50 → 7×7×1      ┴ 7×7×129 → 14×14×64 → 28×28×32 → 28×28×1, tanh
        discriminator  image 28×28×1                     ┐
                       label → Embedding 50 → 28×28×1    ┴ 28×28×2 → 14×14×64 → 7×7×128 → Dense 1, a logit

    The layers are those of dcgan(), with one more channel at the beginning of each network: a learned image of the
    class. The generator's last layer is a 3×3 convolution. Both networks take a tuple, (z, labels) or (images, labels).

    image_size is halved while it is even and larger than 4, at most four times. z: (N, latent_dim), labels: (N,)
    integers in [0, classes), images: (N, image_size, image_size, channels) in [−1, 1]. Initial weights are drawn from
    the stream `random`. Raises ValueError for an image_size that cannot be halved.
    """
    require_sizes("cgan", image_size=image_size, channels=channels, classes=classes, latent_dim=latent_dim, width=width)
    sizes = [image_size]
    while sizes[-1] % 2 == 0 and sizes[-1] > 4 and len(sizes) < 5:
        sizes.append(sizes[-1] // 2)
    if len(sizes) == 1:
        raise ValueError(f"cgan: expected an even image_size of at least 6, got {image_size}")
    size, widths = sizes[-1], [width * 2**i for i in range(len(sizes) - 1)]  # 7, [64, 128]
    max_width, min_width = widths[-1], max(1, width // 2)  # 128, 32
    weights = normal(0.02, random)
    table = normal(0.05, random)
    generator = Conditional(
        Sequential(*project(latent_dim, size, max_width, weights)),
        label_channel(classes, size, table, weights),
        Sequential(
            *upsample(sizes[::-1], [max_width + 1, *widths[-2::-1], min_width], weights),
            Conv2D(min_width, channels, 3, padding="same", initializer=weights),
            Tanh(),
        ),
    )
    discriminator = Conditional(
        Sequential(),
        label_channel(classes, image_size, table, weights),
        Sequential(*downsample([channels + 1, *widths], weights), *logit_head(size, max_width, weights)),
        input_shape=(image_size, image_size, channels),
    )
    return generator, discriminator


def label_channel(classes: int, size: int, table: Initializer, weights: Initializer) -> Sequential:
    """A class as one channel: (N,) → Embedding (N, 50) → Dense → (N, size, size, 1)."""
    return Sequential(
        Embedding(classes, 50, initializer=table),
        Dense(50, size * size, initializer=weights),
        Reshape(size, size, 1),
    )
