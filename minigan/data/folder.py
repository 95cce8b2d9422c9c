"""A folder of images of any size: each is resized and cropped to a square, in colour."""

import os
import stat
import warnings
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigan.data.dataset import Dataset, check_split
from minigan.data.images import open_rgb
from minigan.data.search_paths import Root, exists, given_path, is_folder
from minigan.errors import DataError
from minigan.foreign import printable, reading

IMAGE_SIZE = 64
MAX_NAMED = 3  # how many of the files that are left out the warning names
NO_CLASS = "image"  # the class of images that are in no subfolder
SPLIT_FOLDERS = ("train", "test", "val", "valid", "validation", "dev")  # what may stand beside "train"


class LeftOut(NamedTuple):
    """A file or folder that is not read."""

    name: str  # relative to the folder of the split
    reason: str


def load_folder(split: str = "train", root: Root = None, image_size: int = IMAGE_SIZE) -> Dataset:
    """Read every image in the folder `root` and its subfolders, sorted by path.

    root: the folder. If it has subfolders `train` and `test`, `split` chooses one of them; otherwise all of it is
    "train". The class of an image is the name of the subfolder that it is in, as in torchvision's ImageFolder. The
    classes are those of the training split, for both splits.
    image_size: an image is resized until its shorter side has this many pixels, then its centre is cropped to a square.

    Images are PNG, JPEG, WEBP, GIF, BMP or TIFF of any mode; the background of transparent ones is white. Links to
    folders are followed, but no folder is read twice for one class. Files and folders whose names begin with a dot are
    ignored.

    Returns a Dataset of images uint8 (N, image_size, image_size, 3). Other files are left out, with a warning that
    counts and names them. Raises DataError if there is no such folder, no image in it, or a class in the test split
    that the training split does not have.
    """
    check_split(split)
    if root is None:
        raise DataError("data set 'folder': expected --root FOLDER, a folder of images, got none")
    folder = given_path(root)
    if not is_folder(folder):
        found = "a file" if exists(folder) else "nothing"
        raise DataError(f"{printable(folder, 200)}: expected a folder of images, found {found}")
    if not isinstance(image_size, int) or not 4 <= image_size <= 1024:
        raise DataError(f"--image-size {printable(image_size, 20)}: expected a number of pixels from 4 to 1024")
    train, test = folder / "train", folder / "test"
    if split == "test" and not is_folder(test):
        raise DataError(f"{printable(folder, 200)}: expected a subfolder 'test' to test on, found none")
    if not is_folder(train):
        if is_folder(test):
            raise DataError(f"{printable(folder, 200)}: expected a subfolder 'train' beside 'test', found none")
        return _read(folder, split, image_size)
    if split == "train":
        _warn_of_neighbours(folder)
        return _read(train, split, image_size)
    return _read(test, split, image_size, _class_names(train))


def find_folder(root: Root = None) -> Path | None:
    """The folder `root`, or None if it does not exist or none is given: there is no default folder to search."""
    folder = None if root is None else given_path(root)
    return folder if folder is not None and is_folder(folder) else None


def find_files(folder: Path) -> tuple[list[Path], list[LeftOut]]:
    """The regular files in a folder and its subfolders, sorted by path, and what is left out.

    Links to folders are followed. A folder is read once for each class, so a link that leads back ends there.
    """
    files: list[Path] = []
    left_out: list[LeftOut] = []
    with reading(folder, "a folder of images"):
        top = _identity(folder.stat())
    waiting: deque[tuple[Path, set[tuple[int, int]] | None]] = deque([(folder, None)])
    while waiting:
        current, seen = waiting.popleft()
        try:
            entries = sorted(path for path in current.iterdir() if not path.name.startswith("."))
        except OSError as error:
            left_out.append(LeftOut(_relative(current, folder), f"a folder that cannot be read, {error.strerror}"))
            continue
        for path in entries:
            try:
                found = path.stat()
            except OSError as error:
                left_out.append(LeftOut(_relative(path, folder), f"cannot be read, {error.strerror}"))
                continue
            if stat.S_ISREG(found.st_mode):
                files.append(path)
            elif not stat.S_ISDIR(found.st_mode):
                left_out.append(LeftOut(_relative(path, folder), "a device or pipe"))
            else:
                of_class = {top} if seen is None else seen
                if _identity(found) in of_class:
                    left_out.append(LeftOut(_relative(path, folder), "a link to a folder that is read already"))
                    continue
                of_class.add(_identity(found))
                waiting.append((path, of_class))
    return sorted(files), left_out


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _read(folder: Path, split: str, image_size: int, class_names: tuple[str, ...] | None = None) -> Dataset:
    """class_names: of the training split; None: this is the training split."""
    paths, left_out = find_files(folder)
    entries = len(paths) + len(left_out)
    images, classes = [], []
    for path in paths:
        try:
            images.append(_read_image(path, image_size))
        except DataError as error:
            reason = str(error).removeprefix(f"{printable(path, 200)}: ")
            left_out.append(LeftOut(_relative(path, folder), reason))
        else:
            classes.append(_class_of(path, folder))
    if not images:
        reason = f"; {_list_of(left_out[:1])}" if left_out else ""
        raise DataError(
            f"{printable(folder, 100)}: expected images (PNG, JPEG, WEBP, GIF, BMP, TIFF), found none among {entries} "
            f"files{reason}"
        )
    if left_out:
        warnings.warn(
            f"{printable(folder, 80)}: skipped {len(left_out)} of {entries} files, which cannot be read as images: "
            f"{_list_of(left_out)}",
            stacklevel=4,
        )
    names = tuple(sorted(set(classes))) if class_names is None else class_names
    unknown = sorted(set(classes) - set(names))
    if unknown:
        raise DataError(
            f"{printable(folder, 100)}: expected the classes of the training split, {_list_of_names(names)}, "
            f"found {_list_of_names(unknown)} too; move these images, or train on some"
        )
    labels = np.array([names.index(name) for name in classes], np.int64)
    return Dataset("folder", split, np.stack(images), labels, names, _utf8(str(folder)))


def _class_names(folder: Path) -> tuple[str, ...]:
    """The classes that _read() finds in the training split: those with an image that can be read."""
    names: set[str] = set()
    for path in find_files(folder)[0]:
        name = _class_of(path, folder)
        if name not in names:
            try:
                open_rgb(path)
            except DataError:
                continue
            names.add(name)
    return tuple(sorted(names))


def _class_of(path: Path, folder: Path) -> str:
    subfolders = path.relative_to(folder).parts[:-1]
    return _utf8(subfolders[0]) if subfolders else NO_CLASS


def _utf8(name: str) -> str:
    """A name for a run's files, which are UTF-8: bytes of a file name that are not are written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _read_image(path: Path, image_size: int) -> npt.NDArray[Any]:
    """uint8 (image_size, image_size, 3). Raises DataError if the file cannot be read."""
    from PIL import Image, ImageOps

    image = open_rgb(path)
    with reading(path, "an image that can be resized"):
        return np.asarray(ImageOps.fit(image, (image_size, image_size), Image.Resampling.LANCZOS))


def _warn_of_neighbours(folder: Path) -> None:
    """Warn if a subfolder `train` is read although others, perhaps classes, are beside it."""
    with reading(folder, "a folder of images"):
        others = sorted(path.name for path in folder.iterdir() if is_folder(path) and not path.name.startswith("."))
    others = [name for name in others if name.lower() not in SPLIT_FOLDERS]
    if others:
        warnings.warn(
            f"{printable(folder, 80)}: only the subfolder 'train' is read, and {len(others)} beside it left out: "
            f"{_list_of_names(others)}",
            stacklevel=4,
        )


def _list_of(left_out: list[LeftOut]) -> str:
    """The first names, and the reason of the first one."""
    return f"{_list_of_names([name for name, _ in left_out])} ({printable(left_out[0].reason, 80)})"


def _list_of_names(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(printable(name, 30) for name in names[:MAX_NAMED]) + more


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder))
