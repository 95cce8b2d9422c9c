"""The same DCGAN and the same training step in PyTorch, for the benchmark and the parity tests."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from minigan.layers import Sequential


def dcgan(latent_dim: int = 128, width: int = 64) -> tuple[nn.Sequential, nn.Sequential]:
    """(generator, discriminator): minigan.models.dcgan() for images of 32×32×3, layer for layer."""
    channels = [8 * width, 4 * width, 2 * width, width]
    generator: list[nn.Module] = [
        nn.Linear(latent_dim, 4 * channels[0], bias=False),
        nn.Unflatten(1, (channels[0], 2, 2)),
        nn.BatchNorm2d(channels[0]),
        nn.LeakyReLU(0.2),
    ]
    discriminator: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for more, fewer in zip(channels[:-1], channels[1:], strict=True):
        generator += [
            nn.ConvTranspose2d(more, fewer, 4, 2, 1, bias=False),
            nn.BatchNorm2d(fewer),
            nn.LeakyReLU(0.2),
        ]
    generator += [nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh()]
    for fewer, more in zip(channels[:0:-1], channels[-2::-1], strict=True):
        discriminator += [
            nn.Conv2d(fewer, more, 4, 2, 1, bias=False),
            nn.BatchNorm2d(more),
            nn.LeakyReLU(0.2),
        ]
    discriminator += [nn.Flatten(), nn.Linear(4 * channels[0], 1)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


def discriminator_step(
    generator: nn.Module, discriminator: nn.Module, real: Tensor, z: Tensor, optimizer: Optimizer
) -> Tensor:
    """As in pytorch/examples/dcgan: real and fake as two batches, their gradients accumulated, one step."""
    with torch.no_grad():  # the fakes are constants here
        fake = generator(z)
    bce = nn.functional.binary_cross_entropy_with_logits
    real_logits, fake_logits = discriminator(real), discriminator(fake)
    loss = bce(real_logits, torch.ones_like(real_logits)) + bce(fake_logits, torch.zeros_like(fake_logits))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def generator_step(generator: nn.Module, discriminator: nn.Module, z: Tensor, optimizer: Optimizer) -> Tensor:
    """The discriminator's weights are frozen, so that PyTorch does not compute their gradients either."""
    discriminator.requires_grad_(False)
    logits = discriminator(generator(z))
    loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return loss.detach()


def benchmark(batch_size: int, width: int, variant: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """(train, sample) on the CPU: a discriminator and a generator step; a batch of generated images.

    variant: "eager", "channels last" or "compiled".
    """
    torch.manual_seed(0)
    layout = torch.channels_last if variant == "channels last" else torch.contiguous_format
    networks = [network.to(memory_format=layout) for network in dcgan(width=width)]
    real = (torch.rand(batch_size, 3, 32, 32) * 2 - 1).contiguous(memory_format=layout)
    generator_optimizer, discriminator_optimizer = (
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in networks
    )
    generator, discriminator = compiled(networks) if variant == "compiled" else networks

    def train() -> None:
        z = torch.randn(batch_size, 128)
        discriminator_step(generator, discriminator, real, z, discriminator_optimizer)
        generator_step(generator, discriminator, torch.randn(batch_size, 128), generator_optimizer)

    def sample() -> None:
        generator.eval()
        with torch.inference_mode():
            generator(torch.randn(batch_size, 128))
        generator.train()

    return train, sample


def benchmark_on_gpu(
    batch_size: int, width: int, variant: str, precision: str
) -> tuple[Callable[[], None], Callable[[], None]]:
    """(train, sample) on a GPU.

    variant: "eager", or with channels last "channels last", "graph" (one CUDA graph) or "compiled". precision: "fp32",
    "tf32", or "bf16" by autocast.
    """
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    layout = torch.contiguous_format if variant == "eager" else torch.channels_last
    networks = [network.to("cuda").to(memory_format=layout) for network in dcgan(width=width)]
    real = (torch.rand(batch_size, 3, 32, 32, device="cuda") * 2 - 1).contiguous(memory_format=layout)
    generator_optimizer, discriminator_optimizer = (
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True, capturable=variant == "graph")
        for network in networks
    )
    generator, discriminator = compiled(networks) if variant == "compiled" else networks

    def autocast() -> torch.autocast:
        return torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16", cache_enabled=variant != "graph")

    def train() -> None:
        with autocast():
            z = torch.randn(batch_size, 128, device="cuda")
            discriminator_step(generator, discriminator, real, z, discriminator_optimizer)
            z = torch.randn(batch_size, 128, device="cuda")
            generator_step(generator, discriminator, z, generator_optimizer)

    def sample() -> None:
        generator.eval()
        with torch.inference_mode(), autocast():
            generator(torch.randn(batch_size, 128, device="cuda"))
        generator.train()

    return (recorded(train) if variant == "graph" else train), sample


def compiled(networks: list[nn.Sequential]) -> list[Any]:
    """The networks, compiled with torch.compile."""
    return [torch.compile(network) for network in networks]


def recorded(train: Callable[[], None]) -> Callable[[], None]:
    """train() as a CUDA graph, after a warm-up on a stream of its own, as PyTorch's documentation asks."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(11):
            train()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        train()
    return graph.replay


def copy_weights(network: Sequential, peer: nn.Sequential) -> None:
    """Copy minigan's weights into the peer. Kernels become (out, in, kh, kw), images (H, W, C) become (C, H, W)."""
    ours = [layer for layer in network.layers if layer.parameters()]
    theirs = [module for module in peer if next(module.parameters(), None) is not None]
    for layer, module in zip(ours, theirs, strict=True):
        state = {name: torch.from_numpy(np.array(value)) for name, value in layer.state_dict().items()}
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.copy_(state["gamma"])
            module.bias.data.copy_(state["beta"])
            continue
        assert isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))
        weight = state["weight"]
        if isinstance(module, nn.Linear):
            weight = _channels_first(weight).T
        else:  # Conv2d: (kh, kw, in, out) to (out, in, kh, kw); ConvTranspose2d: (kh, kw, out, in) to (in, out, kh, kw)
            weight = weight.permute(3, 2, 0, 1)
        module.weight.data.copy_(weight)
        if module.bias is not None:
            module.bias.data.copy_(state["bias"])


def _channels_first(weight: Tensor) -> Tensor:
    """A Dense weight next to images of 2×2 pixels, with their axis reordered from (H, W, C) to (C, H, W)."""
    rows, columns = weight.shape
    if columns == 1:
        return weight.reshape(2, 2, -1, 1).permute(2, 0, 1, 3).reshape(rows, 1)
    return weight.reshape(rows, 2, 2, -1).permute(0, 3, 1, 2).reshape(rows, columns)
