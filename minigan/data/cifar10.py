"""CIFAR-10: 60,000 colour photographs of 32×32 pixels in ten classes (Krizhevsky, "Learning Multiple Layers of Features
from Tiny Images", 2009).

It comes as six files of 10,000 images each, five to train on and one to test on, binary or pickled, in a folder or in
an archive. Archives are read directly; nothing is unpacked to the disk.
"""

import contextlib
import gzip
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from minigan.data.dataset import Dataset, check_split
from minigan.data.download import Download, Downloads
from minigan.data.safe_pickle import loads
from minigan.data.search_paths import Root, describe_search_paths, exists, is_file, is_folder, search_paths
from minigan.errors import DataError
from minigan.foreign import describe, printable, reading, require_regular

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILES = {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)}
IMAGES_PER_FILE = 10_000
PIXELS = 3 * 32 * 32  # bytes of an image: its red plane, then the green one, then the blue one, each row by row
BINARY_SIZE = IMAGES_PER_FILE * (1 + PIXELS)  # 30,730,000 bytes
# Bytes, more than any genuine file has: Python 3 writes some bytes of a pickle as two.
MAX_FILE_SIZE = 2**26
MAX_ARCHIVE_SIZE = 2**28
MAX_UNPACKED = 2**29  # of an archive: six files, at most
MAX_MEMBERS = 100  # of an archive; genuine ones have nine

# The two formats, named after their folders, and how the names of their files end.
BINARY = "cifar-10-batches-bin"
PICKLED = "cifar-10-batches-py"
SUFFIXES = {BINARY: ".bin", PICKLED: ""}

# Where it may be in a search path, the fastest to read first.
LOCATIONS = (
    BINARY,
    PICKLED,
    f"cifar-10-batches-py-target/{PICKLED}",  # Keras 3
    "cifar-10-python.tar.gz",
    "cifar-10-batches-py.tar.gz",  # Keras 2
    "cifar-10-binary.tar.gz",
)
DOWNLOADS = Downloads(
    (
        Download(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            170_498_071,
        ),
    )
)
REMEDY = "run `minigan data fetch cifar10` or give --root FOLDER"

# What a file holds: labels, ten thousand integers, and pixels, uint8 (10000, 3072).
Content: TypeAlias = tuple[Any, npt.NDArray[np.uint8]]


def load_cifar10(split: str = "train", root: Root = None) -> Dataset:
    """Read CIFAR-10.

    split: "train" (50,000 images) or "test" (10,000).
    root: a folder that holds one of LOCATIONS, or is one, or an archive. By default, minigan's cache, the folder that
    Keras downloads to, and ./data are searched.

    Returns a Dataset of images uint8 (N, 32, 32, 3) and labels int64 (N,).
    Raises DataError if it is not found, or a file is missing, cut short or altered.
    """
    check_split(split)
    source = find_cifar10(root)
    if source is None:
        raise DataError(
            f"CIFAR-10 not found: searched for {', '.join(LOCATIONS)} in {describe_search_paths(root)}; {REMEDY}"
        )
    names = FILES[split]
    images = np.empty((len(names), IMAGES_PER_FILE, 32, 32, 3), dtype=np.uint8)
    labels = np.empty((len(names), IMAGES_PER_FILE), dtype=np.int64)
    read = _read_folder if is_folder(source) else _read_archive
    for name, (file_labels, pixels) in read(source, names):
        i = names.index(name)
        labels[i] = file_labels
        images[i] = pixels.reshape(IMAGES_PER_FILE, 3, 32, 32).transpose(0, 2, 3, 1)
    return Dataset("cifar10", split, images.reshape(-1, 32, 32, 3), labels.reshape(-1), CLASS_NAMES, source=str(source))


def find_cifar10(root: Root = None) -> Path | None:
    """The folder or archive to read, or None. What is found may still be incomplete or altered."""
    for folder in search_paths(root):
        if is_file(folder) or _format_of(folder):
            return folder
        for location in LOCATIONS:
            if exists(folder / location):
                return folder / location
    return None


def _format_of(folder: Path) -> str | None:
    """BINARY or PICKLED if the folder is called that or holds a file in that format, else None."""
    names = [name for files in FILES.values() for name in files]
    for form, suffix in SUFFIXES.items():
        holds_file = any(is_file(folder / (name + suffix)) for name in names)
        if is_folder(folder) and (folder.name == form or holds_file):
            return form
    return None


def _read_folder(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) for each of the names."""
    form = _format_of(folder)
    if form is None:
        where = printable(folder, 200)
        raise DataError(f"{where}: expected the files of CIFAR-10, found a folder without them; {REMEDY}")
    for name in names:
        path = folder / (name + SUFFIXES[form])
        if not exists(path):
            missing = f"incomplete, {path.name} is missing; unpack it again, or {REMEDY}"
            raise DataError(f"{printable(folder, 200)}: {missing}")
        with reading(path, f"a file of about {BINARY_SIZE:,} bytes", REMEDY):
            require_regular(path, MAX_FILE_SIZE, remedy=REMEDY)
            with path.open("rb") as file:
                raw = file.read(MAX_FILE_SIZE)
        yield name, DECODERS[form](raw, str(path))


def _read_archive(archive: Path, names: Iterable[str]) -> Iterator[tuple[str, Content]]:
    """Yield what _read_folder yields, in the order of the files in the archive."""
    import tarfile

    wanted = {PurePosixPath(form, name + suffix): (name, form) for form, suffix in SUFFIXES.items() for name in names}
    missing = list(names)
    parsing = partial(reading, archive, "a .tar.gz with the files of CIFAR-10", f"replace it, or {REMEDY}")
    with contextlib.ExitStack() as files:
        with parsing():
            require_regular(archive, MAX_ARCHIVE_SIZE, remedy=REMEDY)
            stream = _Bounded(files.enter_context(gzip.GzipFile(archive)), archive)
            tar = files.enter_context(tarfile.open(fileobj=stream, mode="r:"))  # type: ignore[call-overload]
        for _ in range(MAX_MEMBERS):
            with parsing():
                member = tar.next()
            if member is None:
                break
            name, form = wanted.get(PurePosixPath(member.name), ("", ""))
            if name in missing and member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                missing.remove(name)
                file_name = f"{archive}: {member.name}"
                if member.size > MAX_FILE_SIZE:
                    raise _altered(file_name, f"about {BINARY_SIZE:,} bytes", f"{member.size:,}")
                with parsing():
                    raw = tar.extractfile(member).read()
                yield name, DECODERS[form](raw, file_name)
        else:
            raise _altered(str(archive), "nine files", f"more than {MAX_MEMBERS}")
        with parsing():
            while stream.read(2**20):  # gzip verifies its checksum, which follows the last byte, when it reaches it
                pass
    if missing:
        raise DataError(f"{printable(archive, 200)}: incomplete, {', '.join(missing)} missing; replace it, or {REMEDY}")


class _Bounded:
    """A stream that is read forwards, up to MAX_UNPACKED bytes, and never more than MAX_FILE_SIZE at once.

    A few bytes of gzip can stand for a million. A tar can make its reader take any size for that of a name, and go
    back and forth for ever.
    """

    def __init__(self, stream: gzip.GzipFile, archive: Path) -> None:
        self.stream, self.archive, self.position = stream, archive, 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_FILE_SIZE:
            raise _altered(str(self.archive), f"no file or name of more than {MAX_FILE_SIZE:,} bytes", "a larger one")
        content = self.stream.read(size)
        self.position += len(content)
        if self.position > MAX_UNPACKED:
            raise _altered(str(self.archive), f"at most {MAX_UNPACKED:,} bytes of content", "more")
        return content

    def seek(self, position: int) -> None:
        if position < self.position:
            raise _altered(str(self.archive), "its files one after the other", "them in disorder")
        while self.position < position and self.read(min(2**20, position - self.position)):
            pass

    def tell(self) -> int:
        return self.position

    def seekable(self) -> bool:
        return True


def _decode_binary(raw: bytes, file_name: str) -> Content:
    """10,000 records of 3,073 bytes: the label, then the pixels."""
    if len(raw) != BINARY_SIZE:
        raise _altered(file_name, f"{BINARY_SIZE:,} bytes", f"{len(raw):,}")
    records = np.frombuffer(raw, np.uint8).reshape(IMAGES_PER_FILE, 1 + PIXELS)
    labels, pixels = records[:, 0], records[:, 1:]
    if labels.max() > 9:
        raise _altered(file_name, "labels from 0 to 9", labels.max())
    return labels, pixels


def _decode_pickle(raw: bytes, file_name: str) -> Content:
    """A dictionary with the labels, a list of 10,000 numbers, and the pixels, an array (10000, 3072)."""
    content = loads(raw, file_name)
    labels, pixels = content.get(b"labels"), content.get(b"data")
    if not isinstance(pixels, np.ndarray) or pixels.shape != (IMAGES_PER_FILE, PIXELS):
        raise _altered(file_name, "data of shape (10000, 3072)", printable(getattr(pixels, "shape", "none"), 40))
    if not isinstance(labels, list) or len(labels) != IMAGES_PER_FILE:
        raise _altered(file_name, "10,000 labels", len(labels) if isinstance(labels, list) else "none")
    wrong = [label for label in labels if not isinstance(label, int) or not 0 <= label <= 9]
    if wrong:
        raise _altered(file_name, "labels from 0 to 9", describe(wrong[0]))
    return labels, pixels


def _altered(file_name: str, expected: str, got: object) -> DataError:
    """got: a number, or text of this module's own."""
    return DataError(f"{printable(file_name, 200)}: expected {expected}, got {got}; replace it, or {REMEDY}")


DECODERS: dict[str, Callable[[bytes, str], Content]] = {BINARY: _decode_binary, PICKLED: _decode_pickle}
