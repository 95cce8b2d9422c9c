"""Damaged files: every reader refuses them in one line, in bounded time and memory, whatever they hold."""

import json
import os
import subprocess
import sys
import warnings

import pytest
from fuzzing import Reader, problem_of
from interruptions import SUPPORT
from systems import posix

from minigan.errors import UserError

INPUTS = int(os.environ.get("MINIGAN_FUZZ_INPUTS", "20000"))

READERS = (
    "PNG JPEG WEBP GIF BMP TIFF OTHER idx idx.gz npz cifar-pickle cifar-binary cifar.tar.gz checkpoint config.json "
    "metrics.csv scores.csv scores.json grid.png"
).split()

pytestmark = posix


def wrong(kind, message=""):
    if issubclass(kind, Warning):
        warnings.warn(message, kind, stacklevel=2)
    else:
        raise kind(message)


@pytest.mark.parametrize("inputs", [150, pytest.param(INPUTS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_survives_damaged_files(tmp_path, reader, inputs):
    """In a process of its own, so that its memory can be limited and a crash is noticed."""
    command = [sys.executable, SUPPORT / "fuzzing.py", reader, str(inputs), "17", tmp_path]
    environment = os.environ | {"MINIGAN_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60 + inputs / 5)
    assert done.returncode == 0, f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    problems = found.pop("problems")
    assert sum(found.values()) == inputs
    print(f"\n{reader}: {inputs} inputs: {', '.join(f'{number} {kind}' for kind, number in found.items())}")
    lines = [f"{count} times {problem} (such as {file})" for count, problem, file in problems]
    assert not lines, f"{reader}: {len(lines)} kinds of failures:\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("kind", "message", "problem"),
    [
        (IndexError, "list index out of range", "IndexError: list index out of range"),
        (MemoryError, "", "MemoryError"),
        (RecursionError, "", "RecursionError"),
        (UserError, "expected an image, found \x1b[31m", "control characters"),
        (UserError, "expected one line,\nfound two", "control characters"),
        (UserError, "9" * 500, "a message of 500 characters"),
        (RuntimeWarning, "overflow", "warning RuntimeWarning: overflow"),
        (UserError, "expected an image, found none", None),
        (UserWarning, "left out 1 of 2 files", None),
    ],
)
def test_a_planted_failure_is_noticed(tmp_path, kind, message, problem):
    _, found = problem_of(Reader([], tmp_path / "file", lambda: wrong(kind, message)), tmp_path)
    assert found is None if problem is None else problem in found
