"""Why the generator's gradient vanishes: what each loss says when real pictures and fakes are far apart.

You will see three panels. Two bumps part: the Jensen–Shannon divergence, which the minimax game descends, flattens out
at log 2. Pearson's χ²(q ‖ p) does not; but that of LSGAN's paper is χ²(p + q ‖ 2q), which flattens out as well, at 2.
So the answer is in the second panel: the gradient that each loss sends back about one score. The minimax loss sends
nothing where the discriminator rejects a fake, the non-saturating one sends the most there, and the least-squares one
more, the further the score is from its target. The third panel measures it: a discriminator trained on samples of both
bumps, and the gradient that reaches a fake through it.

    python examples/06_vanishing_gradient.py        writes vanishing_gradient.png
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

GRID = np.linspace(-12, 20, 16001)
OBJECTIVES = {
    "minimax": (mg.losses.Minimax(), "tab:red"),
    "non-saturating": (mg.losses.NonSaturating(), "tab:blue"),
    "least squares, (−1, 1, 0)": (mg.losses.LeastSquares(-1, 1, 0), "tab:green"),
}


def bump(x, mean):
    return np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)


def jensen_shannon(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(a > 0, a * np.log(2 * a / (p + q)), 0) for a in (p, q)]
    return np.trapezoid(sum(terms), GRID) / 2


def pearson(a, b):
    """χ²(a ‖ b) = ∫ (b − a)² / a dx, as the LSGAN paper writes it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.trapezoid(np.where(a > 0, (b - a) ** 2 / a, 0), GRID)


def gradient_at_fakes(objective, distance, steps=300, batch=256):
    """Train a discriminator between N(0, 1) and N(distance, 1); then the mean length of dL_G/dx at the fakes.

    L_G is a mean over the batch, so dL_G/dx of one fake is the gradient times the batch size. Also D's accuracy.
    """
    random = np.random.default_rng(0)
    mg.backend.seed(0)
    dense, relu = mg.layers.Dense, mg.layers.LeakyReLU
    discriminator = mg.layers.Sequential(dense(1, 32), relu(), dense(32, 32), relu(), dense(32, 1))
    adam = mg.optim.Adam(discriminator.parameters(), lr=5e-3)
    for _ in range(steps):
        real, fake = random.standard_normal((batch, 1)), random.standard_normal((batch, 1)) + distance
        x = asarray(np.concatenate([real, fake]).astype("float32"))
        scores, cache = discriminator.forward(x)
        _, d_real, d_fake = objective.discriminator(scores[:batch], scores[batch:])
        adam.zero_grad()
        discriminator.backward(mg.gan.side_by_side(d_real, d_fake), cache, input_grad=False)
        adam.step()
    scores, cache = discriminator.forward(x[batch:])
    _, d_scores = objective.generator(scores)
    dx = discriminator.backward(d_scores, cache, param_grads=False)
    return batch * np.abs(to_numpy(dx)).mean(), float((to_numpy(objective.score(scores)) < objective.threshold).mean())


def main(out):
    figure, (divergences, losses, measured) = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")

    distances, p = np.linspace(0, 8, 81), bump(GRID, 0)
    q = [bump(GRID, d) for d in distances]
    curves = {
        "Jensen–Shannon: at most log 2": ([jensen_shannon(p, b) for b in q], "tab:red"),
        "LSGAN's χ²(p + q ‖ 2q): at most 2": ([pearson(p + b, 2 * b) for b in q], "tab:green"),
        "Pearson's χ²(q ‖ p) = exp(d²) − 1": (np.expm1(distances**2), "0.5"),
    }
    for name, (values, colour) in curves.items():
        divergences.plot(distances, values, color=colour, label=name)
    divergences.set(ylim=(-0.1, 3), xlabel="distance d of two bumps", title="the divergence that a best D would give")
    divergences.legend(frameon=False, fontsize=8)
    print("d      JSD     slope   χ²(p+q‖2q)   slope")
    jsd, chi = (
        np.array(curves["Jensen–Shannon: at most log 2"][0]),
        np.array(curves["LSGAN's χ²(p + q ‖ 2q): at most 2"][0]),
    )
    for i in range(0, 81, 20):
        slopes = np.gradient(jsd, distances)[i], np.gradient(chi, distances)[i]
        print(f"{distances[i]:.0f}{jsd[i]:10.4f}{slopes[0]:9.5f}{chi[i]:11.4f}{slopes[1]:11.5f}")

    scores = np.linspace(-6, 6, 241)[:, None]
    for name, (objective, colour) in OBJECTIVES.items():
        _, gradient = objective.generator(asarray(scores))
        losses.plot(scores, len(scores) * to_numpy(gradient), color=colour, label=name)
    losses.axhline(0, color="black", linewidth=0.8)
    losses.set(
        xlabel="D's output for a fake: logit, or score", ylabel="dL_G / d output", title="what each loss sends back"
    )
    losses.axvspan(-6, -3, color="0.92", label="logits of fakes that are surely rejected")
    losses.legend(frameon=False, fontsize=8)

    places = np.arange(0.5, 8.1, 1.5)
    print("\nmean |dL_G/dx| at a fake, after training D on samples; in brackets D's accuracy on fakes")
    for name, (objective, colour) in OBJECTIVES.items():
        found = [gradient_at_fakes(objective, d) for d in places]
        measured.plot(places, [gradient for gradient, _ in found], "o-", color=colour, label=name)
        print(f"{name:26}", *(f"d={d}: {g:.4f} ({a:.0%}) " for d, (g, a) in zip(places, found, strict=True)))
    measured.set(xlabel="distance d", yscale="log", title="mean |dL_G/dx| at the fakes, D trained for 300 steps")
    measured.legend(frameon=False, fontsize=8)
    figure.savefig(out, dpi=110)
    print(
        f"\nWhat saves the generator is the loss at the scores there are, not the divergence at the best D. See {out}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="vanishing_gradient.png")
    main(**vars(parser.parse_args()))
