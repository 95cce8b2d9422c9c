"""Files that are whole or not there: written beside their place, then renamed."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from minigan.errors import UserError

TEMPORARY = ".minigan-"  # what the names of half-written files begin with


@contextmanager
def replacing(path):
    """A temporary path beside `path` to write to; renamed to `path` on success, removed on failure.

    A reader, or a run that is killed in the middle, sees the old file or the new one, never half of one. A symbolic
    link is written through. Raises UserError where something that is no file stands in the way.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: expected the name of a file to write, found {_kind(path)} of that name")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY, suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(temporary)
        with Path(temporary).open("rb+") as file:
            os.fsync(file.fileno())  # the bytes are on the disk before the name points to them
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner can read
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(folder):
    """Delete what processes that were killed while writing left half written."""
    for path in Path(folder).rglob(f"{TEMPORARY}*"):
        path.unlink()


def _kind(path):
    return "a folder" if path.is_dir() else "a device or pipe"


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
