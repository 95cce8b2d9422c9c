"""CIFAR-10: 60,000 colour photographs of 32×32 pixels in ten classes (Krizhevsky, "Learning Multiple Layers
of Features from Tiny Images", 2009).

It comes as six files of 10,000 pictures each, five to train on and one to test on, binary or pickled, in a
folder or in an archive. Archives are read in place, nothing is unpacked to the disk.
"""

import gzip
import zlib
from pathlib import PurePosixPath

import numpy as np

from minigan.data.dataset import Dataset, check_split
from minigan.data.places import roots, searched
from minigan.data.safe_pickle import loads
from minigan.errors import DataError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PARTS = {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)}
PER_PART = 10_000
PIXELS = 3 * 32 * 32  # bytes of a picture: its red plane, then the green, then the blue, each row by row
BINARY_SIZE = PER_PART * (1 + PIXELS)  # 30,730,000 bytes
LARGEST_FILE = 2**27  # bytes, far more than any honest part has

BINARY = "cifar-10-batches-bin"
PICKLED = "cifar-10-batches-py"
SUFFIXES = {BINARY: ".bin", PICKLED: ""}  # format, named after its folder → how its files end

# Where a root may hold it, the fastest to read first.
PLACES = (
    BINARY,
    PICKLED,
    f"cifar-10-batches-py-target/{PICKLED}",  # Keras 3
    "cifar-10-python.tar.gz",
    "cifar-10-batches-py.tar.gz",  # Keras 2
    "cifar-10-binary.tar.gz",
)
REMEDY = "run `minigan data fetch cifar10` or give --root FOLDER"


def load_cifar10(split="train", root=None):
    """Read CIFAR-10.

    split  "train" (50,000 pictures) or "test" (10,000)
    root   a folder that holds one of PLACES, or is one, or an archive; by default the cache, the folder of
           Keras and ./data are searched

    Returns a Dataset of images uint8 (N, 32, 32, 3) and labels int64 (N,).
    Raises DataError when it is not found, or a file is missing, cut short or altered.
    """
    check_split(split)
    source = find_cifar10(root)
    if source is None:
        raise DataError(f"CIFAR-10 not found: looked for {', '.join(PLACES)} in {searched(root)}; {REMEDY}")
    names = PARTS[split]
    images = np.empty((len(names), PER_PART, 32, 32, 3), dtype=np.uint8)
    labels = np.empty((len(names), PER_PART), dtype=np.int64)
    read = _read_folder if source.is_dir() else _read_archive
    for name, part_labels, pixels in read(source, names):
        part = names.index(name)
        labels[part] = part_labels
        images[part] = pixels.reshape(PER_PART, 3, 32, 32).transpose(0, 2, 3, 1)
    return Dataset("cifar10", split, images.reshape(-1, 32, 32, 3), labels.reshape(-1), CLASS_NAMES, source=str(source))


def find_cifar10(root=None):
    """The folder or archive to read, a Path, or None. What is found may still be incomplete or altered."""
    for folder in roots(root):
        if folder.is_file() or _format(folder):
            return folder
        for place in PLACES:
            if (folder / place).exists():
                return folder / place
    return None


def _format(folder):
    """BINARY or PICKLED if the folder has that name or holds one of its files, else None."""
    names = [name for part in PARTS.values() for name in part]
    for kind, suffix in SUFFIXES.items():
        holds_part = any((folder / (name + suffix)).is_file() for name in names)
        if folder.is_dir() and (folder.name == kind or holds_part):
            return kind
    return None


def _read_folder(folder, names):
    """Yields (name, labels (10000,), pixels uint8 (10000, 3072)) for each of the names."""
    kind = _format(folder)
    if kind is None:
        raise DataError(f"{folder}: expected the files of CIFAR-10, found a folder without them; {REMEDY}")
    for name in names:
        path = folder / (name + SUFFIXES[kind])
        if not path.exists():
            raise DataError(f"{folder}: incomplete, {path.name} is missing; unpack it again, or {REMEDY}")
        try:
            with path.open("rb") as file:
                raw = _read_file(file, path.stat().st_size, path)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
        yield name, *DECODERS[kind](raw, path)


def _read_archive(archive, names):
    """Yields what _read_folder yields, in the order in which the files stand in the archive."""
    import tarfile

    members = {PurePosixPath(kind, name + suffix): (name, kind) for kind, suffix in SUFFIXES.items() for name in names}
    missing = list(names)
    try:
        with gzip.open(archive) as stream:
            with tarfile.open(fileobj=stream, mode="r:") as tar:
                for member in tar:
                    name, kind = members.get(PurePosixPath(member.name), ("", ""))
                    if name in missing and member.isfile():
                        missing.remove(name)
                        where = f"{archive}: {member.name}"
                        raw = _read_file(tar.extractfile(member), member.size, where)
                        yield name, *DECODERS[kind](raw, where)
            while stream.read(2**20):  # to the end: the checksum of all the bytes stands after the last
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        problem = f"cut short, altered, or not a .tar.gz ({error})"
        raise DataError(f"{archive}: {problem}; replace it, or {REMEDY}") from error
    if missing:
        raise DataError(f"{archive}: incomplete, {', '.join(missing)} missing; replace it, or {REMEDY}")


def _read_file(file, size, where):
    if size > LARGEST_FILE:
        raise _altered(where, f"about {BINARY_SIZE:,} bytes", f"{size:,}")
    return file.read()


def _decode_binary(raw, where):
    """10,000 records of 3,073 bytes: the label, then the pixels."""
    if len(raw) != BINARY_SIZE:
        raise _altered(where, f"{BINARY_SIZE:,} bytes", f"{len(raw):,}")
    records = np.frombuffer(raw, np.uint8).reshape(PER_PART, 1 + PIXELS)
    labels, pixels = records[:, 0], records[:, 1:]
    if labels.max() > 9:
        raise _altered(where, "labels from 0 to 9", labels.max())
    return labels, pixels


def _decode_pickle(raw, where):
    """A dictionary with the labels, a list of 10,000 numbers, and the pixels, an array (10000, 3072)."""
    content = loads(raw, where)
    labels, pixels = content.get(b"labels"), content.get(b"data")
    if not isinstance(pixels, np.ndarray) or pixels.shape != (PER_PART, PIXELS):
        raise _altered(where, "data of shape (10000, 3072)", getattr(pixels, "shape", "none"))
    if not isinstance(labels, list) or len(labels) != PER_PART:
        raise _altered(where, "10,000 labels", len(labels) if isinstance(labels, list) else "none")
    wrong = [label for label in labels if label not in range(10)]
    if wrong:
        raise _altered(where, "labels from 0 to 9", f"{wrong[0]!a:.20}")
    return labels, pixels


def _altered(where, expected, got):
    return DataError(f"{where}: expected {expected}, got {got}; replace it, or {REMEDY}")


DECODERS = {BINARY: _decode_binary, PICKLED: _decode_pickle}
