"""Ten alternating steps of the DCGAN against PyTorch, from the same weights, batches and noise."""

import numpy as np
import pytest

import minigan as mg
from minigan.backend import asarray, to_numpy

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[torch]'")

STEPS, BATCH, WIDTH, LATENT = 10, 16, 32, 128


def run_minigan(dtype):
    generator, discriminator = (network.astype(dtype) for network in mg.models.dcgan(width=WIDTH))
    generator_optimizer = mg.optim.Adam(generator.parameters())
    discriminator_optimizer = mg.optim.Adam(discriminator.parameters())
    return generator, discriminator, generator_optimizer, discriminator_optimizer


def batches(dtype):
    random = np.random.default_rng(7)
    for _ in range(STEPS):
        real = random.uniform(-1, 1, (BATCH, 32, 32, 3)).astype(dtype)
        yield real, *random.standard_normal((2, BATCH, LATENT)).astype(dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-8), ("float32", 2e-3)])
def test_ten_steps_of_dcgan_have_pytorchs_losses(dtype, tolerance):
    # float64: both sides round differently, and ten Adam steps amplify 1e-16 to about 1e-12.
    from minigan.bench import torch_peer

    mg.backend.seed(3)
    generator, discriminator, generator_optimizer, discriminator_optimizer = run_minigan(dtype)
    peers = [peer.to(getattr(torch, dtype)) for peer in torch_peer.dcgan(LATENT, WIDTH)]
    for network, peer in zip((generator, discriminator), peers, strict=True):
        torch_peer.copy_weights(network, peer)
    peer_optimizers = [torch.optim.Adam(peer.parameters(), lr=2e-4, betas=(0.5, 0.999)) for peer in peers]
    objective = mg.losses.NonSaturating()
    differences = []
    for real, z_discriminator, z_generator in batches(dtype):
        ours = (
            mg.gan.discriminator_step(
                generator, discriminator, asarray(real), asarray(z_discriminator), objective, discriminator_optimizer
            ),
            mg.gan.generator_step(generator, discriminator, asarray(z_generator), objective, generator_optimizer),
        )
        theirs = (
            torch_peer.discriminator_step(
                *peers, torch.from_numpy(real.transpose(0, 3, 1, 2).copy()),
                torch.from_numpy(z_discriminator), peer_optimizers[1],
            ),
            torch_peer.generator_step(*peers, torch.from_numpy(z_generator), peer_optimizers[0]),
        )  # fmt: skip
        differences += [abs(float(to_numpy(a)) - float(b)) for a, b in zip(ours, theirs, strict=True)]
    assert max(differences) < tolerance, differences
    print(f"{dtype}: largest difference of 20 losses {max(differences):.1e}")

    # The pictures agree too, in evaluation mode: running statistics moved alike.
    for peer in peers:
        peer.eval()
    z = np.random.default_rng(1).standard_normal((4, LATENT)).astype(dtype)
    ours = to_numpy(generator.forward(asarray(z), train=False)[0])
    theirs = peers[0](torch.from_numpy(z)).detach().numpy().transpose(0, 2, 3, 1)
    assert np.abs(ours - theirs).max() < tolerance * 10
