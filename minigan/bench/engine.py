"""What an engine of the benchmark can do, and minigan's own training step."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def peak_process_memory() -> float:
    """The most memory that this process has used so far, in MiB; NaN on Windows."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, KiB on Linux


@dataclass
class Engine:
    """One training step and one batch of samples, and how to wait for them.

    synchronize: wait until the device has finished; on the CPU there is nothing to wait for. memory: MiB.
    """

    description: str
    train: Callable[[], Any]
    sample: Callable[[], Any]
    synchronize: Callable[[], Any] = lambda: None
    memory: Callable[[], float] = peak_process_memory


def training_and_sampling(batch_size: int, width: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """(train, sample) of minigan: a discriminator step and a generator step; a batch of generated images."""
    import minigan as mg

    mg.backend.seed(0)
    generator, discriminator = mg.models.dcgan(width=width)
    objective = mg.losses.NonSaturating()
    generator_optimizer = mg.optim.Adam(generator.parameters())
    discriminator_optimizer = mg.optim.Adam(discriminator.parameters())
    real = mg.backend.random.uniform((batch_size, 32, 32, 3)) * 2 - 1

    def train() -> None:
        z = mg.backend.random.normal((batch_size, 128))
        mg.gan.discriminator_step(generator, discriminator, real, z, objective, discriminator_optimizer)
        z = mg.backend.random.normal((batch_size, 128))
        mg.gan.generator_step(generator, discriminator, z, objective, generator_optimizer)

    def sample() -> None:
        generator.forward(mg.backend.random.normal((batch_size, 128)), train=False)

    return train, sample
