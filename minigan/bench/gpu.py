"""The engines of `minigan bench` on a GPU, what the device could do at most, and the table.

Two floors stand beside the measured times: the step's arithmetic at the speed of the library's largest matrix product,
and its least traffic at the speed of a plain copy, both measured in the same rounds.
"""

import os
import statistics

PEERS = {"torch": ("torch-eager", "torch-channels-last", "torch-graph", "torch-compiled")}
GEMM_SIZE = 8192
COPY_BYTES = 2**28


def minigan_engine(batch_size, width, graph):
    """minigan's training step: a replayed CUDA graph, or (graph=False) the same kernels launched one by one."""
    import minigan as mg
    from minigan.bench.worker import Engine, minigan_steps
    from minigan.cuda_graph import GraphStep
    from minigan.ops import cupy_kernels

    xp = mg.backend.xp
    step, sample = minigan_steps(batch_size, width)
    train = GraphStep(step) if graph else step
    for _ in range(4):  # compile, record, replay once
        train()
    if graph and train.graph is None:
        raise RuntimeError("the step was not recorded")
    before = cupy_kernels.launches
    step()
    description = (
        f"minigan {mg.__version__}, CuPy {xp.__version__}, {device_name()}, {mg.backend.precision}, "
        f"{'one CUDA graph' if graph else 'kernel by kernel'}, {cupy_kernels.launches - before} of its kernels a step"
    )
    return Engine(description, train, sample, mg.backend.synchronize, device_memory)


def limits_engine(batch_size, width):
    """The library's matrix product (train) and a copy of 256 MB (sample): what the device gives at most."""
    from minigan.backend import precision, synchronize, xp
    from minigan.bench.worker import Engine

    # CuPy multiplies float32 in TF32 where CUPY_TF32=1 (bench sets it); float16 stands for bfloat16: the same speed.
    a = xp.ones((GEMM_SIZE, GEMM_SIZE), "float16" if precision == "bf16" else "float32")
    product = xp.empty_like(a)
    source, target = xp.zeros(COPY_BYTES // 4, "float32"), xp.zeros(COPY_BYTES // 4, "float32")

    def multiply():
        xp.matmul(a, a, out=product)

    def copy():
        target[...] = source

    return Engine("cuBLAS, and a copy", multiply, copy, synchronize, device_memory)


def torch_engine(variant):
    """PyTorch on the GPU, as a function of (batch_size, width) that makes an engine."""

    def make(batch_size, width):
        """The same training step in PyTorch on the GPU: eager, channels last, as a CUDA graph, or compiled."""
        import torch

        from minigan.backend import precision
        from minigan.bench import torch_peer
        from minigan.bench.worker import Engine

        train, sample = torch_peer.benchmark_on_gpu(batch_size, width, variant, precision)
        description = f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}, {precision}, {variant}"
        return Engine(
            description, train, sample, torch.cuda.synchronize, lambda: torch.cuda.max_memory_reserved() / 2**20
        )

    return make


ENGINES = {
    "minigan": lambda batch_size, width: minigan_engine(batch_size, width, graph=True),
    "minigan-no-graph": lambda batch_size, width: minigan_engine(batch_size, width, graph=False),
    "limits": limits_engine,
    "torch-eager": torch_engine("eager"),
    "torch-channels-last": torch_engine("channels last"),
    "torch-graph": torch_engine("graph"),
    "torch-compiled": torch_engine("compiled"),
}


def device_name():
    """What the GPU calls itself."""
    from minigan.backend import xp

    return xp.cuda.runtime.getDeviceProperties(0)["name"].decode()


def device_memory():
    """MiB that are taken on the device, by everyone."""
    from minigan.backend import xp

    free, total = xp.cuda.runtime.memGetInfo()
    return (total - free) / 2**20


def environment(precision):
    """For the workers: PyTorch and cuBLAS take their precision from bench, not from what a user has set."""
    return os.environ | {"MINIGAN_BACKEND": "cupy", "CUPY_TF32": "1" if precision == "tf32" else "0"}


def measure(batch_size, width, rounds, seconds, against, precision):
    """One dictionary for each engine with its medians over the rounds, minigan first."""
    from minigan.bench import Engine, engines_of
    from minigan.bench.arithmetic import bytes_per_step, flop_per_image

    names = engines_of(against, ["minigan", "minigan-no-graph", "limits"], PEERS)
    engines: list = []
    try:
        engines += (Engine(name, batch_size, width, precision, environment(precision)) for name in names)
        counts = {engine: max(1, round(seconds / engine.seconds("train", 2))) for engine in engines}
        for engine in engines:
            engine.times["host"] = []
        for _ in range(rounds):
            for engine, count in counts.items():
                engine.times["train"].append(engine.seconds("train", count))
                engine.times["sample"].append(engine.seconds("sample", min(count, 20)))
                engine.times["host"].append(engine.seconds("host", min(count, 10)))  # few: a full queue makes it wait
        memory = {engine.name: engine.ask("memory") for engine in engines}
    finally:
        for engine in engines:
            engine.close()
    ours = engines[0]
    limits = next(engine for engine in engines if engine.name == "limits")
    flops = 2 * GEMM_SIZE**3 / statistics.median(limits.times["train"])
    bandwidth = 2 * COPY_BYTES / statistics.median(limits.times["sample"])
    median = {
        engine.name: {what: statistics.median(times) for what, times in engine.times.items()} for engine in engines
    }
    return [
        {
            "engine": engine.name,
            "description": engine.description,
            "batch_size": batch_size,
            "width": width,
            "rounds": rounds,
            "precision": precision,
            "ms_per_step": 1e3 * median[engine.name]["train"],
            "slowest_round_ms": 1e3 * max(engine.times["train"]),
            "fastest_round_ms": 1e3 * min(engine.times["train"]),
            "host_ms_per_step": 1e3 * median[engine.name]["host"],
            "images_per_second": batch_size / median[engine.name]["train"],
            "cifar10_epoch_seconds": 50_000 // batch_size * median[engine.name]["train"],
            "minigan_trains_faster_by": statistics.median(
                theirs / mine for theirs, mine in zip(engine.times["train"], ours.times["train"], strict=True)
            ),
            "samples_per_second": batch_size / median[engine.name]["sample"],
            "memory_mib": memory[engine.name],
            "peak_tflops": flops / 1e12,
            "copy_gb_per_second": bandwidth / 1e9,
            "floor_arithmetic_ms": 1e3 * flop_per_image(width) * batch_size / flops,
            "floor_traffic_ms": 1e3 * bytes_per_step(width, batch_size) / bandwidth,
        }
        for engine in engines
        if engine is not limits
    ]


def table(results):
    """The results as lines of text."""
    first = results[0]
    lines = [
        f"DCGAN of width {first['width']}, batch {first['batch_size']}, {first['precision']}; a training step is one "
        f"discriminator step and one generator step; medians of {first['rounds']} rounds",
        f"cuBLAS {first['peak_tflops']:.0f} TFLOP/s, copy {first['copy_gb_per_second']:.0f} GB/s: the arithmetic alone "
        f"takes {first['floor_arithmetic_ms']:.3f} ms, the least traffic {first['floor_traffic_ms']:.3f} ms",
        f"{'':20}{'training':>10}{'fastest-':>14}{'host':>8}{'':>10}{'minigan':>9}{'CIFAR-10':>10}{'sampling':>10}{'memory':>8}",
        f"{'engine':20}{'ms/step':>10}{'slowest':>14}{'ms':>8}{'images/s':>10}{'is':>9}{'s/epoch':>10}{'images/s':>10}{'MiB':>8}",
    ]
    for r in results:
        spread = f"{r['fastest_round_ms']:.3f}-{r['slowest_round_ms']:.3f}"
        lines.append(
            f"{r['engine']:20}{r['ms_per_step']:10.3f}{spread:>14}{r['host_ms_per_step']:8.3f}"
            f"{r['images_per_second']:10.0f}{r['minigan_trains_faster_by']:7.2f} ×{r['cifar10_epoch_seconds']:10.2f}"
            f"{r['samples_per_second']:10.0f}{r['memory_mib']:8.0f}"
        )
    return [*lines, "", *(f"{r['engine']}: {r['description']}" for r in results)]
