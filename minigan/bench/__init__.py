"""`minigan bench`: images per second of training and sampling, against other engines, in turn in one run.

Each engine is a process of its own (worker.py) that waits while another one computes, so that none competes for the
cores and all see the same machine, however busy. A round is one turn of each; figures are medians over the rounds,
and ratios are taken round by round. The BLAS peak is one more engine in the same rounds.
"""

import json
import statistics
import subprocess
import sys

from minigan.errors import UserError

PEERS = {
    "torch": ("torch-eager", "torch-channels-last", "torch-compiled"),
    "tensorflow": ("tensorflow-graph",),
}


class Engine:
    """A worker process that computes when it is told to."""

    def __init__(self, name, batch_size, width, precision="fp32", environment=None):
        self.name = name
        self.times: dict[str, list[float]] = {"train": [], "sample": []}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minigan.bench.worker", name, str(batch_size), str(width), precision],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.orders, self.answers = self.process.stdin, self.process.stdout
        self.description = self._answer()

    def ask(self, order):
        self.orders.write(f"{order}\n")
        self.orders.flush()
        return self._answer()

    def seconds(self, what, count):
        """Seconds for one of `count` training steps or batches of samples."""
        return self.ask(f"{what} {count}") / count

    def _answer(self):
        line = self.answers.readline()
        if not line:
            raise UserError(f"bench: the {self.name} engine stopped with status {self.process.wait()}, see above")
        return json.loads(line)

    def close(self):
        self.orders.close()
        self.answers.close()
        self.process.wait()


def engines_of(against, own=("minigan", "blas"), peers=PEERS):
    """minigan, the machine's limits, and the variants of each peer. Raises UserError where a peer is not installed."""
    names = [*own]
    for peer in against:
        if peer not in peers:
            raise UserError(f"bench --against {peer}: not on this backend; known: {', '.join(peers)}")
        if subprocess.run([sys.executable, "-c", f"import {peer}"], capture_output=True, check=False).returncode:
            raise UserError(f"bench --against {peer}: {peer} is not installed: pip install {peer}")
        names += peers[peer]
    return names


def measure(batch_size=128, width=64, rounds=5, seconds=2.0, against=()):
    """One dictionary per engine with its medians over the rounds, minigan first."""
    from minigan.bench.arithmetic import BLAS_FLOP, flop_per_image
    from minigan.parallel import threads

    engines: list[Engine] = []
    try:
        engines += (Engine(name, batch_size, width) for name in engines_of(against))
        counts = {
            (engine, what): max(1, round(seconds * share / engine.seconds(what, 2)))
            for engine in engines
            for what, share in (("train", 1), ("sample", 0.25))
        }
        for _ in range(rounds):
            for (engine, what), count in counts.items():
                engine.times[what].append(engine.seconds(what, count))
        memory = {engine.name: engine.ask("memory") for engine in engines}
    finally:
        for engine in engines:
            engine.close()
    ours, blas, *_ = engines
    peak = statistics.median(threads * BLAS_FLOP / time for time in blas.times["train"])

    def ratio(engine, what):
        pairs = zip(engine.times[what], ours.times[what], strict=True)
        return statistics.median(theirs / mine for theirs, mine in pairs)

    def result(engine):
        train, sample = engine.times["train"], engine.times["sample"]
        achieved = flop_per_image(width) * batch_size / statistics.median(train)
        return {
            "engine": engine.name,
            "description": engine.description,
            "batch_size": batch_size,
            "width": width,
            "rounds": rounds,
            "ms_per_step": 1e3 * statistics.median(train),
            "images_per_second": batch_size / statistics.median(train),
            "slowest_round": batch_size / max(train),
            "fastest_round": batch_size / min(train),
            "minigan_trains_faster_by": ratio(engine, "train"),
            "samples_per_second": batch_size / statistics.median(sample),
            "minigan_samples_faster_by": ratio(engine, "sample"),
            "gflops": achieved / 1e9,
            "blas_peak_gflops": peak / 1e9,
            "of_blas_peak": achieved / peak,
            "peak_memory_mib": memory[engine.name],
        }

    return [result(engine) for engine in engines if engine is not blas]


def table(results):
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
