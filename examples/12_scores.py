"""Inception Score and Fréchet distance where the truth is known: what they measure, and what they do not see.

You will see four panels. The Inception Score of generators that make m of ten classes: m, where the classifier is sure,
less where it is not. The two entropies behind it: IS = exp(H(y) − H(y|x)), e to the mutual information of picture and
class. The Fréchet distance of two clouds whose true distance is known: with few samples it comes out too large. Last a
ring and a plain Gaussian bump with one mean and one covariance: the Fréchet distance is 0, and they are not alike.

    python examples/12_scores.py                    writes scores.png
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from minigan.metrics import frechet_distance, inception_score, mean_and_covariance

CLASSES, FEATURES = 10, 16


def probabilities(made, certainty, count=2000):
    """p(y|x) of pictures that show `made` classes in turn: `certainty` for the class, the rest evenly: (N, 10)."""
    p = np.full((count, CLASSES), (1 - certainty) / (CLASSES - 1))
    p[np.arange(count), np.arange(count) % made] = certainty
    return p


def entropy(p):
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)


def mutual_information(joint):
    """I(X; Y) of a table of p(x, y), by its three formulas: they are one."""
    x, y = joint.sum(axis=1), joint.sum(axis=0)
    ratio = np.where(joint > 0, joint, 1) / np.where(joint > 0, np.outer(x, y), 1)
    divergence = (joint * np.log(ratio)).sum()  # KL(p(x, y) ‖ p(x)·p(y))
    of_y = entropy(y) - (x * entropy(joint / x[:, None])).sum()  # H(y) − H(y|x)
    of_x = entropy(x) - (y * entropy((joint / y).T)).sum()  # H(x) − H(x|y): symmetric
    return divergence, of_y, of_x


def main(out):
    figure, ((made, parts), (samples, blind)) = plt.subplots(2, 2, figsize=(12, 8.4), layout="constrained")

    for certainty, colour in ((1.0, "tab:blue"), (0.9, "tab:orange"), (0.6, "tab:green")):
        scores = [inception_score(probabilities(m, certainty), splits=1)[0] for m in range(1, 11)]
        formula = [
            np.exp(entropy(p.mean(axis=0)) - entropy(p).mean())
            for m in range(1, 11)
            for p in [probabilities(m, certainty)]
        ]
        np.testing.assert_allclose(scores, formula)
        made.plot(range(1, 11), scores, "o-", color=colour, label=f"the classifier is {certainty:.0%} sure")
    made.set(
        xlabel="classes made, evenly", title="Inception Score: between 1 and the number of classes", xticks=range(1, 11)
    )
    made.legend(frameon=False)

    generators = {"perfect": (10, 1.0), "blurred": (10, 0.5), "collapsed": (2, 1.0), "both": (2, 0.5)}
    for place, (m, certainty) in enumerate(generators.values()):
        p = probabilities(m, certainty)
        h_y, h_yx = entropy(p.mean(axis=0)), entropy(p).mean()
        parts.bar(place - 0.2, h_y, 0.35, color="tab:blue", label="H(y): varied?" if place == 0 else None)
        parts.bar(place + 0.2, h_yx, 0.35, color="tab:orange", label="H(y|x): unsure?" if place == 0 else None)
        parts.text(place, max(h_y, h_yx) + 0.05, f"IS = {np.exp(h_y - h_yx):.2f}", ha="center")
    parts.set(xticks=range(4), xticklabels=generators, ylim=(0, 2.8), ylabel="nats", title="IS = exp(H(y) − H(y|x))")
    parts.legend(frameon=False, loc="upper right")

    joint = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(4, 3)
    print("mutual information of a random table of p(x, y), 4×3:")
    print(
        "  KL(p(x, y) ‖ p(x)·p(y)) = {:.6f}   H(y) − H(y|x) = {:.6f}   H(x) − H(x|y) = {:.6f}".format(
            *mutual_information(joint)
        )
    )
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    print(f"  of independent x and y with the same margins: {abs(mutual_information(independent)[0]):.6f}")

    random = np.random.default_rng(0)
    shift = np.full(FEATURES, 0.5)
    truths = {"the same": (0 * shift, 1.0), "moved": (shift, 1.0), "wider": (0 * shift, 1.5)}
    sizes = [50, 100, 200, 500, 1000, 2000, 5000, 20_000]
    print(f"\nFréchet distance in {FEATURES} dimensions   truth  " + "".join(f"{n:>9}" for n in sizes))
    for (name, (mean, deviation)), colour in zip(truths.items(), ("tab:blue", "tab:orange", "tab:green"), strict=True):
        truth = mean @ mean + FEATURES * (deviation - 1) ** 2  # ‖μ‖² + Σ (σ − 1)²
        found = []
        for n in sizes:
            a, b = random.standard_normal((n, FEATURES)), mean + deviation * random.standard_normal((n, FEATURES))
            found.append(frechet_distance(*mean_and_covariance(a), *mean_and_covariance(b)))
        samples.plot(sizes, found, "o-", color=colour, label=name)
        samples.axhline(truth, color=colour, linestyle="--", linewidth=0.8)
        print(f"  {name:34}{truth:6.2f}  " + "".join(f"{distance:9.3f}" for distance in found))
    samples.set(xscale="log", xlabel="samples of each", title="Fréchet distance: on average too large with few samples")
    samples.legend(frameon=False)

    angle = random.uniform(0, 2 * np.pi, 20_000)
    ring = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # mean 0, covariance I, as the bump's
    bump = random.standard_normal((20_000, 2))
    distance = frechet_distance(*mean_and_covariance(ring), *mean_and_covariance(bump))
    blind.plot(*bump[:1500].T, ".", color="tab:orange", markersize=3, label="bump")
    blind.plot(*ring[:1500].T, ".", color="tab:blue", markersize=3, label="ring")
    blind.set(aspect="equal", title=f"one mean, one covariance: Fréchet distance {distance:.4f}")
    blind.legend(frameon=False)
    print(f"\nring against bump, mean and covariance alike: {distance:.4f}")
    figure.savefig(out, dpi=100)
    print(f"A score is a summary: compare only what was scored under one protocol, and look at the pictures. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="scores.png")
    main(**vars(parser.parse_args()))
