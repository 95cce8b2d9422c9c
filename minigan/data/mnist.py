"""MNIST, handwritten digits (LeCun, Cortes and Burges), and Fashion-MNIST, pictures of clothes in the same form
(Xiao, Rasul and Vollgraf 2017): 60,000 grey pictures of 28×28 pixels to train on and 10,000 to test on, ten classes.
"""

import zipfile

import numpy as np

from minigan.data.dataset import Dataset, check_split
from minigan.data.idx import read_idx
from minigan.data.places import roots, searched
from minigan.errors import DataError

CLASS_NAMES = {
    "mnist": ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    "fashion-mnist": (
        "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
}  # fmt: skip

# Where a root may hold it: as torchvision leaves it, as Keras leaves it, or the files themselves.
PLACES = {"mnist": ("MNIST/raw", "mnist", "mnist.npz"), "fashion-mnist": ("FashionMNIST/raw", "fashion-mnist")}
PARTS = {"train": "train", "test": "t10k"}


def load_mnist(name, split="train", root=None):
    """Read "mnist" or "fashion-mnist".

    root: a folder that holds one of PLACES or the four IDX files themselves (plain or .gz); by default the cache, the
    folder of Keras and ./data are searched.

    Returns a Dataset of images uint8 (N, 28, 28, 1) and labels int64 (N,).
    Raises DataError when it is not found, or a file is missing, cut short or altered.
    """
    check_split(split)
    source = find_mnist(name, root)
    if source is None:
        raise DataError(f"{name} not found: looked for {', '.join(PLACES[name])} in {searched(root)}; {_remedy(name)}")
    images, labels = _read_keras(source, split) if source.suffix == ".npz" else _read_folder(name, source, split)
    if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise DataError(
            f"{source}: expected pictures (N, 28, 28) and labels (N,), got {images.shape} and {labels.shape}; "
            + _remedy(name)
        )
    return Dataset(
        name, split, np.ascontiguousarray(images)[..., None], labels.astype(np.int64), CLASS_NAMES[name], str(source)
    )


def find_mnist(name, root=None):
    """The folder (or Keras' mnist.npz) to read, a Path, or None. What is found may still be incomplete or altered."""
    for folder in roots(root):
        if folder.suffix == ".npz" and folder.is_file():
            return folder
        for place in PLACES[name]:
            if (folder / place).is_file() or _holds_files(folder / place):
                return folder / place
        if root is not None and _holds_files(folder):  # which of the two it is, only the user knows
            return folder
    return None


def _holds_files(folder):
    return folder.is_dir() and any(
        _file(folder, part, kind) for part in PARTS.values() for kind in ("images", "labels")
    )


def _file(folder, part, kind):
    """The IDX file of that kind, packed or not, or None."""
    stem = f"{part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    return next((folder / name for name in (stem, f"{stem}.gz") if (folder / name).is_file()), None)


def _read_folder(name, folder, split):
    arrays = []
    for kind, axes in (("images", 3), ("labels", 1)):
        path = _file(folder, PARTS[split], kind)
        if path is None:
            raise DataError(f"{folder}: incomplete, the {kind} to {split} are missing; {_remedy(name)}")
        arrays.append(read_idx(path, axes))
    return arrays


def _read_keras(path, split):
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[f"x_{split}"], arrays[f"y_{split}"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected Keras' mnist.npz ({error}); {_remedy('mnist')}") from error


def _remedy(name):
    return f"run `minigan data fetch {name}` or give --root FOLDER"
