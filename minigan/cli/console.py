"""Standard output and error: one line is one line, whatever a name contains, and a broken stream ends nothing else."""

import io
import os
import sys
from typing import TextIO

from minigan.foreign import printable

MAX_ERROR = 300  # characters of a line on standard error
MAX_LINE = 100_000  # of a line on standard output, which is not meant to be cut


def prepare() -> None:
    """Make both streams safe to write to: a character that a terminal lacks is shown as a question mark, and a stream
    that was closed (`2>&-`) is replaced by the null device, so that no file is opened under its number.
    """
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            if not _is_open(number):
                os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(*lines: object) -> None:
    """Print lines on standard output, the control characters in them escaped."""
    try:
        for line in lines:
            print(printable(line, MAX_LINE))
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk; the system does not say of which file
        _discard(sys.stdout)
        raise OSError(error.errno, error.strerror, "standard output") from None


def warn(message: object, *_: object, **__: object) -> None:
    """Print a warning, as warnings.showwarning."""
    write_error(f"minigan: warning: {one_line(message)}")


def fail(message: object, program: str = "minigan", advice: str = "") -> int:
    """Print an error and return the exit status of bad input, 2."""
    head = f"{program}: error: "
    write_error(f"{head}{one_line(message, MAX_ERROR - len(head) - len(advice))}{advice}")
    return 2


def one_line(message: object, limit: int = MAX_ERROR) -> str:
    """A message on one line of at most `limit` characters, without its middle if it is longer: the start says what is
    wrong, the end what to do.
    """
    text = str(message)
    if len(text) > 2 * limit:  # escaping makes it longer, never shorter
        text = f"{text[:limit]}{text[-limit:]}"
    line = printable(text, len(text) * 10)
    if len(line) <= limit:
        return line
    half = limit // 2
    return f"{line[: half - 5]} ... {line[half - limit :]}"


def finish(status: int) -> int:
    """Write what the streams still hold; return the exit status, 2 instead of 0 if standard output cannot take it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # `minigan data | head`: the reader has closed the pipe
        _discard(sys.stdout)
        return status or 1
    except OSError as error:
        _discard(sys.stdout)
        return fail(f"standard output: {error.strerror}; what was printed is incomplete") if status == 0 else status
    return status


def write_error(line: str) -> None:
    """Print one line on standard error, if that can be written to."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:  # nobody can be told
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Let what a stream still holds, and all that follows, go to the null device: Python would try again at exit."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # not a file, as in a test
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
