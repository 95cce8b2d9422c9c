"""Draw the figures of docs/losses/ into docs/images/losses/: python docs/figures/losses.py"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from drawing import BLUE, ORANGE, save

import minigan as mg
from minigan import losses
from minigan.backend import asarray, to_numpy

OUT = Path(__file__).parent.parent / "images" / "losses"
GREY = "0.5"


def main():
    figures = (
        bce_with_logits,
        bce,
        least_squares,
        beyond_the_boundary,
        softmax_cross_entropy,
        non_saturating,
        minimax,
        least_squares_objective,
    )
    save({draw.__name__: draw for draw in figures}, OUT)


# --- helpers ---------------------------------------------------------------------------------------------------------


def along(loss, points, *targets):
    """(values, gradients) of a loss at each of the points separately: a mean over one element."""
    pairs = [loss(asarray(np.array([[point]])), *targets) for point in points]
    return np.array([float(value) for value, _ in pairs]), np.array([to_numpy(d)[0, 0] for _, d in pairs])


def two_panels():
    return plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")


def axis_lines(*panels):
    """Draw thin lines at zero."""
    for axes in panels:
        axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
        axes.axvline(0, color="0.85", linewidth=0.8, zorder=0)


def normal_density(x, mean):
    return np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)


# --- the figures -----------------------------------------------------------------------------------------------------


def bce_with_logits():
    """Values, compared with the naive formula in float32, and gradients."""
    l = np.linspace(-30, 30, 241)
    figure, (left, right) = two_panels()
    for target, colour in ((1, BLUE), (0, ORANGE)):
        value, gradient = along(losses.bce_with_logits, l, target)
        left.plot(l, value, color=colour, linewidth=2, label=f"t = {target}")
        right.plot(l, gradient, color=colour, linewidth=2, label=f"σ(l) − {target}" if target else "σ(l)")
    p = to_numpy(mg.layers.Sigmoid().forward(asarray(l.astype("float32")))[0])
    with np.errstate(divide="ignore"):
        naive = -np.log(p)
    left.plot(l, naive, color="black", linestyle="--", linewidth=1.4, label="−log σ(l) in float32")
    end = l[np.isinf(naive)].max()
    left.annotate("infinite from\nhere to the left", (end, -end), (-13, 24.5), arrowprops={"arrowstyle": "->"})
    left.set(title="L(l)", xlabel="logit l", ylim=(-1, 36))
    right.set(title="dL/dl", xlabel="logit l", xlim=(-8, 8))
    axis_lines(left, right)
    left.legend(frameon=False, loc="upper right", ncols=3, fontsize=9, columnspacing=0.8, handlelength=1.4)
    right.legend(frameon=False)
    return figure


def bce():
    """Values over p; the gradient through a sigmoid, in float32, compared with that of bce_with_logits."""
    p = np.linspace(0.002, 0.998, 300)
    figure, (left, right) = two_panels()
    for target, colour in ((1, BLUE), (0, ORANGE)):
        value, _ = along(losses.bce, p, target)
        left.plot(p, value, color=colour, linewidth=2, label="−log p (t = 1)" if target else "−log (1 − p) (t = 0)")
    left.set(title="L(p)", xlabel="probability p")
    left.legend(frameon=False, loc="upper center")

    l = np.linspace(-30, 30, 601).astype("float32")
    sigmoid = mg.layers.Sigmoid()
    through = []
    for logit in l:
        probability, cache = sigmoid.forward(asarray(np.array([[logit]])))
        _, gradient = losses.bce(probability, 1)
        through.append(to_numpy(sigmoid.backward(gradient, cache))[0, 0])
    right.plot(l, along(losses.bce_with_logits, l, 1)[1], color=BLUE, linewidth=4, alpha=0.5, label="bce_with_logits")
    right.plot(l, through, color=ORANGE, linewidth=1.6, label="bce after Sigmoid")
    right.annotate(
        "no gradient\nfor the worst\nmistakes", (-22, -0.01), (-18.5, -0.42), arrowprops={"arrowstyle": "->"}
    )
    right.set(title="dL/dl for t = 1, in float32", xlabel="logit l", ylim=(-1.05, 0.25))
    right.legend(frameon=False, loc="lower right")
    axis_lines(right)
    return figure


def least_squares():
    """The parabola and the cross-entropy, for the target 1."""
    y = np.linspace(-4, 6, 200)
    figure, (left, right) = two_panels()
    for loss, colour, label in (
        (losses.least_squares, BLUE, "least_squares"),
        (losses.bce_with_logits, ORANGE, "bce_with_logits"),
    ):
        value, gradient = along(loss, y, 1)
        left.plot(y, value, color=colour, linewidth=2, label=label)
        right.plot(y, gradient, color=colour, linewidth=2, label=label)
    left.set(title="L for the target 1", xlabel="output of D", ylim=(-0.5, 13))
    right.set(title="dL / d output", xlabel="output of D")
    right.annotate(
        "beyond the target, pulled back", (4.5, 3.5), (-3.7, 3.4), arrowprops={"arrowstyle": "->"}, va="center"
    )
    left.legend(framealpha=1, edgecolor="none")
    axis_lines(left, right)
    left.axvline(1, color=GREY, linewidth=0.8, linestyle=":")
    right.axvline(1, color=GREY, linewidth=0.8, linestyle=":")
    return figure


def beyond_the_boundary():
    """The generator's gradient at fakes that D was trained on, and at new ones far on the other side of the real."""
    random = np.random.default_rng(1)
    real, fake = random.normal((1, 0), 0.7, (60, 2)), random.normal((-1, 0), 0.7, (60, 2))
    far = random.uniform((3.7, -1.8), (5.4, 1.8), (6, 2))
    starts = np.concatenate([fake[:12], far])  # (18, 2), of the arrows
    x, y = np.meshgrid(np.linspace(-3.3, 6, 100), np.linspace(-2.3, 2.3, 100))
    figure, panels = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained")
    for axes, objective in zip(panels, (losses.NonSaturating(), losses.LeastSquares()), strict=True):
        discriminator = fitted(objective, asarray(real), asarray(fake))
        output, cache = discriminator.forward(asarray(starts))  # (18, 1)
        _, d_output = objective.generator(output)
        steps = -to_numpy(discriminator.backward(d_output, cache, param_grads=False))  # (18, 2)
        steps /= np.linalg.norm(steps[:12], axis=1).mean()
        output, _ = discriminator.forward(asarray(np.stack([x, y], axis=-1).reshape(-1, 2)))  # (10000, 1)
        d_x = to_numpy(objective.discriminator_output(output)).reshape(x.shape)  # (100, 100)

        axes.contourf(x, y, d_x, [-9, objective.threshold, 9], colors=[ORANGE, BLUE], alpha=0.12)
        axes.contour(x, y, d_x, [objective.threshold], colors="0.2", linewidths=1.6)
        axes.plot(*real.T, ".", color=BLUE, markersize=5, label="real")
        axes.plot(*fake.T, ".", color=ORANGE, markersize=5, label="fake")
        axes.plot(*far.T, "D", color=ORANGE, markersize=6, markeredgecolor="black", label="new fake, far beyond")
        axes.plot([], [], color="0.2", linewidth=1.6, label="boundary")
        axes.quiver(*starts.T, *steps.T, angles="xy", scale_units="xy", scale=1, width=0.006, color="0.2", zorder=3)
        axes.set(xticks=[], yticks=[], aspect="equal")
    panels[0].set(title="non-saturating: the far ones stay")
    panels[1].set(title="least squares: they are pulled back")
    panels[1].contour(x, y, d_x, [1], colors="0.2", linewidths=1, linestyles="--")
    panels[1].plot([], [], color="0.2", linewidth=1, linestyle="--", label="D(x) = 1, the target")
    figure.legend(*panels[1].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=5)
    return figure


def fitted(objective, real, fake):
    """A linear discriminator trained to tell real from fake, (N, 2) each."""
    mg.backend.seed(0)
    discriminator = mg.layers.Dense(2, 1)
    adam = mg.optim.Adam(discriminator.parameters(), lr=0.02)
    for _ in range(1000):
        real_logits, real_cache = discriminator.forward(real)
        fake_logits, fake_cache = discriminator.forward(fake)
        _, d_real, d_fake = objective.discriminator(real_logits, fake_logits)
        adam.zero_grad()
        discriminator.backward(d_real, real_cache, input_grad=False)
        discriminator.backward(d_fake, fake_cache, input_grad=False)
        adam.step()
    return discriminator


def softmax_cross_entropy():
    """The logits, the softmax and the gradient of one example."""
    l, label = np.array([[1.0, 2.5, 0.5, -1, 1.5]]), 4
    value, gradient = losses.softmax_cross_entropy(asarray(l), np.array([label]))
    gradient = to_numpy(gradient)[0]
    p = gradient + (np.arange(5) == label)  # softmax
    figure, panels = plt.subplots(1, 3, figsize=(8.8, 3.1), layout="constrained")
    titles = ("logits l", f"softmax p: L = −log p₄ = {float(value):.2f}", "gradient: p − onehot")
    for axes, bars, title in zip(panels, (l[0], p, gradient), titles, strict=True):
        colours = [ORANGE if k == label else BLUE for k in range(5)]
        axes.bar(range(5), bars, color=colours)
        low, high = min(0, bars.min()), bars.max()
        for k, height in enumerate(bars):
            text, align = f"{height:.2f}".replace("-", "−"), "bottom" if height >= 0 else "top"
            axes.annotate(
                text, (k, height), (0, 3 if height >= 0 else -3), ha="center", va=align, textcoords="offset points"
            )
        axes.set(title=title, xlabel="class k (label 4)", xticks=range(5), yticks=[])
        axes.set_ylim(low - 0.15 * (high - low) * (low < 0), high + 0.15 * (high - low))
        axes.axhline(0, color="0.4", linewidth=0.8)
    return figure


def non_saturating():
    """The two terms of the discriminator, plain and smoothed, and the generator's loss with its gradient."""
    l = np.linspace(-6, 6, 200)
    figure, (left, right) = two_panels()
    left.plot(l, along(losses.bce_with_logits, l, 1)[0], color=BLUE, linewidth=2, label="real, target 1")
    left.plot(
        l, along(losses.bce_with_logits, l, 0.9)[0], color=BLUE, linestyle="--", label="real, target 0.9 (smoothed)"
    )
    left.plot(l, along(losses.bce_with_logits, l, 0)[0], color=ORANGE, linewidth=2, label="fake, target 0")
    left.set(title="the discriminator's two terms", xlabel="logit l", ylim=(-0.3, 8.5))
    left.legend(framealpha=1, edgecolor="none", loc="upper center")
    value, gradient = along(losses.NonSaturating().generator, l)
    right.plot(l, value, color=BLUE, linewidth=2, label="L_G = −log σ(l)")
    right.plot(l, gradient, color=ORANGE, linewidth=2, label="its gradient, σ(l) − 1")
    right.annotate("rejected:\nlargest gradient", (-5, -0.97), (-6, 0.5), arrowprops={"arrowstyle": "->"})
    right.set(title="the generator, for one fake", xlabel="logit l of the fake", ylim=(-1.6, 8.5))
    right.legend(frameon=False, loc="upper right")
    axis_lines(left, right)
    return figure


def minimax():
    """The generator's minimax and non-saturating losses, and their gradients."""
    l = np.linspace(-6, 6, 200)
    figure, (left, right) = two_panels()
    for objective, colour, label, slope in (
        (losses.Minimax(), ORANGE, "minimax: log (1 − σ(l))", "−σ(l)"),
        (losses.NonSaturating(), BLUE, "non-saturating: −log σ(l)", "σ(l) − 1"),
    ):
        value, gradient = along(objective.generator, l)
        left.plot(l, value, color=colour, linewidth=2, label=label)
        right.plot(l, gradient, color=colour, linewidth=2, label=slope)
    for axes in (left, right):
        axes.axvspan(-6, -3, color="0.93", zorder=0)
        axes.set(xlabel="logit l of a fake", xlim=(-6, 6))
    left.set(title="what the generator minimizes", ylim=(-6.5, 9))
    left.text(-5.9, -5.9, "fakes that\nare rejected", color="0.35", va="bottom")
    right.set(title="gradient", ylim=(-1.08, 0.08))
    left.legend(frameon=False, loc="upper right")
    right.legend(frameon=False, loc=(0.68, 0.36))
    axis_lines(left, right)
    return figure


def least_squares_objective():
    """Two choices of the targets, the optimal discriminator of two densities, and a divergence that levels off."""
    figure, (targets, optimal, divergence) = plt.subplots(
        1, 3, figsize=(9, 3.3), layout="constrained", width_ratios=[1, 1.1, 1]
    )
    choices = {
        1: (losses.LeastSquares(-1, 1, 0), "(a, b, c) = (−1, 1, 0)"),
        0: (losses.LeastSquares(0, 1, 1), "(a, b, c) = (0, 1, 1)"),
    }
    for height, (objective, name) in choices.items():
        a, b, c = objective.a, objective.b, objective.c
        targets.axhline(height, color="0.8", linewidth=1, zorder=0)
        targets.plot([a], [height], "o", color=ORANGE, markersize=9)
        targets.plot([b], [height], "o", color=BLUE, markersize=9)
        targets.plot([c], [height], "D", markersize=14, markerfacecolor="none", color="0.3", markeredgewidth=1.5)
        targets.text(-1.2, height + 0.32, name, fontsize=9.5)
        for target, letter in {a: "a", b: "b", c: "c"}.items() if b != c else {a: "a", b: "b = c"}.items():
            targets.text(target, height - 0.24, letter, ha="center", va="center")
    targets.set(xlim=(-1.4, 1.4), ylim=(-0.5, 1.6), yticks=[], xticks=[-1, 0, 1], title="targets", xlabel="D(x)")
    targets.spines["left"].set_visible(False)

    x = np.linspace(-5, 5, 400)
    p_d, p_g = normal_density(x, 1.2), normal_density(x, -1.2)
    optimal.fill_between(x, 2 * p_d, color=BLUE, alpha=0.25, linewidth=0, label="data")
    optimal.fill_between(x, 2 * p_g, color=ORANGE, alpha=0.3, linewidth=0, label="generated")
    optimal.plot(x, (p_d - p_g) / (p_d + p_g), color="0.2", linewidth=2, label="D*, a = −1, b = 1")
    optimal.set(title="the optimal discriminator", xlabel="x", ylim=(-1.1, 1.9), yticks=[-1, 0, 1])
    optimal.legend(frameon=False, fontsize=9, loc="upper left")
    optimal.axhline(0, color="0.85", linewidth=0.8, zorder=0)

    far = np.linspace(-25, 25, 5001)
    distances = np.linspace(0, 10, 60)
    chi2 = []
    for distance in distances:
        p_d, p_g = normal_density(far, distance / 2), normal_density(far, -distance / 2)
        chi2.append(((p_d - p_g) ** 2 / (p_d + p_g)).sum() * (far[1] - far[0]))
    divergence.plot(distances, chi2, color=BLUE, linewidth=2)
    divergence.axhline(2, color=GREY, linestyle="--", linewidth=1)
    divergence.text(0.2, 2.05, "bound: 2", color="0.35")
    divergence.set(title="χ²(p_d + p_g ‖ 2 p_g)", xlabel="distance between the densities", ylim=(0, 2.3))
    return figure


if __name__ == "__main__":
    main()
