"""The engines of `minigan bench` on a GPU, the limits of the device, the measurement and the table.

The measured times are compared with two floors: the step's arithmetic at the speed of cuBLAS's largest matrix product,
and its minimum memory traffic at the speed of a plain copy. Both speeds are measured in the same rounds.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from minigan.bench.engine import Engine, training_and_sampling
from minigan.bench.process import WorkerProcess, engine_names, times_faster

PEERS = {"torch": ("torch-eager", "torch-channels-last", "torch-graph", "torch-compiled")}
GEMM_SIZE = 8192
COPY_BYTES = 2**28


def minigan_engine(batch_size: int, width: int, graph: bool) -> Engine:
    """minigan's training step: a replayed CUDA graph or, with graph=False, the same kernels launched one by one."""
    import minigan as mg
    from minigan.ops.gpu import launch
    from minigan.ops.gpu.graph import GraphStep

    step, sample = training_and_sampling(batch_size, width)
    replay = GraphStep(step)
    train = replay if graph else step
    for _ in range(4):  # compile, record, replay once
        train()
    if graph and replay.graph is None:
        raise RuntimeError("the step was not recorded")
    before = launch.launches
    step()
    description = (
        f"minigan {mg.__version__}, CuPy {mg.backend.xp.__version__}, {device_name()}, {mg.backend.precision}, "
        f"{'one CUDA graph' if graph else 'kernel by kernel'}, {launch.launches - before} of its kernels a step"
    )
    return Engine(description, train, sample, mg.backend.synchronize, device_memory)


def limits_engine(batch_size: int, width: int) -> Engine:
    """What the device can do at most: cuBLAS's matrix product (as "train") and a copy of 256 MiB (as "sample")."""
    from minigan.backend import precision, synchronize, xp

    # CuPy multiplies float32 in TF32 if CUPY_TF32=1 (environment() sets it). float16 is as fast as bfloat16.
    a = xp.ones((GEMM_SIZE, GEMM_SIZE), "float16" if precision == "bf16" else "float32")
    product = xp.empty_like(a)
    source, target = xp.zeros(COPY_BYTES // 4, "float32"), xp.zeros(COPY_BYTES // 4, "float32")

    def multiply() -> None:
        xp.matmul(a, a, out=product)

    def copy() -> None:
        target[...] = source

    return Engine("cuBLAS, and a copy", multiply, copy, synchronize, device_memory)


def torch_engine(variant: str) -> Callable[[int, int], Engine]:
    """PyTorch on the GPU: a function of (batch_size, width) that builds the engine."""

    def build(batch_size: int, width: int) -> Engine:
        """The same training step in PyTorch: eager, channels last, as a CUDA graph, or compiled."""
        import torch

        from minigan.backend import precision
        from minigan.bench import torch_peer

        train, sample = torch_peer.benchmark_on_gpu(batch_size, width, variant, precision)
        description = f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}, {precision}, {variant}"
        return Engine(
            description, train, sample, torch.cuda.synchronize, lambda: torch.cuda.max_memory_reserved() / 2**20
        )

    return build


ENGINES: dict[str, Callable[[int, int], Engine]] = {
    "minigan": lambda batch_size, width: minigan_engine(batch_size, width, graph=True),
    "minigan-no-graph": lambda batch_size, width: minigan_engine(batch_size, width, graph=False),
    "limits": limits_engine,
    "torch-eager": torch_engine("eager"),
    "torch-channels-last": torch_engine("channels last"),
    "torch-graph": torch_engine("graph"),
    "torch-compiled": torch_engine("compiled"),
}


def device_name() -> str:
    """The name of the GPU."""
    from minigan.backend import xp

    return xp.cuda.runtime.getDeviceProperties(0)["name"].decode()


def device_memory() -> float:
    """MiB in use on the device, by all processes."""
    from minigan.backend import xp

    free, total = xp.cuda.runtime.memGetInfo()
    return (total - free) / 2**20


def environment(precision: str) -> dict[str, str]:
    """The environment of the workers: the benchmark sets the precision of cuBLAS, whatever the user has set."""
    return os.environ | {"MINIGAN_BACKEND": "cupy", "CUPY_TF32": "1" if precision == "tf32" else "0"}


def measure(
    batch_size: int, width: int, rounds: int, seconds: float, against: Sequence[str], precision: str
) -> list[dict[str, Any]]:
    """One dictionary per engine with its medians over the rounds, minigan first.

    seconds: the length of a turn; against: names of peers. Raises UserError for a peer that is not installed.
    """
    from minigan.bench.arithmetic import bytes_per_step, flop_per_image

    workers: list[WorkerProcess] = []
    try:
        for name in engine_names(against, ("minigan", "minigan-no-graph", "limits"), PEERS):
            workers.append(WorkerProcess(name, batch_size, width, precision, environment(precision)))
        counts = {worker: max(1, round(seconds / worker.seconds("train", 2))) for worker in workers}
        for _ in range(rounds):
            for worker, count in counts.items():
                worker.measure("train", count)
                worker.measure("sample", min(count, 20))
                worker.measure("host", min(count, 10))  # few, since the host has to wait once the queue is full
        memory = {worker.name: worker.request("memory") for worker in workers}
    finally:
        for worker in workers:
            worker.close()
    ours = workers[0]
    limits = next(worker for worker in workers if worker.name == "limits")
    flops = 2 * GEMM_SIZE**3 / limits.median("train")
    bandwidth = 2 * COPY_BYTES / limits.median("sample")  # each byte is read and written
    return [
        {
            "engine": worker.name,
            "description": worker.description,
            "batch_size": batch_size,
            "width": width,
            "rounds": rounds,
            "precision": precision,
            "ms_per_step": 1e3 * worker.median("train"),
            "slowest_round_ms": 1e3 * max(worker.times["train"]),
            "fastest_round_ms": 1e3 * min(worker.times["train"]),
            "host_ms_per_step": 1e3 * worker.median("host"),
            "images_per_second": batch_size / worker.median("train"),
            "cifar10_epoch_seconds": 50_000 // batch_size * worker.median("train"),
            "minigan_trains_faster_by": times_faster(ours, worker, "train"),
            "samples_per_second": batch_size / worker.median("sample"),
            "memory_mib": memory[worker.name],
            "peak_tflops": flops / 1e12,
            "copy_gb_per_second": bandwidth / 1e9,
            "floor_arithmetic_ms": 1e3 * flop_per_image(width) * batch_size / flops,
            "floor_traffic_ms": 1e3 * bytes_per_step(width, batch_size) / bandwidth,
        }
        for worker in workers
        if worker is not limits
    ]


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """The results as lines of text."""
    first = results[0]
    lines = [
        f"DCGAN of width {first['width']}, batch {first['batch_size']}, {first['precision']}; a training step is one "
        f"discriminator step and one generator step; medians of {first['rounds']} rounds",
        f"cuBLAS {first['peak_tflops']:.0f} TFLOP/s, copy {first['copy_gb_per_second']:.0f} GB/s: the arithmetic alone "
        f"takes {first['floor_arithmetic_ms']:.3f} ms, the minimum traffic {first['floor_traffic_ms']:.3f} ms",
        f"{'':20}{'training':>10}{'fastest-':>14}{'host':>8}{'':>10}{'minigan':>9}{'CIFAR-10':>10}{'sampling':>10}"
        f"{'memory':>8}",
        f"{'engine':20}{'ms/step':>10}{'slowest':>14}{'ms':>8}{'images/s':>10}{'is':>9}{'s/epoch':>10}{'images/s':>10}"
        f"{'MiB':>8}",
    ]
    for r in results:
        spread = f"{r['fastest_round_ms']:.3f}-{r['slowest_round_ms']:.3f}"
        lines.append(
            f"{r['engine']:20}{r['ms_per_step']:10.3f}{spread:>14}{r['host_ms_per_step']:8.3f}"
            f"{r['images_per_second']:10.0f}{r['minigan_trains_faster_by']:7.2f} ×{r['cifar10_epoch_seconds']:10.2f}"
            f"{r['samples_per_second']:10.0f}{r['memory_mib']:8.0f}"
        )
    return [*lines, "", *(f"{r['engine']}: {r['description']}" for r in results)]
