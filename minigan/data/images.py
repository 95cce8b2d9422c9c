"""The only place where image files are opened: in a few formats, up to a number of pixels, with one error.

Pillow goes by what a file holds, not by its name, and for some formats it starts other programs: an "x.jpg" that holds
PostScript would run Ghostscript. So every file is opened with a list of formats.
"""

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.errors import DataError
from minigan.foreign import printable, reading, require_regular

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 2**30  # of a file; that of the largest image, uncompressed, is half as large
MAX_PIXELS = 2**26  # of a photograph; decoded, it takes four bytes a pixel
CHUNK = 2**20  # pixels converted at once
BACKGROUND = "white"  # of images with transparency

ORIENTATION = 0x112  # the tags of EXIF and TIFF that are needed here
BITS_PER_SAMPLE = 0x102
PHOTOMETRIC = 0x106  # 0: the largest value is black


def open_image(
    path: str | os.PathLike[str], formats: tuple[str, ...] = FORMATS, max_pixels: int = MAX_PIXELS
) -> "Image":
    """Decode an image file, of an animation the first frame. The file is closed again.

    formats: Pillow's names of the formats to try. No other code of Pillow's sees the file.
    Raises DataError, one line, for anything that is not such an image or has more than `max_pixels` pixels.
    """
    from PIL import Image, UnidentifiedImageError

    name, expected = printable(path, 200), f"an image ({', '.join(formats)})"
    with warnings.catch_warnings(), reading(path, expected):
        warnings.simplefilter("ignore")  # of oddities in metadata, which are not used
        try:
            require_regular(path, MAX_BYTES)
            with Image.open(path, formats=formats) as image:
                if image.width * image.height > max_pixels:
                    raise DataError(f"{name}: expected at most {max_pixels:,} pixels, found {image.size}")
                image.load()
            return image
        except UnidentifiedImageError:
            raise DataError(f"{name}: expected {expected}, found something else") from None
        except MemoryError:  # Pillow's answer to impossible sizes: max_pixels bounds what possible ones need
            raise DataError(f"{name}: expected {expected}, found one that needs more memory than there is") from None


def open_rgb(path: str | os.PathLike[str]) -> "Image":
    """Decode an image file of any mode, upright, in RGB of 8 bits.

    Where it is transparent, the background is white. Grey of 16 bits is scaled to 8. Raises DataError for a file that
    cannot be read, and for pixels whose range is not known: floats, and integers of 32 bits.
    """
    image = open_image(path)
    with warnings.catch_warnings(), reading(path, "an image"):
        warnings.simplefilter("ignore")
        return _upright(_to_rgb(image, printable(path, 200)), image)


def _to_rgb(image: "Image", name: str) -> "Image":
    from PIL import Image

    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):  # "I": Pillow before 11
        image = _grey16_to_8(image)
    elif image.mode in ("I", "F"):
        raise DataError(f"{name}: expected pixels of 8 or 16 bits, found {image.mode}, whose range is not known")
    transparent = image.info.get("transparency")
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and transparent is None:
        return image.convert("RGB")
    if image.mode == "RGB" and isinstance(transparent, tuple) and max(transparent) > 255:
        image.info["transparency"] = tuple(value >> 8 for value in transparent)  # a PNG of 16 bits, read as 8
    image = image.convert("RGBA")
    on_background = Image.new("RGB", image.size, BACKGROUND)
    on_background.paste(image, mask=image.getchannel("A"))
    return on_background


def _grey16_to_8(image: "Image") -> "Image":
    """Grey of up to 16 bits as 8 bits, mode L, or LA if one of its values is transparent. Pillow would clip at 255."""
    from PIL import Image

    tags: Any = getattr(image, "tag_v2", {})  # of a TIFF
    top = 2**12 - 1 if tags.get(BITS_PER_SAMPLE) == (12,) else 2**16 - 1  # 12 bits: files of some microscopes
    table = ((np.arange(top + 1) * 255 + top // 2) // top).astype(np.uint8)  # rounded: 0 stays 0, top becomes 255
    if tags.get(PHOTOMETRIC) == 0:
        table = table[::-1]
    values = np.asarray(image)
    grey = np.empty(values.shape, np.uint8)
    flat, flat_values = grey.reshape(-1), values.reshape(-1)
    for start in range(0, len(flat), CHUNK):  # a table is indexed with eight bytes a pixel
        table.take(flat_values[start : start + CHUNK], out=flat[start : start + CHUNK], mode="clip")
    transparent = image.info.get("transparency")
    if transparent is None:
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


def _upright(image: "Image", source: "Image") -> "Image":
    """The image turned as the EXIF data of its `source` says.

    ImageOps.exif_transpose also writes the other EXIF entries anew, and fails if one of them is damaged.
    """
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(source.getexif().get(ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)
