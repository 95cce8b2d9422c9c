"""The folders in which data sets are searched for."""

import os
from pathlib import Path
from typing import TypeAlias

Root: TypeAlias = str | os.PathLike[str] | None  # where the user says that the data is; None: in the search paths


def search_paths(root: Root = None) -> list[Path]:
    """`root` alone if it is given; otherwise minigan's cache, the folder that Keras downloads to, and ./data."""
    if root is not None:
        return [expand_user(root)]
    return [cache_folder(), Path.home() / ".keras" / "datasets", Path("data")]


def describe_search_paths(root: Root = None) -> str:
    """The search paths as text, for an error that says where nothing was found."""
    return ", ".join(f"{folder}{'' if folder.exists() else ' (does not exist)'}" for folder in search_paths(root))


def cache_folder() -> Path:
    """The folder for downloads: $MINIGAN_CACHE, or "minigan" in the operating system's folder for caches."""
    from platformdirs import user_cache_path

    folder = os.environ.get("MINIGAN_CACHE")
    return expand_user(folder) if folder else user_cache_path("minigan", appauthor=False)


def expand_user(path: str | os.PathLike[str]) -> Path:
    """`path` with ~ replaced by the home folder. An unknown ~user stays as it is; Path.expanduser would raise."""
    return Path(os.path.expanduser(path))  # noqa: PTH111, see above
