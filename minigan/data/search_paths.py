"""The folders in which data sets are searched for."""

import os
from pathlib import Path
from typing import TypeAlias

from minigan.errors import DataError
from minigan.foreign import printable

Root: TypeAlias = str | os.PathLike[str] | None  # where the user says that the data is; None: in the search paths


def search_paths(root: Root = None) -> list[Path]:
    """`root` alone if it is given; otherwise minigan's cache, the folder that Keras downloads to, and ./data.

    Without a home folder, as for a user that the system does not know, the first two may be missing.
    Raises DataError as given_path() does.
    """
    if root is not None:
        return [given_path(root)]
    found = [_cache(), _without_tilde(expand_user("~/.keras/datasets")), Path("data")]
    return [folder for folder in found if folder is not None]


def describe_search_paths(root: Root = None) -> str:
    """The search paths as text, for an error that says where nothing was found."""
    paths = (f"{folder}{'' if exists(folder) else ' (does not exist)'}" for folder in search_paths(root))
    return ", ".join(printable(path, 100) for path in paths)


def cache_folder() -> Path:
    """The folder for downloads: $MINIGAN_CACHE, or "minigan" in the operating system's folder for caches.

    Raises DataError if the user has no home folder and MINIGAN_CACHE is not set.
    """
    folder = _cache()
    if folder is None:
        raise DataError("there is no home folder to keep downloads in: set MINIGAN_CACHE to a folder")
    return folder


def given_path(root: str | os.PathLike[str]) -> Path:
    """The path that a user gives, with ~ replaced.

    Raises DataError for an empty one, which would be the current folder, and for one with a zero byte.
    """
    text = os.fspath(root)
    if not text or "\0" in text:
        raise DataError(f"--root: expected a folder, got {'a zero byte in its name' if text else 'an empty name'}")
    return expand_user(text)


def expand_user(path: str | os.PathLike[str]) -> Path:
    """`path` with ~ replaced by the home folder. An unknown ~user stays as it is; Path.expanduser would raise."""
    return Path(os.path.expanduser(path))  # noqa: PTH111, see above


# Path.exists, is_dir and is_file raise an error for a folder that may not be entered; these say no, in every version.


def exists(path: Path) -> bool:
    """Whether there is something at `path`; not if it cannot be found out."""
    return os.path.exists(path)  # noqa: PTH110


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder or a link to one."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: Path) -> bool:
    """Whether `path` is a regular file or a link to one."""
    return os.path.isfile(path)  # noqa: PTH113


def _cache() -> Path | None:
    from platformdirs import user_cache_path

    folder = os.environ.get("MINIGAN_CACHE")
    if folder:
        return _without_tilde(expand_user(folder))
    try:
        return _without_tilde(user_cache_path("minigan", appauthor=False))
    except RuntimeError:  # no home folder; older versions return one called "~"
        return None


def _without_tilde(path: Path) -> Path | None:
    """None for a path in a home folder that does not exist, which would become a folder called "~" in this one."""
    return None if path.parts[:1] == ("~",) else path
