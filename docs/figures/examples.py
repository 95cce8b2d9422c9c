"""Run every example and keep its pictures in docs/images/examples/, as NN_name.png and .gif.

python docs/figures/examples.py [NN ...]
"""

import ast
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/images/examples"
PAGE = ROOT / "docs/examples.md"
BEGINNING = """# Examples

Sixteen programs of a page or two each. Every one runs by itself in less than a minute on two cores, needs no download,
writes a picture and says in words what it shows. `--help` lists its options; where it uses data, `--data` takes a real
data set.
"""
NAMES = {
    "ring_of_gaussians": "A ring of Gaussians",
    "dense_gan": "Dense GAN",
    "dcgan": "DCGAN",
    "lsgan": "LSGAN",
    "conditional_gan": "Conditional GAN",
}


def main(*numbers):
    for path in examples():
        if not numbers or path.stem[:2] in numbers:
            picture = PICTURES / f"{path.stem}.png"
            subprocess.run([sys.executable, str(path), "--out", str(picture)], check=True)
            compress(picture)
    PAGE.write_text(page(), encoding="utf-8")


def examples():
    return sorted((ROOT / "examples").glob("[0-9]*.py"))


def page():
    """The page: each example's docstring without its commands, and its picture."""
    parts = [BEGINNING]
    for path in examples():
        number, name = path.stem.split("_", 1)
        title, words, *_ = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n\n")
        picture = f"![The picture of example {int(number)}: {title.splitlines()[0]}](images/examples/{path.stem}.png)"
        link = f"[examples/{path.name}](../examples/{path.name})"
        heading = f"## {int(number)}. {NAMES.get(name) or name.replace('_', ' ').capitalize()}"
        parts += [heading, f"**{title}**", words, picture, f"{link}\n"]
    return "\n\n".join(parts).replace("\n\n\n", "\n\n")


def compress(picture):
    """To 128 colours: a third of the size, and no difference to be seen in figures."""
    with Image.open(picture) as image:
        small = image.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
