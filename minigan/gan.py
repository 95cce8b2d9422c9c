"""The heart of the project: one step of each player.

Algorithm 1 of Goodfellow et al. 2014: the discriminator learns to tell real pictures from the generator's, then
the generator learns to make it err. Neither step moves the other player's weights.
"""

from minigan.backend import xp


def discriminator_step(generator, discriminator, real, z, objective, optimizer, watch=None, labels=None):
    """One step of the discriminator on a batch of real pictures and a batch of fakes.

    real: (N, H, W, C) scaled to the generator's range; z: (N, latent_dim) noise; optimizer: over the
    discriminator's parameters. `watch(real_scores, fake_scores)`, if given, sees the two outputs.
    labels: (N,) classes of the real pictures, for a conditional pair; the fakes are asked for the same classes.
    Real and fake pass through the discriminator side by side, as two batches (train=2): batch normalization takes
    the statistics of each by itself. Returns the loss, a scalar on the device.
    """
    fake, _ = generator.forward(conditioned(z, labels))  # its cache is dropped: nothing flows into the generator
    pictures, classes = side_by_side(real, fake), None if labels is None else side_by_side(labels, labels)
    scores, cache = discriminator.forward(conditioned(pictures, classes), train=2)
    real_scores, fake_scores = scores[: len(real)], scores[len(real) :]

    loss, d_real, d_fake = objective.discriminator(real_scores, fake_scores)

    optimizer.zero_grad()
    discriminator.backward(side_by_side(d_real, d_fake), cache, input_grad=False)
    optimizer.step()

    if watch is not None:
        watch(real_scores, fake_scores)
    return loss


def generator_step(generator, discriminator, z, objective, optimizer, labels=None):
    """One step of the generator, through the discriminator and not into it.

    z: (N, latent_dim) noise; optimizer: over the generator's parameters; labels: (N,) classes to ask for, for a
    conditional pair. The discriminator sees the fakes anew, because its weights have changed since its own step; its
    running statistics move once more, as in PyTorch's example. Returns the loss, a scalar on the device.
    """
    fake, generator_cache = generator.forward(conditioned(z, labels))
    scores, discriminator_cache = discriminator.forward(conditioned(fake, labels))

    loss, d_scores = objective.generator(scores)

    optimizer.zero_grad()
    d_fake = discriminator.backward(d_scores, discriminator_cache, param_grads=False)
    generator.backward(d_fake, generator_cache, input_grad=False)
    optimizer.step()
    return loss


def conditioned(x, labels):
    """What a network is called with: x alone, or (x, labels) where it is told the class."""
    return x if labels is None else (x, labels)


def side_by_side(real, fake):
    """(2N, ...): the one batch, then the other. Two plain copies, which a CUDA graph can hold."""
    both = xp.empty((len(real) + len(fake), *real.shape[1:]), real.dtype)
    both[: len(real)], both[len(real) :] = real, fake
    return both
