"""`minigan bench`: images per second of the training step, against other engines, in turn in one run.

Each engine is a process of its own (minigan/bench/worker.py) that waits while another one computes, so that
none competes for the cores and all see the same machine, however busy. A round is one turn of each; figures are
medians over the rounds, and the ratios are taken round by round.
"""

import json
import statistics
import subprocess
import sys

from minigan.errors import UserError

PEERS = {"torch": ("torch-eager", "torch-channels-last")}


class Engine:
    """A worker process that makes training steps when it is told to."""

    def __init__(self, name, batch_size, width):
        self.name, self.batch_size, self.times = name, batch_size, []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minigan.bench.worker", name, str(batch_size), str(width)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.orders, self.answers = self.process.stdin, self.process.stdout
        self.description = self._answer()

    def run(self, steps):
        """Seconds per training step, over `steps` of them."""
        self.orders.write(f"{steps}\n")
        self.orders.flush()
        return self._answer() / steps

    def _answer(self):
        line = self.answers.readline()
        if not line:
            raise UserError(f"bench: the {self.name} worker stopped with status {self.process.wait()}, see above")
        return json.loads(line)

    def close(self):
        self.orders.close()
        self.answers.close()
        self.process.wait()


def engines_of(against):
    """minigan, and the variants of the named peer. Raises UserError where the peer is not installed."""
    names = ["minigan"]
    for peer in against:
        try:
            __import__(peer)
        except ImportError:
            raise UserError(f"bench --against {peer}: {peer} is not installed: pip install {peer}") from None
        names += PEERS[peer]
    return names


def measure(batch_size=128, width=64, rounds=5, seconds=2.0, against=()):
    """One result per engine: a list of dictionaries with the medians over the rounds, minigan first."""
    engines: list[Engine] = []
    try:
        engines += (Engine(name, batch_size, width) for name in engines_of(against))
        steps = [max(1, round(seconds / engine.run(2))) for engine in engines]
        for _ in range(rounds):
            for engine, count in zip(engines, steps, strict=True):
                engine.times.append(engine.run(count))
    finally:
        for engine in engines:
            engine.close()
    ours = engines[0].times
    return [
        {
            "engine": engine.name,
            "description": engine.description,
            "batch_size": batch_size,
            "width": width,
            "rounds": rounds,
            "ms_per_step": 1e3 * statistics.median(engine.times),
            "images_per_second": batch_size / statistics.median(engine.times),
            "fastest_round": batch_size / min(engine.times),
            "slowest_round": batch_size / max(engine.times),
            "minigan_is_faster_by": statistics.median(
                theirs / mine for theirs, mine in zip(engine.times, ours, strict=True)
            ),
        }
        for engine in engines
    ]


def table(results):
    """The results as lines of text."""
    first = results[0]
    lines = [
        f"training step of DCGAN, width {first['width']}, batch {first['batch_size']}: one discriminator step and "
        f"one generator step; median of {first['rounds']} rounds",
        f"{'engine':22}{'images/s':>10}{'slowest':>10}{'fastest':>10}{'ms/step':>10}{'minigan is':>14}",
    ]
    for r in results:
        lines.append(
            f"{r['engine']:22}{r['images_per_second']:10.0f}{r['slowest_round']:10.0f}{r['fastest_round']:10.0f}"
            f"{r['ms_per_step']:10.1f}{r['minigan_is_faster_by']:12.2f} ×"
        )
    return [*lines, "", *(f"{r['engine']}: {r['description']}" for r in results)]
