"""MNIST, handwritten digits (LeCun, Cortes and Burges), and Fashion-MNIST, clothes in the same format (Xiao, Rasul and
Vollgraf 2017): 60,000 grey images of 28×28 pixels to train on and 10,000 to test on, in ten classes.
"""

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigan.data.dataset import Dataset, check_split
from minigan.data.download import Download, Downloads
from minigan.data.idx import read_idx
from minigan.data.npz import read_npz
from minigan.data.search_paths import Root, describe_search_paths, is_file, is_folder, search_paths
from minigan.errors import DataError
from minigan.foreign import describe, printable


class Variant(NamedTuple):
    """A data set in MNIST's format.

    locations: where it may be in a search path: as torchvision leaves it, as Keras leaves it, or the IDX files
    themselves.
    """

    name: str
    class_names: tuple[str, ...]
    locations: tuple[str, ...]
    downloads: Downloads


_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist"
MNIST = Variant(
    "mnist",
    ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    ("MNIST/raw", "mnist", "mnist.npz"),
    Downloads(
        (
            Download(
                f"{_MNIST_URL}/train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
            ),
            Download(
                f"{_MNIST_URL}/train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                28_881,
            ),
            Download(
                f"{_MNIST_URL}/t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
            ),
            Download(
                f"{_MNIST_URL}/t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                4_542,
            ),
        ),
        folder="MNIST/raw",
    ),
)

_FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
FASHION_MNIST = Variant(
    "fashion-mnist",
    ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ("FashionMNIST/raw", "fashion-mnist"),
    Downloads(
        (
            Download(
                f"{_FASHION_MNIST_URL}/train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
            ),
            Download(
                f"{_FASHION_MNIST_URL}/train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
            ),
            Download(
                f"{_FASHION_MNIST_URL}/t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
            ),
            Download(
                f"{_FASHION_MNIST_URL}/t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
            ),
        ),
        folder="FashionMNIST/raw",
    ),
)

PREFIXES = {"train": "train", "test": "t10k"}  # split → how the names of its files begin
COUNTS = {"train": 60_000, "test": 10_000}  # the published ones; a file may hold fewer images, but not more
SHAPES: dict[str, tuple[int, ...]] = {"images": (28, 28), "labels": ()}  # of an item


def load_mnist(variant: Variant, split: str = "train", root: Root = None) -> Dataset:
    """Read MNIST or Fashion-MNIST.

    root: a folder that holds one of the variant's locations or the four IDX files themselves (plain or gzip), or Keras'
    mnist.npz. By default, minigan's cache, the folder that Keras downloads to, and ./data are searched.

    Returns a Dataset of images uint8 (N, 28, 28, 1) and labels int64 (N,).
    Raises DataError if it is not found, or a file is missing, cut short or altered.
    """
    check_split(split)
    source = find_mnist(variant, root)
    if source is None:
        files = ", ".join(_file_name(split, kind) for split in PREFIXES for kind in SHAPES)
        raise DataError(
            f"{variant.name} not found: searched for {files} (or .gz), in {', '.join(variant.locations)} too, "
            f"in {describe_search_paths(root)}; {_remedy(variant)}"
        )
    read = _read_keras if source.suffix == ".npz" else _read_folder
    images, labels = read(variant, source, split)
    if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or images.dtype != np.uint8:
        got = f"{printable(images.shape, 40)} and {printable(labels.shape, 40)}"
        got += "" if images.dtype == np.uint8 else f" of {images.dtype}"
        raise DataError(
            f"{printable(source, 200)}: expected images (N, 28, 28) and labels (N,), got {got}; {_remedy(variant)}"
        )
    classes = len(variant.class_names)
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong) or not len(labels):
        raise DataError(
            f"{printable(source, 200)}: expected labels from 0 to {classes - 1}, "
            f"got {describe(int(wrong[0])) if len(wrong) else 'none'}; {_remedy(variant)}"
        )
    images, labels = np.ascontiguousarray(images)[..., None], labels.astype(np.int64)
    return Dataset(variant.name, split, images, labels, variant.class_names, str(source))


def find_mnist(variant: Variant, root: Root = None) -> Path | None:
    """The folder (or Keras' mnist.npz) to read, or None. What is found may still be incomplete or altered."""
    for folder in search_paths(root):
        if folder.suffix == ".npz" and is_file(folder):
            return folder
        for location in variant.locations:
            if is_file(folder / location) or _holds_idx_files(folder / location):
                return folder / location
        # Both variants have the same file names: only a root that the user gives can say which of them it holds.
        if root is not None:
            for given in (folder, folder / "raw"):  # torchvision's MNIST/raw, given as MNIST
                if _holds_idx_files(given):
                    return given
    return None


def _holds_idx_files(folder: Path) -> bool:
    return is_folder(folder) and any(_idx_file(folder, split, kind) for split in PREFIXES for kind in SHAPES)


def _file_name(split: str, kind: str) -> str:
    """The published name of the IDX file with a split's "images" or "labels"."""
    return f"{PREFIXES[split]}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"


def _idx_file(folder: Path, split: str, kind: str) -> Path | None:
    """The IDX file with a split's "images" or "labels", plain or gzip, or None.

    Some programs write train-images.idx3-ubyte, with a dot, and some copies have each file in a folder called like it.
    """
    name = _file_name(split, kind)
    dotted = name.replace("-idx", ".idx")
    names = [name, f"{name}.gz", dotted, f"{dotted}.gz"]
    paths = itertools.chain(
        (folder / name for name in names), (folder / inner / name for inner in names for name in names)
    )
    return next((path for path in paths if is_file(path)), None)


def _read_folder(variant: Variant, folder: Path, split: str) -> list[npt.NDArray[Any]]:
    """[images, labels] from IDX files."""
    arrays: list[npt.NDArray[Any]] = []
    for kind, shape in SHAPES.items():
        path = _idx_file(folder, split, kind)
        if path is None:
            missing = f"{_file_name(split, kind)} (or .gz), the {kind} of the split {split!r}, is missing"
            raise DataError(f"{printable(folder, 200)}: incomplete, {missing}; {_remedy(variant)}")
        arrays.append(read_idx(path, COUNTS[split], shape))
    return arrays


def _read_keras(variant: Variant, path: Path, split: str) -> list[npt.NDArray[Any]]:
    """[images, labels] from Keras' mnist.npz."""
    return read_npz(path, (f"x_{split}", f"y_{split}"), COUNTS["train"] * 28 * 28, _remedy(variant))


def _remedy(variant: Variant) -> str:
    return f"run `minigan data fetch {variant.name}` or give --root FOLDER"
