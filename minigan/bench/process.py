"""Each engine in a process of its own, which waits while another one computes.

So no two engines compete for the cores, and all see the same machine, however busy it is. A round is one turn of each
engine; figures are medians over the rounds, and ratios are taken within a round.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from minigan.errors import UserError


class WorkerProcess:
    """A process that runs one engine (worker.py) and computes when it is requested to.

    name: of the engine; environment: of the process, by default this one's. `times` collects the seconds per call.
    Raises UserError if the engine cannot be built.
    """

    def __init__(
        self,
        name: str,
        batch_size: int,
        width: int,
        precision: str = "fp32",
        environment: Mapping[str, str] = os.environ,
    ) -> None:
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
        self.requests, self.replies = self.process.stdin, self.process.stdout
        self.description: str = self._reply()

    def request(self, request: str) -> Any:
        """Send a request, and wait for the reply. Raises UserError if the process has stopped."""
        with suppress(BrokenPipeError):  # then there is no reply either
            self.requests.write(f"{request}\n")
            self.requests.flush()
        return self._reply()

    def seconds(self, what: str, count: int) -> float:
        """Seconds per training step ("train") or batch of samples ("sample"), measured over `count` of them."""
        return self.request(f"{what} {count}") / count

    def measure(self, what: str, count: int) -> None:
        """Add one measurement to the times."""
        self.times.setdefault(what, []).append(self.seconds(what, count))

    def median(self, what: str) -> float:
        """Median seconds of the measurements."""
        return statistics.median(self.times[what])

    def _reply(self) -> Any:
        line = self.replies.readline()
        if not line:
            self.close()
            raise UserError(f"bench: the {self.name} engine stopped with status {self.process.returncode}, see above")
        return json.loads(line)

    def close(self) -> None:
        """End the process, if it has not stopped yet."""
        with suppress(BrokenPipeError):  # a request that a stopped process has not read
            self.requests.close()
        self.replies.close()
        self.process.wait()


def times_faster(ours: WorkerProcess, theirs: WorkerProcess, what: str) -> float:
    """How many times as fast as theirs our engine is: the median of the ratios within a round."""
    pairs = zip(theirs.times[what], ours.times[what], strict=True)
    return statistics.median(their_time / our_time for their_time, our_time in pairs)


def engine_names(against: Sequence[str], own: Sequence[str], peers: Mapping[str, Sequence[str]]) -> list[str]:
    """The names in `own`, then the variants of each peer. Raises UserError for a peer that is not installed."""
    names = [*own]
    for peer in against:
        if peer not in peers:
            raise UserError(f"bench --against {peer}: not on this backend; known: {', '.join(peers)}")
        if subprocess.run([sys.executable, "-c", f"import {peer}"], capture_output=True, check=False).returncode:
            raise UserError(f"bench --against {peer}: {peer} is not installed: pip install {peer}")
        names += peers[peer]
    return names
