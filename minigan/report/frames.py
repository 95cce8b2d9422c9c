"""The grids of a run as images embedded in the page: few enough, and small enough, for one file."""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from minigan.plots import read_image
from minigan.runs.folder import RunFolder

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_FRAMES = 60  # grids in one page: more stops of the slider would hardly show more
MAX_CHARACTERS = 3_600_000  # of all grids together, which leaves room for the rest of the page in 5 MB
MAX_SIDE = 1024  # pixels: larger grids are scaled down
QUALITY = 88  # of WebP: the edges of 28-pixel images stay sharp, in a fifth of the bytes of PNG

Item = TypeVar("Item")


class Frame(NamedTuple):
    """The grid of an epoch, as an image for the page."""

    epoch: int
    source: str  # a data URI
    size: tuple[int, int]  # width, height


def grid_paths(run: RunFolder) -> dict[int, Path]:
    """{epoch: path} of the grids of a run, in order."""
    found = ((re.fullmatch(r"epoch_(\d+)", path.stem), path) for path in run.samples.glob("epoch_*.png"))
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, evenly spaced, with the last one and, if count > 1, the first; all if there are fewer."""
    chosen = np.linspace(len(items) - 1, 0, min(count, len(items)))
    return [items[i] for i in chosen[::-1].round().astype(int)]


def frames(run: RunFolder, max_frames: int = MAX_FRAMES, max_characters: float = MAX_CHARACTERS) -> list[Frame]:
    """As many grids of a run as the page has room for. Raises UserError for a damaged image."""
    kept = [Frame(epoch, *encode(path)) for epoch, path in spread(list(grid_paths(run).items()), max_frames)]
    characters = sum(len(frame.source) for frame in kept)
    while characters > max_characters and len(kept) > 1:
        kept = spread(kept, max(1, min(len(kept) - 1, int(len(kept) * max_characters / characters))))
        characters = sum(len(frame.source) for frame in kept)
    return kept


def encode(path: Path) -> tuple[str, tuple[int, int]]:
    """(data URI, (width, height)) of a PNG, as WebP: lossless if that is smaller, as for some grey grids.

    Raises UserError if the file is not an image.
    """
    from PIL import Image, features

    pixels = read_image(path)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    if not features.check("webp"):  # this Pillow was built without it
        return _data_uri(image, "png"), image.size
    sources = [_data_uri(image, "webp", quality=QUALITY)]
    if image.mode == "L":
        sources.append(_data_uri(image, "webp", lossless=True))
    return min(sources, key=len), image.size


def _data_uri(image: "Image", kind: str, **settings: Any) -> str:
    file = io.BytesIO()
    image.save(file, format=kind, **settings)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
