"""Any folder of pictures: each resized and cropped to a square, in colour."""

import warnings

import numpy as np

from minigan.data.dataset import Dataset, check_split
from minigan.data.places import expanded
from minigan.errors import DataError

IMAGE_SIZE = 64
NAMED = 3  # of the files that cannot be read, how many are named


def load_folder(split="train", root=None, image_size=IMAGE_SIZE):
    """Read every picture under `root`, in the order of their names.

    root: the folder. Where it has subfolders `train` and `test`, `split` chooses one; otherwise all of it is "train".
    Pictures in subfolders have the subfolder's name as their class, as in torchvision's ImageFolder.
    image_size: pictures are resized so that the shorter side has that many pixels, and cropped in the middle.

    Returns a Dataset of images uint8 (N, image_size, image_size, 3). Files that are no pictures are left out, with a
    warning that counts and names them. Raises DataError where there is no folder, or no picture in it.
    """
    check_split(split)
    if root is None:
        raise DataError("data set 'folder': expected --root FOLDER, a folder of pictures, got none")
    folder = expanded(root)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of pictures, found {'a file' if folder.exists() else 'nothing'}")
    if not isinstance(image_size, int) or not 4 <= image_size <= 1024:
        raise DataError(f"--image-size {image_size}: expected a number of pixels from 4 to 1024")
    if (folder / split).is_dir():
        folder = folder / split
    elif split == "test":
        raise DataError(f"{folder}: expected a subfolder 'test' to test on, found none")
    return _read(folder, split, image_size)


def _read(folder, split, image_size):
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    images, classes, unreadable = [], [], []
    for path in paths:
        picture = _read_picture(path, image_size)
        if picture is None:
            unreadable.append(str(path.relative_to(folder)))
        else:
            images.append(picture)
            inside = path.relative_to(folder).parts
            classes.append(inside[0] if len(inside) > 1 else "picture")
    if not images:
        raise DataError(f"{folder}: expected pictures that Pillow can read, found none among {len(paths)} files")
    if unreadable:
        more = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
        warnings.warn(
            f"{folder}: {len(unreadable)} of {len(paths)} files are no pictures that can be read, and are left out: "
            f"{', '.join(unreadable[:NAMED])}{more}",
            stacklevel=4,
        )
    names = tuple(sorted(set(classes)))
    labels = np.array([names.index(name) for name in classes], np.int64)
    return Dataset("folder", split, np.stack(images), labels, names, str(folder))


def _read_picture(path, image_size):
    """uint8 (image_size, image_size, 3), or None where Pillow cannot read it."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (image_size, image_size), Image.Resampling.LANCZOS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow's ways to say that it cannot
        return None
