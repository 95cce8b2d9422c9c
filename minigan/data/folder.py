"""A folder of images of any size: each is resized and cropped to a square, in colour."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.data.dataset import Dataset, check_split
from minigan.data.search_paths import Root, expand_user
from minigan.errors import DataError

IMAGE_SIZE = 64
MAX_NAMED = 3  # how many of the files that cannot be read the warning names


def load_folder(split: str = "train", root: Root = None, image_size: int = IMAGE_SIZE) -> Dataset:
    """Read every image in the folder `root` and its subfolders, sorted by path.

    root: the folder. If it has subfolders `train` and `test`, `split` chooses one of them; otherwise all of it is
    "train". The class of an image is the name of the subfolder that it is in, as in torchvision's ImageFolder.
    image_size: an image is resized until its shorter side has this many pixels, then its centre is cropped to a square.

    Returns a Dataset of images uint8 (N, image_size, image_size, 3). Files that are not images are skipped, with a
    warning that counts and names them. Raises DataError if there is no such folder, or no image in it.
    """
    check_split(split)
    if root is None:
        raise DataError("data set 'folder': expected --root FOLDER, a folder of images, got none")
    folder = expand_user(root)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of images, found {'a file' if folder.exists() else 'nothing'}")
    if not isinstance(image_size, int) or not 4 <= image_size <= 1024:
        raise DataError(f"--image-size {image_size}: expected a number of pixels from 4 to 1024")
    if (folder / split).is_dir():
        folder = folder / split
    elif split == "test":
        raise DataError(f"{folder}: expected a subfolder 'test' to test on, found none")
    return _read(folder, split, image_size)


def find_folder(root: Root = None) -> Path | None:
    """The folder `root`, or None if it does not exist or none is given: there is no default folder to search."""
    folder = None if root is None else expand_user(root)
    return folder if folder is not None and folder.is_dir() else None


def _read(folder: Path, split: str, image_size: int) -> Dataset:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    images, classes, unreadable = [], [], []
    for path in paths:
        image = _read_image(path, image_size)
        if image is None:
            unreadable.append(str(path.relative_to(folder)))
        else:
            images.append(image)
            subfolders = path.relative_to(folder).parts[:-1]
            classes.append(subfolders[0] if subfolders else "image")
    if not images:
        raise DataError(f"{folder}: expected images that Pillow can read, found none among {len(paths)} files")
    if unreadable:
        more = f" and {len(unreadable) - MAX_NAMED} more" if len(unreadable) > MAX_NAMED else ""
        warnings.warn(
            f"{folder}: skipped {len(unreadable)} of {len(paths)} files, which Pillow cannot read as images: "
            f"{', '.join(unreadable[:MAX_NAMED])}{more}",
            stacklevel=4,
        )
    names = tuple(sorted(set(classes)))
    labels = np.array([names.index(name) for name in classes], np.int64)
    return Dataset("folder", split, np.stack(images), labels, names, str(folder))


def _read_image(path: Path, image_size: int) -> npt.NDArray[Any] | None:
    """uint8 (image_size, image_size, 3), or None if Pillow cannot read the file."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (image_size, image_size), Image.Resampling.LANCZOS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow raises for such files
        return None
