"""The grids of a run, as pictures that stand in the page itself: few enough, and small enough, for one file."""

import base64
import io
import re

import numpy as np

from minigan.errors import UserError

MOST = 60  # grids in one page: a slider with more stops shows hardly more
BUDGET = 3_600_000  # characters of all grids together, which leaves room for the rest of the page in 5 MB
LARGEST = 1024  # pixels on a side: a larger grid is shown smaller
QUALITY = 88  # of WebP; the edges of 28-pixel pictures stay sharp, in a fifth of PNG's bytes


def grid_paths(run):
    """{epoch: path} of the grids that a RunFolder has, in order."""
    found = ((re.fullmatch(r"epoch_(\d+)", path.stem), path) for path in run.samples.glob("epoch_*.png"))
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def spread(items, count):
    """`count` of the items, spread evenly, the last among them, and the first if there is room; all if so few."""
    chosen = np.linspace(len(items) - 1, 0, min(count, len(items)))
    return [items[i] for i in chosen[::-1].round().astype(int)]


def frames(run, most=MOST, budget=BUDGET):
    """[(epoch, data URI, (width, height))] of as many of a RunFolder's grids as the page has room for.

    Raises UserError for a grid that is no picture.
    """
    made = [(epoch, *encoded(path)) for epoch, path in spread(list(grid_paths(run).items()), most)]
    characters = sum(len(source) for _, source, _ in made)
    while characters > budget and len(made) > 1:
        made = spread(made, max(1, min(len(made) - 1, int(len(made) * budget / characters))))
        characters = sum(len(source) for _, source, _ in made)
    return made


def encoded(path):
    """(data URI, (width, height)) of a PNG: WebP, without loss where that is smaller, as for some grey grids.

    Raises UserError where it is no picture.
    """
    from PIL import Image, features

    try:
        with Image.open(path) as file:
            image = file.convert("L" if file.mode == "L" else "RGB")
    except (OSError, SyntaxError) as error:  # Pillow has both for a damaged file
        raise UserError(f"{path}: expected a picture as minigan wrote it ({error})") from None
    image.thumbnail((LARGEST, LARGEST))
    if not features.check("webp"):  # a Pillow that was built without it
        return _data_uri(image, "png"), image.size
    sources = [_data_uri(image, "webp", quality=QUALITY)]
    if image.mode == "L":
        sources.append(_data_uri(image, "webp", lossless=True))
    return min(sources, key=len), image.size


def _data_uri(image, kind, **settings):
    file = io.BytesIO()
    image.save(file, format=kind, **settings)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
