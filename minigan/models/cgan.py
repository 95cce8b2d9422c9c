"""A conditional GAN: both networks are told the class, and the generator can be asked for one."""

from minigan.initializers import normal
from minigan.layers import Conditional, Conv2D, Dense, Embedding, Reshape, Sequential, Tanh
from minigan.models.dcgan import downsample, judge, project, upsample


def cgan(image_size=28, channels=1, classes=10, latent_dim=100, width=64):
    """(generator, discriminator), each of two inputs (Mirza and Osindero 2014). At the default sizes:

        generator      z(100) → Dense 6272 → 7×7×128     ┐
                       label → Embedding 50 → 7×7×1      ┴ 7×7×129 → 14×14×64 → 28×28×32 → 28×28×1, tanh
        discriminator  picture 28×28×1                   ┐
                       label → Embedding 50 → 28×28×1    ┴ 28×28×2 → 14×14×64 → 7×7×128 → Dense 1, a logit

    Layers as in dcgan(), and one channel more at the beginning of each network: a picture of the class, learned. The
    generator's last layer is a 3×3 convolution. Both are called with (z, labels) or (pictures, labels); image_size is
    halved while it is even and larger than 4, at most four times. z: (N, latent_dim), labels: (N,) integers in
    [0, classes), pictures: (N, image_size, image_size, channels) in [−1, 1]. Raises ValueError for an image_size that
    cannot be halved.
    """
    sizes = [image_size]
    while sizes[-1] % 2 == 0 and sizes[-1] > 4 and len(sizes) < 5:
        sizes.append(sizes[-1] // 2)
    if len(sizes) == 1:
        raise ValueError(f"cgan: expected an even image_size of at least 6, got {image_size}")
    size, widths = sizes[-1], [width * 2**i for i in range(len(sizes) - 1)]  # 7, [64, 128]
    wide, narrow = widths[-1], max(1, width // 2)
    generator = Conditional(
        Sequential(*project(latent_dim, size, wide)),
        label_picture(classes, size),
        Sequential(
            *upsample(sizes[::-1], [wide + 1, *widths[-2::-1], narrow]),
            Conv2D(narrow, channels, 3, padding="same", initializer=normal(0.02)),
            Tanh(),
        ),
    )
    discriminator = Conditional(
        Sequential(),
        label_picture(classes, image_size),
        Sequential(*downsample([channels + 1, *widths]), *judge(size, wide)),
        input_shape=(image_size, image_size, channels),
    )
    return generator, discriminator


def label_picture(classes, size):
    """A class as a channel: (N,) → Embedding (N, 50) → Dense → (N, size, size, 1)."""
    return Sequential(Embedding(classes, 50), Dense(50, size * size, initializer=normal(0.02)), Reshape(size, size, 1))
