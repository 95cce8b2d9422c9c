"""Draw the figures of docs/learn/ that no example draws, into docs/images/learn/, and the icon of the site.

python docs/figures/learn.py
python docs/figures/learn.py fake     first trains the GAN of example 8, for the generated digit of the first figure
"""

import inspect
import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from drawing import BLUE, ORANGE, save
from matplotlib.patches import FancyBboxPatch
from PIL import Image

import minigan as mg
from minigan.backend import asarray, to_numpy

OUT = Path(__file__).parents[1] / "images/learn"
ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).with_name("fake.png")
SIGN = Path(__file__).parents[1] / "_static/favicon.png"


def main():
    figures = (two_networks, discriminative_and_generative, explicit_and_implicit, players_over_time)
    save({draw.__name__: draw for draw in figures}, OUT)
    favicon()


def two_networks():
    """z → G → G(z); G(z) and a real image → D → probability; and the gradient, back through D to G."""
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
    return figure


def discriminative_and_generative():
    """Two classes of points: the line between them; and the density of each, with new points drawn from it."""
    random = np.random.default_rng(2)
    blue = random.multivariate_normal((-1.4, 0.2), ((0.9, 0.3), (0.3, 0.6)), 80)  # (80, 2)
    orange = random.multivariate_normal((1.2, -0.3), ((0.6, -0.2), (-0.2, 0.9)), 80)  # (80, 2)
    x = np.stack(np.meshgrid(np.linspace(-4.5, 3.8, 150), np.linspace(-3.2, 2.7, 150)), axis=-1)  # (150, 150, 2)
    plane = x[..., 0], x[..., 1]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), layout="constrained")

    weight, bias = logistic_regression(blue, orange)
    left.contour(*plane, x @ weight + bias, [0], colors="0.2", linewidths=2)
    log_densities = []  # (150, 150) each, up to a constant that both share
    for points, colour in ((blue, BLUE), (orange, ORANGE)):
        mean, covariance = points.mean(axis=0), np.cov(points.T, bias=True)  # the maximum likelihood estimates
        squared = ((x - mean) @ np.linalg.inv(covariance) * (x - mean)).sum(axis=-1)  # Mahalanobis distance²
        log_densities.append(-squared / 2 - np.log(np.linalg.det(covariance)) / 2)
        left.plot(*points.T, ".", color=colour, markersize=6)
        right.contourf(*plane, squared, [0, 4], colors=colour, alpha=0.15)
        right.contour(*plane, squared, [0.25, 1, 2.25, 4], colors=colour, linewidths=1.2)
        right.plot(*random.multivariate_normal(mean, covariance, 8).T, "*", color=colour, markersize=12, mec="black")
    right.contour(*plane, log_densities[0] - log_densities[1], [0], colors="0.2", linestyles="--")
    for label, style in (("newly drawn", "k*"), ("equally likely", "k--")):
        right.plot([], [], style, markersize=9, markerfacecolor="white", label=label)
    right.legend(frameon=False, loc="lower left", fontsize=9)
    left.set(title="discriminative: a line between the classes")
    right.set(title="generative: where each class lies")
    for axes in (left, right):
        axes.set(xlabel="feature 1", ylabel="feature 2", xticks=[], yticks=[])
        axes.margins(0)
    return figure


def logistic_regression(no, yes):
    """(w, b) fitted by gradient descent on the cross-entropy; no, yes: (N, 2), the points of the two classes."""
    mg.backend.seed(0)
    layer = mg.layers.Dense(2, 1)
    x, y = asarray(np.concatenate([no, yes])), asarray(np.repeat([[0.0], [1.0]], [len(no), len(yes)], axis=0))
    adam = mg.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(400):
        logits, cache = layer.forward(x)
        adam.zero_grad()
        layer.backward(mg.losses.bce_with_logits(logits, y)[1], cache, input_grad=False)
        adam.step()
    return to_numpy(layer.weight.value)[:, 0], to_numpy(layer.bias.value)  # (2,), (1,)


# The figure shows these lines.
def simulator(noise):  # (20, N)
    x = 0
    for z in noise:
        x = 2 * np.tanh(x) + z
    return x  # (N,)


def explicit_and_implicit():
    """A density fitted to data, and a function that turns noise into samples."""
    random = np.random.default_rng(0)
    figure, (explicit, noise, function, samples) = plt.subplots(
        1, 4, figsize=(9, 3), layout="constrained", width_ratios=[1.2, 0.6, 1.7, 0.9]
    )
    data = random.normal(1, 1.5, 400)
    mean, std = data.mean(), data.std()  # the maximum likelihood estimates

    def density(x):
        return np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi))

    x = np.linspace(-4, 6, 200)
    explicit.hist(data, 30, density=True, color=BLUE, alpha=0.35, label="data")
    explicit.plot(x, density(x), color=BLUE, linewidth=2, label=f"N({mean:.2f}, {std:.2f}²)")
    explicit.plot(2, density(2), "o", color="black")
    explicit.annotate(f"p(2) = {density(2):.2f}", (2, density(2)), (8, 4), textcoords="offset points")
    explicit.set(title="explicit: a formula for p(x)", xlabel="x", ylim=(0, 0.4))
    explicit.legend(frameon=False, loc="upper left", fontsize=9)

    z = random.standard_normal((20, 4000))
    noise.hist(z[0], 30, color="0.6")
    noise.set(title="noise", xlabel="z", yticks=[])
    box = {"boxstyle": "round,pad=0.6", "facecolor": "#fde3c8", "edgecolor": "0.3"}
    source = inspect.getsource(simulator).strip()
    function.text(0.5, 0.5, source, fontsize=9, family="monospace", ha="center", va="center", ma="left", bbox=box)
    for start in (0, 0.91):
        function.annotate("", (start + 0.09, 0.5), (start, 0.5), arrowprops={"arrowstyle": "-|>", "color": "0.3"})
    function.set(title="implicit: a function, no formula")
    function.axis("off")
    samples.hist(simulator(z), 50, color=ORANGE, alpha=0.7)
    samples.axvline(2, color="black", linewidth=1.2, linestyle=":")
    samples.annotate("p(2) = ?", (2, 0.93), (4, 0), xycoords=("data", "axes fraction"), textcoords="offset points")
    samples.set(title="samples", xlabel="x", yticks=[])
    for axes in (noise, samples):
        axes.spines.left.set_visible(False)
    return figure


def players_over_time():
    """x, y and xy of the minimax game over time, in continuous time and in alternating steps."""
    lr, t = 0.1, np.linspace(0, 4 * np.pi, 400)
    x, y = np.cos(t) - np.sin(t), np.cos(t) + np.sin(t)
    steps = np.ones((126, 2))  # (x, y) after each
    for before, after in zip(steps[:-1], steps[1:], strict=True):
        after[0] = before[0] - lr * before[1]
        after[1] = before[1] + lr * after[0]
    x_steps, y_steps = steps[::3].T  # (42,) each
    figure, axes = plt.subplots(figsize=(8.4, 3.4), layout="constrained")
    for curve, dots, colour, label in (
        (x, x_steps, BLUE, "x, player 1"),
        (y, y_steps, ORANGE, "y, player 2"),
        (x * y, x_steps * y_steps, "0.3", "xy, the loss of player 1"),
    ):
        axes.plot(t, curve, color=colour, linewidth=1.6, label=label)
        axes.plot(3 * lr * np.arange(42), dots, "o", color=colour, markersize=3.5)
    axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    axes.set(xlabel="time t; dots: every third of the alternating steps of 0.1", ylim=(-1.6, 2.1))
    axes.set_xticks(np.pi * np.arange(5), ["0", "π", "2π", "3π", "4π"])
    axes.legend(frameon=False, loc="upper center", ncols=3)
    return figure


def make_fake():
    """Save a digit generated by the GAN of example 8."""
    example = runpy.run_path(str(ROOT / "examples/08_dense_gan.py"))
    rows, _ = example["train"](mg.data.load("digits"), 3200)
    mg.plots.save_image(FAKE, list(rows.values())[-1][3])


def favicon():
    """Save the icon of the site: a star of the data set "shapes"."""
    star = mg.data.load("shapes", count=4).images[3]  # (32, 32, 3)
    mg.plots.save_image(SIGN, star)


if __name__ == "__main__":
    if sys.argv[1:] == ["fake"]:
        make_fake()
    main()
