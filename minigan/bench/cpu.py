"""The engines of `minigan bench` on the CPU, their measurement and the table.

NumPy's BLAS is one more engine in the same rounds: the others are compared with its speed in large products.
"""

import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from minigan.bench.engine import Engine, training_and_sampling
from minigan.bench.process import WorkerProcess, engine_names, times_faster

PEERS = {
    "torch": ("torch-eager", "torch-channels-last", "torch-compiled"),
    "tensorflow": ("tensorflow-graph",),
}


def minigan_engine(batch_size: int, width: int) -> Engine:
    """minigan's training step on the CPU."""
    import minigan as mg
    from minigan.ops.cpu.blas import blas
    from minigan.ops.cpu.threads import num_threads

    found = blas()
    description = (
        f"minigan {mg.__version__}, {mg.backend.name} {mg.backend.xp.__version__}, fp32, {found.get('internal_api')} "
        f"{found.get('version')}, {found.get('architecture')} kernels, {num_threads} workers"
    )
    return Engine(description, *training_and_sampling(batch_size, width))


def blas_engine(batch_size: int, width: int) -> Engine:
    """The peak of NumPy's BLAS: products of 1024×1024 matrices, one on each core at a time."""
    import numpy as np

    from minigan.bench.arithmetic import BLAS_SIZE
    from minigan.ops.cpu import threads
    from minigan.ops.cpu.blas import blas

    matrices = np.random.default_rng(0).random((threads.num_threads, BLAS_SIZE, BLAS_SIZE), dtype=np.float32)
    out = np.empty_like(matrices)

    def products() -> None:
        def chunk(start: int, stop: int) -> None:
            for i in range(start, stop):
                np.matmul(matrices[i], matrices[i], out=out[i])

        threads.parallel_for(chunk, threads.num_threads)

    return Engine(f"{blas().get('internal_api')} sgemm of {BLAS_SIZE}×{BLAS_SIZE}", products, products)


def torch_engine(variant: str) -> Callable[[int, int], Engine]:
    """PyTorch on the CPU: a function of (batch_size, width) that builds the engine."""

    def build(batch_size: int, width: int) -> Engine:
        """The same training step in PyTorch: eager, channels last, or compiled."""
        import torch

        from minigan.bench import torch_peer

        description = f"PyTorch {torch.__version__}, CPU, fp32, {variant}, {torch.get_num_threads()} threads"
        return Engine(description, *torch_peer.benchmark(batch_size, width, variant))

    return build


def tensorflow_engine(batch_size: int, width: int) -> Engine:
    """The same training step in TensorFlow, as one graph (tf.function)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from minigan.bench import tensorflow_peer

    return Engine(f"TensorFlow {tf.__version__}, CPU, fp32, graph", *tensorflow_peer.benchmark(batch_size, width))


ENGINES: dict[str, Callable[[int, int], Engine]] = {
    "minigan": minigan_engine,
    "blas": blas_engine,
    "torch-eager": torch_engine("eager"),
    "torch-channels-last": torch_engine("channels last"),
    "torch-compiled": torch_engine("compiled"),
    "tensorflow-graph": tensorflow_engine,
}


def measure(
    batch_size: int = 128, width: int = 64, rounds: int = 5, seconds: float = 2.0, against: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One dictionary per engine with its medians over the rounds, minigan first.

    seconds: the length of a turn; against: names of peers. Raises UserError for a peer that is not installed.
    """
    from minigan.bench.arithmetic import BLAS_FLOP, flop_per_image
    from minigan.ops.cpu.threads import num_threads

    workers: list[WorkerProcess] = []
    try:
        for name in engine_names(against, ("minigan", "blas"), PEERS):
            workers.append(WorkerProcess(name, batch_size, width))
        counts = {
            (worker, what): max(1, round(seconds * share / worker.seconds(what, 2)))
            for worker in workers
            for what, share in (("train", 1), ("sample", 0.25))
        }
        for _ in range(rounds):
            for (worker, what), count in counts.items():
                worker.measure(what, count)
        memory = {worker.name: worker.request("memory") for worker in workers}
    finally:
        for worker in workers:
            worker.close()
    ours, blas, *_ = workers
    peak = statistics.median(num_threads * BLAS_FLOP / time for time in blas.times["train"])

    def result(worker: WorkerProcess) -> dict[str, Any]:
        train, sample = worker.times["train"], worker.median("sample")
        achieved = flop_per_image(width) * batch_size / worker.median("train")
        return {
            "engine": worker.name,
            "description": worker.description,
            "batch_size": batch_size,
            "width": width,
            "rounds": rounds,
            "ms_per_step": 1e3 * worker.median("train"),
            "images_per_second": batch_size / worker.median("train"),
            "slowest_round": batch_size / max(train),
            "fastest_round": batch_size / min(train),
            "minigan_trains_faster_by": times_faster(ours, worker, "train"),
            "samples_per_second": batch_size / sample,
            "minigan_samples_faster_by": times_faster(ours, worker, "sample"),
            "gflops": achieved / 1e9,
            "blas_peak_gflops": peak / 1e9,
            "of_blas_peak": achieved / peak,
            "peak_memory_mib": memory[worker.name],
        }

    return [result(worker) for worker in workers if worker is not blas]


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """The results as lines of text."""
    first = results[0]
    lines = [
        f"DCGAN of width {first['width']}, batch {first['batch_size']}; a training step is one discriminator step and "
        f"one generator step; medians of {first['rounds']} rounds",
        f"BLAS peak in the same rounds: {first['blas_peak_gflops']:.0f} GFLOP/s",
        f"{'':20}{'training':>10}{'slowest-':>10}{'minigan':>9}{'nominal':>9}{'of BLAS':>9}{'sampling':>10}"
        f"{'minigan':>9}{'memory':>8}",
        f"{'engine':20}{'images/s':>10}{'fastest':>10}{'is':>9}{'GFLOP/s':>9}{'peak':>9}{'images/s':>10}"
        f"{'is':>9}{'MiB':>8}",
    ]
    for r in results:
        spread = f"{r['slowest_round']:.0f}-{r['fastest_round']:.0f}"
        lines.append(
            f"{r['engine']:20}{r['images_per_second']:10.0f}{spread:>10}{r['minigan_trains_faster_by']:7.2f} ×"
            f"{r['gflops']:9.0f}{r['of_blas_peak']:9.0%}{r['samples_per_second']:10.0f}"
            f"{r['minigan_samples_faster_by']:7.2f} ×{r['peak_memory_mib']:8.0f}"
        )
    return [*lines, "", *(f"{r['engine']}: {r['description']}" for r in results)]
