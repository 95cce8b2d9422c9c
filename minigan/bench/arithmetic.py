"""The arithmetic of a training step: that of its matrix products, as if an algorithm saved none of it."""

from minigan.backend import Array
from minigan.layers import Conv2D, ConvTranspose2D, Dense, Sequential
from minigan.models import dcgan

BLAS_SIZE = 1024
BLAS_FLOP = 2 * BLAS_SIZE**3


def multiplications(network: Sequential, x: Array) -> list[int]:
    """Multiplications per image in the forward pass of each layer that has any, in order. x: (1, …), an input."""
    counts: list[int] = []
    for layer in network.layers:
        shape = x.shape
        x, _ = layer.forward(x, train=False)
        if isinstance(layer, Dense):
            counts.append(layer.weight.value.size)
        elif isinstance(layer, Conv2D):
            counts.append(layer.weight.value.size * x.shape[1] * x.shape[2])
        elif isinstance(layer, ConvTranspose2D):
            counts.append(layer.weight.value.size * shape[1] * shape[2])
    return counts


def bytes_per_step(width: int, batch_size: int) -> int:
    """The minimum memory traffic of a training step in float32, in bytes.

    Adam takes 28 bytes a parameter (value, gradient and two moments read, three of them written). Each layer's output
    is written once and read twice, in each of its passes.
    """
    from minigan.backend import xp

    generator, discriminator = dcgan(width=width)
    z = xp.zeros((1, 128), "float32")
    images, _ = generator.forward(z, train=False)
    numbers = 0  # of all outputs in all passes, per image
    for network, x, passes in ((generator, z, 2 + 1), (discriminator, images, 3 + 3)):  # forward + backward
        for layer in network.layers:
            x, _ = layer.forward(x, train=False)
            numbers += passes * x.size
    parameters = sum(param.value.size for network in (generator, discriminator) for param in network.parameters())
    return 28 * parameters + batch_size * 12 * numbers


def flop_per_image(width: int) -> int:
    """Floating-point operations of one training step, per real image: two for each multiplication and addition.

    Each layer's forward pass, input gradient and weight gradient take the same number. The generator runs forward twice
    and backward once; the discriminator runs forward three times, backward with both gradients twice, and backward with
    the input gradient alone once. The input gradient of the first layer is not needed in a network's own step. Padding,
    and products that a faster algorithm saves, are counted.
    """
    from minigan.backend import xp

    generator, discriminator = dcgan(width=width)
    z = xp.zeros((1, 128), "float32")
    images, _ = generator.forward(z, train=False)
    g, d = multiplications(generator, z), multiplications(discriminator, images)
    of_generator = 2 * sum(g) + sum(g) + sum(g[1:])
    of_discriminator = 3 * sum(d) + 2 * (sum(d) + sum(d[1:])) + sum(d)
    return 2 * (of_generator + of_discriminator)
