"""Where data sets are looked for."""

import os
from pathlib import Path

from minigan.data.download import cache_folder


def roots(root=None):
    """The folders to search: `root` alone, where it is given, else the cache, the folder of Keras and ./data."""
    if root is not None:
        return [expanded(root)]
    return [cache_folder(), Path.home() / ".keras" / "datasets", Path("data")]


def searched(root=None):
    """The same in words, for an error that says where nothing was found."""
    return ", ".join(f"{folder}{'' if folder.exists() else ' (does not exist)'}" for folder in roots(root))


def expanded(path):
    """A Path with ~ for the user's home; unlike Path.expanduser it leaves an unknown ~user as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111, see above
