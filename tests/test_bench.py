"""The benchmark counts the right arithmetic, and its peers do the same work."""

import pytest

from minigan.bench.arithmetic import flop_per_image


def test_arithmetic_of_the_reference_networks():
    """By hand: a discriminator of 3-64-128-256-512 channels, 4×4 kernels, 32 to 2 pixels, and its mirror."""
    first = 16 * 16 * 64 * 48
    convolutions = first + 8 * 8 * 128 * 1024 + 4 * 4 * 256 * 2048 + 2 * 2 * 512 * 4096
    of_generator = 4 * convolutions + 3 * 128 * 2048
    of_discriminator = 8 * (convolutions + 2048) - 2 * first
    assert flop_per_image(64) == 2 * (of_generator + of_discriminator)


def test_the_tensorflow_peer_has_the_same_networks():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install '.[tensorflow]'")
    import minigan as mg
    from minigan.bench import tensorflow_peer

    for ours, theirs in zip(mg.models.dcgan(width=8), tensorflow_peer.dcgan(8), strict=True):
        trainable = sum(int(v.shape.num_elements() or 1) for v in theirs.trainable_variables)
        assert trainable == sum(param.value.size for param in ours.parameters())
