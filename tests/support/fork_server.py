"""Runs `minigan` many times without importing it each time: each request on standard input is a fork of this process.

A request is a line of JSON: argv, cwd, output (a file for what is printed), and how to kill it: delay (seconds until
SIGKILL) or call ([kind, n, moment], see calls.c) and log (a file for the calls). The answer: status, counts of calls.
The generated data sets are small here, so that an epoch is a few steps.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

import matplotlib.backends.backend_agg  # noqa: F401, imported once here instead of in every fork

from minigan import cli, evaluation, training  # noqa: F401
from minigan.data import shapes
from minigan.evaluation import periodic  # noqa: F401

TIMEOUT = 120  # seconds; a run here takes less than one
KINDS = ("write", "fsync", "rename", "mkdir", "unlink")  # as numbered in calls.c
MOMENTS = ("before", "after", "halfway")


def child(request, counts):
    """The forked process: run the command, and write how often it made each kind of call."""
    os.chdir(request["cwd"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    calls = ctypes.CDLL(None) if "calls.so" in os.environ.get("LD_PRELOAD", "") else None
    if calls is not None:
        kind, number, moment = request.get("call") or ("write", 0, "before")
        log = request.get("log")
        calls.calls_arm(KINDS.index(kind), ctypes.c_long(number), MOMENTS.index(moment), log.encode() if log else None)
    status = 1
    try:
        cli.main(request["argv"])
    except SystemExit as stop:
        status = stop.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    if calls is not None:
        found = {kind: calls.calls_count(number) for number, kind in enumerate(KINDS)}
        os.write(counts, json.dumps(found).encode())
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def serve(request):
    read, write = os.pipe()
    started = time.monotonic()
    process = os.fork()
    if process == 0:
        os.close(read)
        child(request, write)
    os.close(write)
    delay, killed = request.get("delay"), False
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        elapsed = time.monotonic() - started
        if done:
            break
        if not killed and elapsed >= (TIMEOUT if delay is None else delay):
            os.kill(process, signal.SIGKILL)
            killed = True
        time.sleep(0.0005)
    with os.fdopen(read, "rb") as file:
        counts = json.loads(file.read() or b"{}")
    return {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": elapsed,
        "hung": killed and delay is None,
        "counts": counts,
    }


def main():
    shapes.COUNTS.update(train=80, test=80)
    Path(sys.argv[1]).write_text("ready")
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
