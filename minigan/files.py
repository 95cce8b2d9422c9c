"""Files that are whole or not there: written beside their place, then renamed."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """A temporary path beside `path` to write to; renamed to `path` on success, removed on failure.

    A reader, or a run that is killed in the middle, sees the old file or the new one, never half of one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
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


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
