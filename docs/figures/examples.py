"""Run the examples and save their images in docs/images/examples/, as NN_name.png and .gif; write docs/examples.md.

python docs/figures/examples.py [NN ...]

Without a number all examples are run; `python docs/figures/examples.py page` runs none and writes the page only.
"""

import ast
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images/examples"
PAGE = ROOT / "docs/examples.md"
INTRODUCTION = """# Examples

Sixteen programs of one or two pages each. Each of them runs on its own in less than a minute on two cores, needs no
download, writes an image and explains what it shows. `--help` lists the options; the examples that train on images take
a real data set with `--data`.
"""
TITLES = {
    "ring_of_gaussians": "A ring of Gaussians",
    "dense_gan": "Dense GAN",
    "dcgan": "DCGAN",
    "lsgan": "LSGAN",
    "conditional_gan": "Conditional GAN",
}


def main(*numbers):
    for path in examples():
        if not numbers or path.stem[:2] in numbers:
            image = IMAGES / f"{path.stem}.png"
            subprocess.run([sys.executable, str(path), "--out", str(image)], check=True)
            compress(image)
    PAGE.write_text(page(), encoding="utf-8")


def examples():
    return sorted((ROOT / "examples").glob("[0-9]*.py"))


def page():
    """The text of the page: each example's docstring without its commands, and its image."""
    parts = [INTRODUCTION]
    for path in examples():
        number, name = path.stem.split("_", 1)
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        summary, text, *_ = docstring.replace("*", r"\*").split("\n\n")  # D* is no emphasis
        heading = f"## {int(number)}. {TITLES.get(name) or name.replace('_', ' ').capitalize()}"
        image = f"![The image of example {int(number)}: {summary}](images/examples/{path.stem}.png)"
        link = f"[examples/{path.name}](../examples/{path.name})"
        parts += [heading, f"**{summary}**", text, image, f"{link}\n"]
    return "\n\n".join(parts).replace("\n\n\n", "\n\n")


def compress(path):
    """Reduce the image to 128 colours: a third of the size, and no visible difference in figures."""
    with Image.open(path) as image:
        reduced = image.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
