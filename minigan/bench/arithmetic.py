"""How much arithmetic a training step is: that of its matrix products, as if none were saved."""

from minigan.layers import Conv2D, ConvTranspose2D, Dense
from minigan.models import dcgan

BLAS_SIZE = 1024
BLAS_FLOP = 2 * BLAS_SIZE**3


def multiplications(network, x):
    """Multiplications per picture in the forward pass of each layer that has any, in order."""
    counts = []
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


def bytes_per_step(width, batch_size):
    """The least that a training step moves in float32: 28 bytes a parameter for Adam (value, gradient and two moments
    read, three of them written), and each layer's output written once and read twice, in each of its passes.
    """
    from minigan.backend import xp

    generator, discriminator = dcgan(width=width)
    z = xp.zeros((1, 128), "float32")
    numbers, passes = [], []
    for network, x, times in ((generator, z, 2 + 1), (discriminator, generator.forward(z, train=False)[0], 3 + 3)):
        for layer in network.layers:
            x, _ = layer.forward(x, train=False)
            numbers.append(x.size)
            passes.append(times)
    parameters = sum(param.value.size for network in (generator, discriminator) for param in network.parameters())
    return 28 * parameters + batch_size * 12 * sum(n * times for n, times in zip(numbers, passes, strict=True))


def flop_per_image(width):
    """Floating-point operations of one training step, per real picture: two for each multiplication and addition.

    Each layer's forward, input gradient and weight gradient take the same number. The generator goes forward twice
    and backward once; the discriminator forward three times, backward with both gradients twice and with the input
    gradient alone once. The first layer's input gradient is not needed in either network's own step. Padding and
    products that a faster algorithm saves count as done.
    """
    from minigan.backend import xp

    generator, discriminator = dcgan(width=width)
    z = xp.zeros((1, 128), "float32")
    picture, _ = generator.forward(z, train=False)
    g, d = multiplications(generator, z), multiplications(discriminator, picture)
    of_generator = 2 * sum(g) + sum(g) + sum(g[1:])
    of_discriminator = 3 * sum(d) + 2 * (sum(d) + sum(d[1:])) + sum(d)
    return 2 * (of_generator + of_discriminator)
