"""A conditional GAN: both networks are told the class, and the generator can be asked for one."""

from minigan.initializers import normal
from minigan.layers import Conditional, Dense, Embedding, Reshape, Sequential
from minigan.models.dcgan import downsample, halvings, judge, project, upsample


def cgan(image_size=28, channels=1, classes=10, latent_dim=100, width=64):
    """(generator, discriminator), each of two inputs (Mirza and Osindero 2014). At the default sizes:

        generator      z(100) → Dense 6272 → 7×7×128     ┐
                       label → Embedding 50 → 7×7×1      ┴ 7×7×129 → 14×14×64 → 28×28×1, tanh
        discriminator  picture 28×28×1                   ┐
                       label → Embedding 50 → 28×28×1    ┴ 28×28×2 → 14×14×64 → 7×7×128 → Dense 1, a logit

    The networks of dcgan(), and one channel more at the beginning of each: a picture of the class, learned. Both are
    called with (z, labels) or (pictures, labels); z: (N, latent_dim), labels: (N,) integers in [0, classes),
    pictures: (N, image_size, image_size, channels) in [−1, 1]. Raises ValueError as dcgan() does.
    """
    size, widths = halvings("cgan", image_size, width)
    wide = widths[-1]
    generator = Conditional(
        Sequential(*project(latent_dim, size, wide)),
        label_picture(classes, size),
        Sequential(*upsample(wide + 1, widths, channels)),
    )
    discriminator = Conditional(
        Sequential(),
        label_picture(classes, image_size),
        Sequential(*downsample(channels + 1, widths), *judge(size, wide)),
    )
    return generator, discriminator


def label_picture(classes, size):
    """A class as a channel: (N,) → Embedding (N, 50) → Dense → (N, size, size, 1)."""
    return Sequential(Embedding(classes, 50), Dense(50, size * size, initializer=normal(0.02)), Reshape(size, size, 1))
