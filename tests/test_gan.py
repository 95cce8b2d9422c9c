"""The two steps: each updates its own network, and the losses of ten steps are those of the first, checked version."""

import json
from pathlib import Path

import numpy as np
import pytest

import minigan as mg
from minigan.backend import asarray, to_numpy

GOLDEN = Path(__file__).parent / "golden" / "ten_steps.json"


def networks_and_optimizers(seed=0, width=8):
    mg.backend.seed(seed)
    generator, discriminator = mg.models.dcgan(width=width, latent_dim=16)
    return generator, discriminator, mg.optim.Adam(generator.parameters()), mg.optim.Adam(discriminator.parameters())


def batch(n=8):
    real = asarray(mg.data.load("shapes", count=n).images).astype("float32") / 127.5 - 1
    return real, mg.backend.random.normal((n, 16))


def weights(network):
    """Only the parameters: every forward pass in training mode updates the running statistics."""
    return {name: np.array(to_numpy(param.value)) for name, param in network.named_parameters()}


def test_the_discriminator_step_updates_only_the_discriminator():
    generator, discriminator, _, optimizer = networks_and_optimizers()
    real, z = batch()
    g, d = weights(generator), weights(discriminator)
    mg.gan.discriminator_step(generator, discriminator, real, z, mg.losses.NonSaturating(), optimizer)
    assert all((g[name] == value).all() for name, value in weights(generator).items())
    assert all((d[name] != value).any() for name, value in weights(discriminator).items())
    assert not any(to_numpy(param.grad).any() for param in generator.parameters())


def test_the_generator_step_updates_only_the_generator():
    generator, discriminator, optimizer, _ = networks_and_optimizers()
    _, z = batch()
    g, d = weights(generator), weights(discriminator)
    mg.gan.generator_step(generator, discriminator, z, mg.losses.NonSaturating(), optimizer)
    assert all((d[name] == value).all() for name, value in weights(discriminator).items())
    assert all((g[name] != value).any() for name, value in weights(generator).items())
    assert not any(to_numpy(param.grad).any() for param in discriminator.parameters())


def test_the_callback_receives_the_logits_of_both_batches():
    """Those that the loss was computed from, before the weights changed."""
    generator, discriminator, _, optimizer = networks_and_optimizers()
    real, z = batch()
    received = []
    objective = mg.losses.NonSaturating()
    loss = mg.gan.discriminator_step(
        generator, discriminator, real, z, objective, optimizer, callback=lambda *logits: received.append(logits)
    )
    ((real_logits, fake_logits),) = received
    assert real_logits.shape == fake_logits.shape == (8, 1)
    assert float(to_numpy(objective.discriminator(real_logits, fake_logits)[0])) == float(to_numpy(loss))
    other = networks_and_optimizers()
    expected, _ = other[1].forward(real)
    np.testing.assert_allclose(to_numpy(real_logits), to_numpy(expected), rtol=1e-3, atol=1e-5)


def test_each_step_lowers_its_own_loss():
    """Repeated on one batch: the gradients have the right sign through both networks."""
    generator, discriminator, generator_optimizer, discriminator_optimizer = networks_and_optimizers()
    real, z = batch()
    objective = mg.losses.NonSaturating()
    losses = [
        float(mg.gan.discriminator_step(generator, discriminator, real, z, objective, discriminator_optimizer))
        for _ in range(8)
    ]
    assert losses[-1] < losses[0] / 2
    losses = [
        float(mg.gan.generator_step(generator, discriminator, z, objective, generator_optimizer)) for _ in range(8)
    ]
    assert losses[-1] < losses[0] * 0.8


def test_the_whole_generator_step_has_the_right_gradient():
    """d loss / d (each generator weight), through the discriminator, against finite differences."""

    class Both(mg.layers.Layer):
        def __init__(self):
            self.generator, self.discriminator = (n.astype("float64") for n in networks_and_optimizers(width=2)[:2])

        def forward(self, z, train=True, groups=1):
            fake, cache_g = self.generator.forward(z, train, groups)
            logits, cache_d = self.discriminator.forward(fake, train, groups)
            return logits, (cache_g, cache_d)

        def backward(self, dy, cache, param_grads=True, input_grad=True):
            cache_g, cache_d = cache
            d_fake = self.discriminator.backward(dy, cache_d, param_grads)
            return self.generator.backward(d_fake, cache_g, param_grads, input_grad)

    # The step is so small that no activation crosses the kink of LeakyReLU.
    mg.gradcheck.check(Both(), np.random.default_rng(1).standard_normal((3, 16)), step=1e-6, tolerance=1e-5)


def ten_steps(dtype):
    generator, discriminator, _, _ = networks_and_optimizers(seed=5)
    generator.astype(dtype), discriminator.astype(dtype)
    generator_optimizer = mg.optim.Adam(generator.parameters())
    discriminator_optimizer = mg.optim.Adam(discriminator.parameters())
    losses = []
    for objective in (mg.losses.NonSaturating(), mg.losses.LeastSquares()):
        for _ in range(5):
            real, z = batch()
            losses += [
                mg.gan.discriminator_step(
                    generator, discriminator, real.astype(dtype), z.astype(dtype), objective, discriminator_optimizer
                ),
                mg.gan.generator_step(generator, discriminator, z.astype(dtype), objective, generator_optimizer),
            ]
    return [float(to_numpy(loss)) for loss in losses]


@pytest.mark.parametrize(("dtype", "steps", "tolerance"), [("float64", 20, 1e-9), ("float32", 6, 1e-3)])
def test_ten_steps_have_the_stored_losses(dtype, steps, tolerance):
    """One list for both backends. This code wrote it when it agreed with PyTorch (test_torch_parity.py);
    `python tests/test_gan.py` writes it again.

    In float32 only three steps are compared: Adam's first steps are ±lr if |g| exceeds ε, so a rounding error in a
    small gradient becomes a whole step, and differences grow about tenfold per step. PyTorch's two memory layouts
    differ from each other in the same way."""
    expected = json.loads(GOLDEN.read_text())
    np.testing.assert_allclose(ten_steps(dtype)[:steps], expected[:steps], rtol=tolerance)


def test_dcgan_has_the_sizes_in_its_docstring():
    generator, discriminator = mg.models.dcgan()
    x = asarray(np.random.default_rng(0).standard_normal((2, 128)).astype("float32"))
    shapes = []
    for network in (generator, discriminator):
        for layer in network.layers:
            x, _ = layer.forward(x)
            if layer.parameters() and not isinstance(layer, mg.layers.BatchNorm):
                shapes.append(x.shape[1:])
    assert shapes == [
        (2048,), (4, 4, 256), (8, 8, 128), (16, 16, 64), (32, 32, 3),
        (16, 16, 64), (8, 8, 128), (4, 4, 256), (2, 2, 512), (1,),
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "start"), [(28, 4), (64, 4), (16, 2), (48, 3), (4, 2)])
def test_dcgan_for_other_image_sizes(size, start):
    generator, discriminator = mg.models.dcgan(image_size=size, channels=1, latent_dim=10, width=4)
    z = asarray(np.zeros((2, 10), "float32"))
    images, _ = generator.forward(z)
    assert generator.layers[1].shape[0] == start
    assert images.shape == (2, size, size, 1)
    assert discriminator.forward(images)[0].shape == (2, 1)


def test_dcgan_refuses_odd_image_sizes():
    with pytest.raises(ValueError, match="even image_size"):
        mg.models.dcgan(image_size=33)


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(ten_steps("float64"), indent=1) + "\n")
