"""The heart of the project: one training step of the discriminator, and one of the generator.

Algorithm 1 of Goodfellow et al. 2014. The discriminator D learns to tell real images x from generated ones G(z), then
the generator G learns to fool it:

    min_G max_D V(D, G) = E log D(x) + E log(1 − D(G(z)))                                              (equation 1)

The objective (losses.py) turns logits into a loss and its gradient; everything else is here. Neither step changes the
other network's weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, xp

if TYPE_CHECKING:
    from minigan.layers import Layer
    from minigan.losses import Objective
    from minigan.optim import Adam


def discriminator_step(
    generator: Layer,
    discriminator: Layer,
    real: Array,
    z: Array,
    objective: Objective,
    optimizer: Adam,
    callback: Callable[[Array, Array], None] | None = None,
    labels: Array | None = None,
) -> Array:
    """Train the discriminator on one batch of real images and one of generated images.

        maximize E log D(x) + E log(1 − D(G(z)))

    real: (N, H, W, C), scaled to the generator's output range; z: (N, latent_dim), the noise; optimizer: over the
    discriminator's parameters; labels: (N,), the classes of the real images if the networks are conditional, and the
    classes to generate. callback(real_logits, fake_logits), if given, is called with the discriminator's outputs.

    Real and generated images are concatenated into one batch of 2N, which costs less than two passes of N; groups=2
    makes batch normalization compute statistics per half. Returns the loss, a scalar on the device.
    """
    fake, _ = generator.forward(conditioned(z, labels))  # G(z), a constant here: its cache is dropped
    images = concatenate(real, fake)  # (2N, H, W, C)
    classes = None if labels is None else concatenate(labels, labels)
    logits, cache = discriminator.forward(conditioned(images, classes), groups=2)  # (2N, 1)
    real_logits, fake_logits = logits[: len(real)], logits[len(real) :]  # D(x) and D(G(z)) before the sigmoid

    loss, d_real, d_fake = objective.discriminator(real_logits, fake_logits)  # −E log D(x) − E log(1 − D(G(z)))

    optimizer.zero_grad()
    discriminator.backward(concatenate(d_real, d_fake), cache, input_grad=False)
    optimizer.step()

    if callback is not None:
        callback(real_logits, fake_logits)
    return loss


def generator_step(
    generator: Layer,
    discriminator: Layer,
    z: Array,
    objective: Objective,
    optimizer: Adam,
    labels: Array | None = None,
) -> Array:
    """Train the generator on one batch of noise: the gradient flows through the discriminator, not into it.

        minimize E log(1 − D(G(z))), or, non-saturating, maximize E log D(G(z))

    z: (N, latent_dim), the noise; optimizer: over the generator's parameters; labels: (N,), the classes to generate if
    the networks are conditional. D is evaluated again, since its weights were just updated; its running statistics
    move once more, as in PyTorch's DCGAN example. Returns the loss, a scalar on the device.
    """
    fake, generator_cache = generator.forward(conditioned(z, labels))  # G(z)
    logits, discriminator_cache = discriminator.forward(conditioned(fake, labels))  # D(G(z)) before the sigmoid

    loss, d_logits = objective.generator(logits)  # −E log D(G(z))

    optimizer.zero_grad()
    d_fake = discriminator.backward(d_logits, discriminator_cache, param_grads=False)  # ∂L/∂G(z)
    generator.backward(d_fake, generator_cache, input_grad=False)
    optimizer.step()
    return loss


def conditioned(x: Array, labels: Array | None) -> Any:
    """The input of a network: x alone, or (x, labels) if the network is conditioned on a class."""
    return x if labels is None else (x, labels)


def concatenate(first: Array, second: Array) -> Array:
    """Concatenate two batches, (N, ...) and (M, ...) to (N + M, ...), by two copies that a CUDA graph can record."""
    both = xp.empty((len(first) + len(second), *first.shape[1:]), first.dtype)
    both[: len(first)], both[len(first) :] = first, second
    return both
