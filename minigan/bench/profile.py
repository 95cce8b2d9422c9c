"""`minigan bench --profile`: the time of a training step, operation by operation."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from minigan import backend, ops
from minigan.bench.engine import training_and_sampling


def profile(batch_size: int, width: int, steps: int = 10) -> tuple[list[tuple[str, str, float, float]], float]:
    """(rows, ms per step). Rows: (operation, shapes, calls per step, ms per step), the slowest first.

    The operations are timed from outside. Whatever is not an operation (shapes, checks, small sums) is the difference
    between the sum of the rows and the whole step. On a GPU, the host waits for each operation, which it does not do in
    a training step.
    """
    train, _ = training_and_sampling(batch_size, width)
    spent: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0])  # calls, seconds
    originals = {name: getattr(ops, name) for name in ops.__all__}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **settings: Any) -> Any:
            backend.synchronize()
            start = time.perf_counter()
            result = function(*args, **settings)
            backend.synchronize()
            shapes = " ".join("×".join(map(str, a.shape[1:])) for a in args[:2] if getattr(a, "ndim", 0) > 1)
            entry = spent[name, shapes]
            entry[0] += 1
            entry[1] += time.perf_counter() - start
            return result

        return call

    try:
        for name, function in originals.items():
            setattr(ops, name, timed(name, function))
        train()
        spent.clear()
        start = time.perf_counter()
        for _ in range(steps):
            train()
        backend.synchronize()
        whole = time.perf_counter() - start
    finally:
        for name, function in originals.items():
            setattr(ops, name, function)
    rows = [(name, shapes, calls / steps, 1e3 * seconds / steps) for (name, shapes), (calls, seconds) in spent.items()]
    return sorted(rows, key=lambda row: -row[3]), 1e3 * whole / steps


def table(batch_size: int, width: int) -> list[str]:
    """The profile as lines of text."""
    rows, whole = profile(batch_size, width)
    lines = [
        f"one training step of DCGAN, width {width}, batch {batch_size}: {whole:.1f} ms",
        f"{'operation':22}{'images, then kernel or gradient':38}{'calls':>6}{'ms':>9}{'share':>8}",
    ]
    lines += [f"{name:22}{shapes:38}{calls:6.0f}{ms:9.2f}{ms / whole:8.1%}" for name, shapes, calls, ms in rows]
    rest = whole - sum(row[3] for row in rows)
    return [*lines, f"{'between them':22}{'':38}{'':6}{rest:9.2f}{rest / whole:8.1%}"]
