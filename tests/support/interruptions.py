"""Training runs that are killed and resumed, and the comparison with a run that was not."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from minigan.runs import checkpoint

SUPPORT = Path(__file__).parent
KINDS = ("write", "fsync", "rename", "mkdir", "unlink")
COMMON = "--width 4 --batch-size 16 --epochs 3 --checkpoint-every 2 --log-every 1 --seed 1"
RUNS = {  # of 6 to 15 steps; {classifier} is the run of one
    "ema": "--ema 0.9",
    "no-ema": "--ema 0 --objective least-squares --discriminator-steps 2",
    "cgan": "--model cgan --keep 3",
    "classifier": "--model classifier",
    "evaluated": "--ema 0 --classifier {classifier} --evaluate-every 1 --evaluate-count 130",
}
VOLATILE = "images_per_second"  # the only column that differs between two equal runs
LEFTOVERS = (".minigan-*", ".tmp*", "*.tmp")


# For tests that preload calls.c into the process.
preload = [
    pytest.mark.skipif(sys.platform != "linux", reason="preloads a library, as Linux does it"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="compiles that library with gcc"),
]


def compiled_calls(folder):
    """The library calls.so, compiled in `folder`."""
    library = folder / "calls.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SUPPORT / "calls.c", "-ldl"], check=True)
    return library


class Server:
    """A fork server, see fork_server.py. library: the compiled calls.c, or None."""

    def __init__(self, folder, library=None):
        self.folder = folder
        environment = os.environ | {"MINIGAN_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        environment.pop("PYTHONWARNINGS", None)
        if library is not None:
            environment["LD_PRELOAD"] = str(library)
        self.process = subprocess.Popen(
            [sys.executable, str(SUPPORT / "fork_server.py"), str(folder / "ready")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
        )

    def __call__(self, argv, **request):
        """Run the command: {status, seconds, counts, output}; the status of a killed process is negative."""
        output = self.folder / "output.txt"
        output.unlink(missing_ok=True)
        line = {"argv": [str(word) for word in argv], "cwd": str(self.folder), "output": str(output)} | request
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert not answer["hung"], f"hangs: minigan {' '.join(map(str, argv))}"
        return answer | {"output": output.read_text(errors="replace") if output.exists() else ""}

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)


class Campaign:
    """Runs to interrupt, each with its uninterrupted reference: its folder, its duration, its counts of calls."""

    def __init__(self, folder, library=None):
        self.folder, self.server = folder, Server(folder, library)
        self.references = {}

    def command(self, name, run):
        settings = RUNS[name].format(classifier=self.folder / "classifier")
        return ["train", *COMMON.split(), *settings.split(), "--out", run]

    def reference(self, name):
        if name not in self.references:
            if name == "evaluated":
                self.reference("classifier")
            answer = self.server(self.command(name, self.folder / name))
            assert answer["status"] == 0, answer["output"]
            self.references[name] = answer
        return self.references[name]

    def fresh(self):
        """The path of a new run."""
        return Path(tempfile.mkdtemp(dir=self.folder)) / "run"

    def recovery(self, name, run):
        """The command that a user gives after a kill: --resume if the run has begun, otherwise the same again."""
        return ["train", "--resume", run] if (run / "config.json").exists() else self.command(name, run)

    def finish(self, name, run, what):
        """Resume until the end; (a line for each way in which the result differs from the reference)."""
        answer = self.server(self.recovery(name, run))
        problems = differences(run, self.folder / name) if answer["status"] == 0 else []
        if answer["status"] != 0:
            problems = [f"status {answer['status']} of {self.recovery(name, run)[:2]}: {last_line(answer['output'])}"]
        if problems:
            problems = [f"{what}: {problem} (kept: {run})" for problem in problems]
        else:
            shutil.rmtree(run.parent)
        return problems


def last_line(output):
    lines = [line for line in output.replace("\r", "\n").splitlines() if line.strip() and "%|" not in line]
    return lines[-1][:300] if lines else "(nothing printed)"


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def leftovers(folder):
    return sorted({path.name for pattern in LEFTOVERS for path in folder.rglob(pattern)})


def differences(run, reference):
    """How a run differs from its reference, a line each: leftovers, files, arrays, rows, images."""
    problems = []
    if leftovers(run):
        problems.append(f"left over: {leftovers(run)}")
    missing, surplus = files(reference) - files(run), files(run) - files(reference) - set(leftovers(run))
    if missing or surplus:
        problems.append(f"missing files {sorted(missing)}, surplus {sorted(surplus)}")
    for name in sorted(files(run) & files(reference)):
        here, there = run / name, reference / name
        if name.endswith(".safetensors"):
            problems += [f"{name}: {problem}" for problem in different_checkpoints(here, there)]
        elif name.endswith(".csv"):
            problems += [f"{name}: {problem}" for problem in different_rows(here, there)]
        elif here.read_bytes() != there.read_bytes():
            problems.append(f"{name} differs")
    return problems


def different_checkpoints(here, there):
    one, other = checkpoint.load(here), checkpoint.load(there)
    if one.arrays.keys() != other.arrays.keys():
        return ["other arrays"]
    bits = [name for name, array in one.arrays.items() if array.tobytes() != other.arrays[name].tobytes()]
    problems = [f"{len(bits)} arrays differ, such as {bits[0]}"] if bits else []
    for name in ("step", "config", "random_state"):
        if getattr(one, name) != getattr(other, name):
            problems.append(f"{name} differs")
    return problems


def different_rows(here, there):
    """Gaps, double lines, and numbers that differ, but for the column that measures time."""
    (columns, *rows), (expected_columns, *expected) = (
        [line.split(",") for line in path.read_text().splitlines()] for path in (here, there)
    )
    if columns != expected_columns:
        return [f"columns {columns}, expected {expected_columns}"]
    if VOLATILE in columns:
        place = columns.index(VOLATILE)
        rows, expected = ([row[:place] + row[place + 1 :] for row in table] for table in (rows, expected))
    steps, expected_steps = [row[0] for row in rows], [row[0] for row in expected]
    if steps != expected_steps:
        return [f"steps {','.join(steps)}, expected {','.join(expected_steps)}"]
    return [] if rows == expected else ["numbers differ"]


def moments(seed, count):
    """A generator of random numbers for a campaign of `count` interruptions."""
    return np.random.default_rng([seed, count])
