"""`minigan bench --profile`: where a training step's time goes, operation by operation."""

import time
from collections import defaultdict

from minigan import backend, ops
from minigan.bench.worker import minigan_engine


def profile(batch_size, width, steps=10):
    """Rows (operation, shapes, calls per step, ms per step), the longest first, and ms per step as a whole.

    The operations are timed from outside, in order: what is not in the table (shapes, checks, small sums) is the
    difference to the whole. On a GPU each operation is waited for, which the training step itself does not do.
    """
    engine = minigan_engine(batch_size, width)
    spent: dict = defaultdict(lambda: [0, 0.0])
    originals = {name: getattr(ops, name) for name in ops.__all__}

    def timed(name, function):
        def call(*args, **settings):
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
        engine.train()
        spent.clear()
        start = time.perf_counter()
        for _ in range(steps):
            engine.train()
        engine.synchronize()
        whole = time.perf_counter() - start
    finally:
        for name, function in originals.items():
            setattr(ops, name, function)
    rows = [(name, shapes, calls / steps, 1e3 * seconds / steps) for (name, shapes), (calls, seconds) in spent.items()]
    return sorted(rows, key=lambda row: -row[3]), 1e3 * whole / steps


def table(batch_size, width):
    """The profile as lines of text."""
    rows, whole = profile(batch_size, width)
    lines = [
        f"one training step of DCGAN, width {width}, batch {batch_size}: {whole:.1f} ms",
        f"{'operation':22}{'pictures, then kernel or gradient':38}{'calls':>6}{'ms':>9}{'share':>8}",
    ]
    lines += [f"{name:22}{shapes:38}{calls:6.0f}{ms:9.2f}{ms / whole:8.1%}" for name, shapes, calls, ms in rows]
    rest = whole - sum(row[3] for row in rows)
    return [*lines, f"{'between them':22}{'':38}{'':6}{rest:9.2f}{rest / whole:8.1%}"]
