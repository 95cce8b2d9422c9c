"""Atomic, durable writes: a file is written under a temporary name next to its target, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minigan.errors import UserError

TEMPORARY = ".minigan-"  # prefix of the names of unfinished files


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path next to `path` to write to; rename it to `path` on success, remove it on failure.

    So a reader sees the old file or the complete new one, even if the process is killed halfway; and once the block has
    ended, the new file survives a loss of power. If `path` is a symbolic link, its target is replaced. Raises UserError
    if `path` exists and is not a regular file.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: expected the name of a file to write, found {_kind(path)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY, suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        with naming(path):
            yield temporary
            sync(temporary)  # the content must reach the disk before the new name does
            temporary.chmod(0o666 & ~_umask())  # mkstemp creates files that only their owner can read
            temporary.replace(path)
            sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Add the name of a file to an OSError that has none, such as that of a write to a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def sync(path: str | os.PathLike[str]) -> None:
    """Wait until a file's content is on the disk or, for a folder, the names in it.

    A file system that cannot sync a folder is left to itself, and so is Windows, which cannot open one.
    """
    path = Path(path)
    if path.is_dir():
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(handle)
        except OSError:
            pass
        finally:
            os.close(handle)
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def remove_leftovers(folder: str | os.PathLike[str], prefix: str = TEMPORARY) -> None:
    """Delete the unfinished files of processes that were killed while they were writing, by the prefix of their names,
    in a folder and those in it.
    """
    for path in Path(folder).rglob(f"{prefix}*"):
        if path.is_file():
            path.unlink(missing_ok=True)


def _kind(path: Path) -> str:
    return "a folder" if path.is_dir() else "a device or pipe"


def _umask() -> int:
    mask = os.umask(0)  # the only way to read it is to set it
    os.umask(mask)
    return mask
