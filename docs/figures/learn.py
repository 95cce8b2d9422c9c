"""Draw the pictures of the learning path that no example draws, into docs/images/learn/, and the site's small sign.

python docs/figures/learn.py
"""

import runpy
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyBboxPatch
from PIL import Image

import minigan as mg

OUT = Path(__file__).parents[1] / "images/learn"
ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).with_name("fake.png")
SIGN = Path(__file__).parents[1] / "_static/favicon.png"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    two_networks()
    favicon()


def two_networks():
    """z → G → fake, and a real picture, both to D; the gradient goes back to G."""
    figure, axes = plt.subplots(figsize=(8.5, 3.6), layout="constrained")
    axes.axis("off")
    digits = mg.data.load("digits", count=40).images[..., 0]

    def box(x, y, width, height, text, colour):
        axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.1", fc=colour, ec="0.3"))
        axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=11)

    def arrow(start, end, colour="0.3"):
        axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.4})

    noise = np.random.default_rng(0).standard_normal((8, 2))
    axes.imshow(noise, extent=(0.4, 1.2, 0.2, 3), cmap="gray", aspect="auto", zorder=2)
    axes.text(0.8, 3.2, "z, noise", ha="center", fontsize=10)
    box(2.4, 0.9, 2.6, 1.4, "generator G", "#fde3c8")
    with Image.open(FAKE) as fake:
        axes.imshow(np.asarray(fake), extent=(6.3, 8.3, 0.6, 2.6), cmap="gray", zorder=2)
    axes.text(7.3, 2.8, "G(z), a fake", ha="center", fontsize=10)
    axes.imshow(digits[32], extent=(6.3, 8.3, 4.2, 6.2), cmap="gray", zorder=2)
    axes.text(7.3, 6.4, "x, real", ha="center", fontsize=10)
    box(10.2, 2.6, 3.0, 1.6, "discriminator D", "#cfe2f3")
    axes.text(15.5, 3.4, "the probability\nof “real”", ha="center", va="center", fontsize=10)
    for start, end in (
        ((1.35, 1.6), (2.2, 1.6)),
        ((5.2, 1.6), (6.2, 1.6)),
        ((8.4, 1.6), (10.0, 2.9)),
        ((8.4, 5.2), (10.0, 3.9)),
        ((13.4, 3.4), (14.1, 3.4)),
    ):
        arrow(start, end)
    axes.plot([11.7, 11.7, 3.7], [2.4, -0.3, -0.3], color="tab:red", linewidth=1.4)
    arrow((3.7, -0.35), (3.7, 0.75), "tab:red")
    text = "G learns from the gradient that comes back through D"
    axes.text(7.7, -0.15, text, ha="center", va="bottom", fontsize=9, color="tab:red")
    axes.set(xlim=(0, 17), ylim=(-0.6, 7), aspect="equal")
    figure.savefig(OUT / "two_networks.png", dpi=110)


def make_fake():
    """A digit that the GAN of example 8 has made."""
    example = runpy.run_path(str(ROOT / "examples/08_dense_gan.py"))
    rows, _ = example["train"](mg.data.load("digits"), 3200)
    mg.plots.save_image(FAKE, rows[-1][3])


def favicon():
    """A star of the data set that is drawn."""
    star = mg.data.load("shapes", count=4).images[3]  # (32, 32, 3)
    mg.plots.save_image(SIGN, star)


if __name__ == "__main__":
    if sys.argv[1:] == ["fake"]:
        make_fake()
    main()
