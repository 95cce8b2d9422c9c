"""Data sets by name, in memory, as NumPy arrays.

>>> shapes = load("shapes", count=1000)
>>> shapes.images.shape, shapes.class_names[:3]
((1000, 32, 32, 3), ('circle', 'square', 'triangle'))
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from minigan.data.cifar10 import DOWNLOADS as CIFAR10_DOWNLOADS
from minigan.data.cifar10 import find_cifar10, load_cifar10
from minigan.data.dataset import Dataset
from minigan.data.digits import load_digits
from minigan.data.download import Downloads, download_all
from minigan.data.folder import find_folder, load_folder
from minigan.data.mnist import FASHION_MNIST, MNIST, find_mnist, load_mnist
from minigan.data.scaling import to_float, to_uint8
from minigan.data.search_paths import Root
from minigan.data.shapes import load_shapes
from minigan.errors import DataError, UserError, unknown_name

__all__ = ["DATASETS", "Dataset", "Source", "fetch", "how_to_get", "load", "locate", "to_float", "to_uint8"]


@dataclass(frozen=True)
class Source:
    """An entry of the registry: how a data set is found, downloaded and loaded.

    load: load(split, root, **options) returns a Dataset; for synthetic data, load(split, **options).
    description: a few words, for the command's help.
    find: find(root) returns the path that load would read, or None if the data is not there. Leave it out for synthetic
    data, which is generated from a seed.
    downloads: what `fetch` downloads. no_download: if nothing can be downloaded, how to get the data.
    options: the run settings that load takes, by name. defaults: run settings that differ from the general ones.
    """

    load: Callable[..., Dataset]
    description: str
    find: Callable[[Root], Path | None] | None = None
    downloads: Downloads | None = None
    no_download: str = "give --root FOLDER, the folder that holds it"
    options: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def synthetic(self) -> bool:
        return self.find is None


_LONG: dict[str, Any] = {"epochs": 20, "batch_size": 128, "width": 64}

# The registry: `minigan train --data NAME`. A new data set needs a file that loads it, and an entry here.
DATASETS: dict[str, Source] = {
    "shapes": Source(
        load_shapes,
        "ten kinds of shapes, 32×32, in colour; generated",
        defaults={"epochs": 4, "batch_size": 32, "width": 24, "ema": 0.995},
    ),
    "digits": Source(
        load_digits,
        "handwritten digits, 28×28, grey; generated",
        defaults={"epochs": 8, "batch_size": 32, "width": 16},
    ),
    "cifar10": Source(
        load_cifar10,
        "photographs, 32×32, in colour",
        find_cifar10,
        CIFAR10_DOWNLOADS,
        defaults=_LONG | {"epochs": 50},
    ),
    "mnist": Source(
        partial(load_mnist, MNIST),
        "handwritten digits, 28×28, grey",
        partial(find_mnist, MNIST),
        MNIST.downloads,
        defaults=_LONG,
    ),
    "fashion-mnist": Source(
        partial(load_mnist, FASHION_MNIST),
        "clothes, 28×28, grey",
        partial(find_mnist, FASHION_MNIST),
        FASHION_MNIST.downloads,
        defaults=_LONG,
    ),
    "folder": Source(
        load_folder,
        "a folder of images of your own",
        find_folder,
        no_download="give --root FOLDER, a folder of images",
        options=("image_size",),
        defaults=_LONG | {"epochs": 50, "image_size": 64},
    ),
}


def load(name: str, root: Root = None, split: str = "train", **options: Any) -> Dataset:
    """Load a data set.

    name: one of DATASETS. root: the folder or file to read it from; by default, minigan's cache, the folder that Keras
    downloads to, and ./data are searched. split: "train" or "test".
    options: count and seed for "shapes" and "digits"; image_size for "folder".

    Returns a Dataset: images uint8 (N, H, W, C), labels int64 (N,), class_names.
    Raises UserError for an unknown name; DataError for an unknown split, a root for data that is generated, and files
    that are missing, cut short or altered.
    """
    source = _source(name)
    if not source.synthetic:
        return source.load(split, root, **options)
    if root is not None:
        raise DataError(f"data set '{name}' is generated, not read: expected no root, got {str(root)!r}")
    return source.load(split, **options)


def locate(name: str, root: Root = None) -> str | None:
    """The path that `load` would read, as text, or None if the data is not there.

    For synthetic data: a few words that say so. Raises UserError for an unknown name.
    """
    source = _source(name)
    if source.find is None:
        return "generated when it is loaded"
    found = source.find(root)
    return None if found is None else str(found)


def how_to_get(name: str) -> str:
    """A hint, for data that was not found: the command that downloads it, or what to do instead."""
    source = _source(name)
    if source.synthetic:
        return "it is generated when it is loaded"
    return f"minigan data fetch {name}" if source.downloads else source.no_download


def fetch(name: str) -> Path:
    """Download a data set into the cache, unless it is there already.

    Returns the file's path, or the folder's if there are several files.
    Raises UserError for an unknown name and for data that is not downloaded; DataError if the download fails.
    """
    downloads = _source(name).downloads
    if downloads is None:
        raise UserError(f"data set '{name}' needs no download: {how_to_get(name)}")
    return download_all(downloads)


def _source(name: str) -> Source:
    if name not in DATASETS:
        raise unknown_name("data set", name, list(DATASETS))
    return DATASETS[name]
