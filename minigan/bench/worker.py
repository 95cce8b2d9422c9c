"""One engine in a process of its own: reads orders, carries them out, answers with the seconds they took.

    python -m minigan.bench.worker ENGINE BATCH_SIZE WIDTH PRECISION

Orders are lines: `train 5` makes five training steps, `sample 5` generates five batches, `host 5` gives the order for
five training steps and does not wait for a GPU to have carried them out, `memory` answers with the most memory the
process has held, or that is taken on the GPU. Answers are JSON.
"""

import json
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

from minigan.errors import UserError


@dataclass
class Engine:
    """What an engine can do: one training step, one batch of samples, and how to wait for them."""

    description: str
    train: Any
    sample: Any
    synchronize: Any = time.perf_counter  # on the CPU there is nothing to wait for
    memory: Any = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB, on Linux


def minigan_steps(batch_size, width):
    """(train, sample) of minigan: one discriminator and one generator step; one batch of pictures."""
    import minigan as mg

    mg.backend.seed(0)
    generator, discriminator = mg.models.dcgan(width=width)
    objective = mg.losses.NonSaturating()
    generator_optimizer = mg.optim.Adam(generator.parameters())
    discriminator_optimizer = mg.optim.Adam(discriminator.parameters())
    real = mg.backend.random.uniform((batch_size, 32, 32, 3)) * 2 - 1

    def train():
        z = mg.backend.random.normal((batch_size, 128))
        mg.gan.discriminator_step(generator, discriminator, real, z, objective, discriminator_optimizer)
        z = mg.backend.random.normal((batch_size, 128))
        mg.gan.generator_step(generator, discriminator, z, objective, generator_optimizer)

    def sample():
        generator.forward(mg.backend.random.normal((batch_size, 128)), train=False)

    return train, sample


def minigan_engine(batch_size, width):
    """minigan's own training step on the CPU."""
    import minigan as mg
    from minigan.doctor import blas
    from minigan.parallel import threads

    found = blas()
    description = (
        f"minigan {mg.__version__}, {mg.backend.name} {mg.backend.xp.__version__}, fp32, "
        f"{found.get('internal_api')} {found.get('version')}, {found.get('architecture')} kernels, {threads} workers"
    )
    return Engine(description, *minigan_steps(batch_size, width))


def blas_engine(batch_size, width):
    """The most that NumPy's BLAS gives: 1024×1024 matrices, one product on each core at a time."""
    import numpy as np

    from minigan import parallel
    from minigan.bench.arithmetic import BLAS_SIZE
    from minigan.doctor import blas

    matrices = np.random.default_rng(0).random((parallel.threads, BLAS_SIZE, BLAS_SIZE), dtype=np.float32)
    out = np.empty_like(matrices)

    def product():
        def part(start, stop):
            for i in range(start, stop):
                np.matmul(matrices[i], matrices[i], out=out[i])

        parallel.over_slices(part, parallel.threads)

    return Engine(f"{blas().get('internal_api')} sgemm of {BLAS_SIZE}×{BLAS_SIZE}", product, product)


def torch_engine(variant):
    """PyTorch on the CPU, as a function of (batch_size, width) that makes an engine."""

    def make(batch_size, width):
        """The same training step in PyTorch: eager, channels last, or compiled."""
        import torch

        from minigan.bench import torch_peer

        description = f"PyTorch {torch.__version__}, CPU, fp32, {variant}, {torch.get_num_threads()} threads"
        return Engine(description, *torch_peer.benchmark(batch_size, width, variant))

    return make


def tensorflow_engine(batch_size, width):
    """The same training step in TensorFlow, as one graph (tf.function)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from minigan.bench import tensorflow_peer

    return Engine(f"TensorFlow {tf.__version__}, CPU, fp32, graph", *tensorflow_peer.benchmark(batch_size, width))


ENGINES = {
    "minigan": minigan_engine,
    "blas": blas_engine,
    "torch-eager": torch_engine("eager"),
    "torch-channels-last": torch_engine("channels last"),
    "torch-compiled": torch_engine("compiled"),
    "tensorflow-graph": tensorflow_engine,
}


def serve(engine):
    """Answer the orders that come line by line: so many steps, so many samples, the memory used."""
    for line in sys.stdin:
        order, *count = line.split()
        if order == "memory":
            answer = engine.memory()
        else:
            run = engine.train if order == "host" else getattr(engine, order)
            engine.synchronize()
            start = time.perf_counter()
            for _ in range(int(count[0])):
                run()
            if order != "host":
                engine.synchronize()
            answer = time.perf_counter() - start
        print(json.dumps(answer), flush=True)


def main(name, batch_size, width, precision):
    """Make the engine of that name, say that it is ready, and serve; or say in one line why it cannot be made."""
    try:
        from minigan import backend
        from minigan.bench import gpu

        backend.set_precision(precision)
        engine = (ENGINES if backend.on_cpu else gpu.ENGINES)[name](int(batch_size), int(width))
        for _ in range(2):
            engine.train()
        engine.synchronize()
    except (UserError, MemoryError) as error:
        sys.exit(f"minigan: error: {name}: {error}")
    print(json.dumps(engine.description), flush=True)
    serve(engine)


if __name__ == "__main__":
    main(*sys.argv[1:])
