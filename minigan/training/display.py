"""What only shows a training must not end it: the progress bar, messages, images and curves, scores.

The state is saved first. If something here fails then, a warning says so, and the training continues.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any


class LastingStream:
    """A text stream that discards what the real one cannot take: closed, a full disk, a pipe without a reader.

    stream: sys.stdout or sys.stderr; None if it was closed before Python started.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if possible. Returns the number of characters."""
        try:
            if self._stream is not None:
                self._stream.write(text)
        except (OSError, ValueError):  # ValueError: the stream was closed by Python code
            self._discard()
        return len(text)

    def flush(self) -> None:
        """Flush, if possible."""
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError):
            self._discard()

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def __getattr__(self, name: str) -> Any:  # encoding, fileno and others, which tqdm and warnings ask of a stream
        return getattr(self._stream, name)

    def _discard(self) -> None:
        """Let what the real stream still holds go to the null device: Python would try again, and fail, at exit."""
        try:
            number = self._stream.fileno()
        except (OSError, ValueError, AttributeError):  # not a file, as in a notebook
            self._stream = None
            return
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Inside the block, writing to sys.stdout and sys.stderr never fails."""
    with redirect_stdout(LastingStream(sys.stdout)), redirect_stderr(LastingStream(sys.stderr)):
        yield


@contextmanager
def only_shown(what: str) -> Iterator[None]:
    """Turn a failure to write or to draw what is only shown into a warning."""
    try:
        yield
    except (OSError, ImportError) as error:
        warnings.warn(f"{what}: not written ({error}); the training continues", stacklevel=3)
