"""Data sets by name, in memory, as NumPy arrays.

>>> pictures = load("shapes", count=1000)
>>> pictures.images.shape, pictures.class_names[:3]
((1000, 32, 32, 3), ('circle', 'square', 'triangle'))
"""

from minigan.data.cifar10 import find_cifar10, load_cifar10
from minigan.data.dataset import Dataset
from minigan.data.digits import load_digits
from minigan.data.download import fetch
from minigan.data.folder import load_folder
from minigan.data.mnist import find_mnist, load_mnist
from minigan.data.shapes import load_shapes
from minigan.errors import DataError, unknown_name

__all__ = ["DRAWN", "NAMES", "Dataset", "fetch", "load", "locate"]

DRAWN = {"shapes": load_shapes, "digits": load_digits}  # from a seed: nothing to find or to download
NAMES = (*DRAWN, "cifar10", "mnist", "fashion-mnist", "folder")


def load(name, root=None, split="train", **options) -> Dataset:
    """The data set of that name.

    name     one of NAMES
    root     the folder or file to read it from; each data set says where it looks by default
    split    "train" or "test"
    options  for "shapes" and "digits": count, seed; for "folder": image_size

    Returns a Dataset: images uint8 (N, H, W, C), labels int64 (N,), class_names.
    Raises UserError for an unknown name; DataError for an unknown split, and when the files are missing, cut
    short or altered.
    """
    _check_name(name)
    if name in DRAWN:
        if root is not None:
            raise DataError(f"data set '{name}' is drawn, not read: expected no root, got {str(root)!r}")
        return DRAWN[name](split, **options)
    if name == "folder":
        return load_folder(split, root, **options)
    if name == "cifar10":
        return load_cifar10(split, root, **options)
    return load_mnist(name, split, root, **options)


def locate(name, root=None):
    """Where `load` would read the data set from, in words, or None if it is not there."""
    _check_name(name)
    if name in DRAWN:
        return "drawn when it is loaded"
    if name == "folder":
        return "any folder of pictures: --root FOLDER" if root is None else str(root)
    found = find_cifar10(root) if name == "cifar10" else find_mnist(name, root)
    return None if found is None else str(found)


def _check_name(name):
    if name not in NAMES:
        raise unknown_name("data set", name, NAMES)
