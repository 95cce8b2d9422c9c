"""One engine in a process of its own: reads a number of steps, makes them, answers with the seconds they took.

python -m minigan.bench.worker ENGINE BATCH_SIZE WIDTH
"""

import json
import sys
import time


def minigan_engine(batch_size, width):
    """(step, synchronize, description) of minigan's own training step."""
    import minigan as mg
    from minigan.doctor import blas
    from minigan.parallel import threads

    mg.backend.seed(0)
    generator, discriminator = mg.models.dcgan(width=width)
    objective = mg.losses.NonSaturating()
    generator_optimizer = mg.optim.Adam(generator.parameters())
    discriminator_optimizer = mg.optim.Adam(discriminator.parameters())
    real = mg.backend.random.uniform((batch_size, 32, 32, 3)) * 2 - 1

    def step():
        z = mg.backend.random.normal((batch_size, 128))
        mg.gan.discriminator_step(generator, discriminator, real, z, objective, discriminator_optimizer)
        z = mg.backend.random.normal((batch_size, 128))
        mg.gan.generator_step(generator, discriminator, z, objective, generator_optimizer)

    found = blas()
    description = (
        f"minigan {mg.__version__}, {mg.backend.name} {mg.backend.xp.__version__}, fp32, "
        f"{found.get('internal_api')} {found.get('architecture')} kernels, {threads} workers"
    )
    return step, mg.backend.synchronize, description


def torch_engine(batch_size, width, channels_last):
    """(step, synchronize, description) of the same training step in PyTorch."""
    import torch

    from minigan.bench.torch_peer import training_step

    description = (
        f"PyTorch {torch.__version__} eager, CPU, fp32, {'channels last' if channels_last else 'NCHW'}, "
        f"{torch.get_num_threads()} threads"
    )
    return training_step(batch_size, width, channels_last), lambda: None, description


ENGINES = {
    "minigan": minigan_engine,
    "torch-eager": lambda batch_size, width: torch_engine(batch_size, width, channels_last=False),
    "torch-channels-last": lambda batch_size, width: torch_engine(batch_size, width, channels_last=True),
}


def main(name, batch_size, width):
    step, synchronize, description = ENGINES[name](int(batch_size), int(width))
    for _ in range(2):
        step()
    synchronize()
    print(json.dumps(description), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        synchronize()
        print(json.dumps(time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
