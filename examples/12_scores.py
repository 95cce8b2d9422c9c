"""Inception Score and Fréchet distance in cases with a known answer: what they measure, and what they miss.

You will see four panels. The Inception Score of generators that cover m of ten classes: m if the classifier is certain,
less otherwise. The two entropies behind it: IS = exp(H(y) − H(y|x)), the exponential of the mutual information of image
and class. The Fréchet distance of two Gaussians whose true distance is known: few samples overestimate it. Last, a ring
and a Gaussian with the same mean and covariance: their Fréchet distance is 0, although they look nothing alike.

    python examples/12_scores.py                    writes scores.png
"""

import argparse

import numpy as np

import minigan as mg
from minigan.metrics import frechet_distance, inception_score, mean_and_covariance

CLASSES, FEATURES = 10, 16
SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 20_000)


def probabilities(covered, certainty, count=2000):
    """p(y|x) (count, 10) of images from the first `covered` classes, in turn: `certainty` for the right class."""
    p = np.full((count, CLASSES), (1 - certainty) / (CLASSES - 1))
    p[np.arange(count), np.arange(count) % covered] = certainty
    return p


def entropy(p):
    """H = −Σ p·log p over the last axis."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)


def entropies(covered, certainty):
    """(H(y), H(y|x)): of the mean prediction, and the mean of the predictions' entropies."""
    p = probabilities(covered, certainty)
    return entropy(p.mean(axis=0)), entropy(p).mean()


def inception_scores(certainty):
    """The Inception Score for 1 to 10 covered classes: (10,)."""
    scores = [inception_score(probabilities(m, certainty), splits=1)[0] for m in range(1, CLASSES + 1)]
    formula = [np.exp(np.subtract(*entropies(m, certainty))) for m in range(1, CLASSES + 1)]
    np.testing.assert_allclose(scores, formula)  # IS = exp(H(y) − H(y|x))
    return np.array(scores)


def mutual_information(joint):
    """I(X; Y) of a table of probabilities p(x, y), by three formulas that agree."""
    x, y = joint.sum(axis=1), joint.sum(axis=0)
    ratio = np.where(joint > 0, joint, 1) / np.where(joint > 0, np.outer(x, y), 1)
    divergence = (joint * np.log(ratio)).sum()  # KL(p(x, y) ‖ p(x)·p(y))
    of_y = entropy(y) - (x * entropy(joint / x[:, None])).sum()  # H(y) − H(y|x)
    of_x = entropy(x) - (y * entropy((joint / y).T)).sum()  # H(x) − H(x|y)
    return divergence, of_y, of_x


def frechet_distances(random, mean, std):
    """The Fréchet distance of N(0, I) and N(mean, std²·I), estimated from SIZES samples of each."""
    found = []
    for n in SIZES:
        a, b = random.standard_normal((n, FEATURES)), mean + std * random.standard_normal((n, FEATURES))
        found.append(frechet_distance(*mean_and_covariance(a), *mean_and_covariance(b)))
    return found


def main(out):
    scores = {certainty: inception_scores(certainty) for certainty in (1.0, 0.9, 0.6)}
    generators = {"perfect": (10, 1.0), "blurred": (10, 0.5), "collapsed": (2, 1.0), "both": (2, 0.5)}
    parts = {name: entropies(*settings) for name, settings in generators.items()}

    joint = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(4, 3)
    formulas = ("KL(p(x, y) ‖ p(x)·p(y))", "H(y) − H(y|x)", "H(x) − H(x|y)")
    print("mutual information of a random table of p(x, y), 4×3:")
    print("  " + "   ".join(f"{f} = {i:.6f}" for f, i in zip(formulas, mutual_information(joint), strict=True)))
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    print(f"  of independent x and y with the same margins: {abs(mutual_information(independent)[0]):.6f}")

    random, distances = np.random.default_rng(0), {}
    print(f"\nFréchet distance in {FEATURES} dimensions   truth  " + "".join(f"{n:>9}" for n in SIZES))
    for name, mean, std in (("equal", 0.0, 1.0), ("shifted", 0.5, 1.0), ("larger std", 0.0, 1.5)):
        truth = FEATURES * (mean**2 + (std - 1) ** 2)  # ‖μ‖² + Σ (σ − 1)²
        distances[name] = truth, frechet_distances(random, np.full(FEATURES, mean), std)
        print(f"  {name:34}{truth:6.2f}  " + "".join(f"{distance:9.3f}" for distance in distances[name][1]))

    angle = random.uniform(0, 2 * np.pi, 20_000)
    ring = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # mean 0 and covariance I,
    gaussian = random.standard_normal((20_000, 2))  # like these
    distance = frechet_distance(*mean_and_covariance(ring), *mean_and_covariance(gaussian))
    print(f"\nring and Gaussian with the same mean and covariance: {distance:.4f}")
    plot(out, scores, parts, distances, ring, gaussian, distance)
    print("A score is a summary: compare only scores that were computed under one protocol, and look at the samples.")
    print(f"See {out}")


def plot(out, scores, parts, distances, ring, gaussian, distance):
    figure = mg.plots.new_figure(12, 8.4)
    (top_left, top_right), (bottom_left, bottom_right) = figure.subplots(2, 2)
    for certainty, values in scores.items():
        top_left.plot(range(1, 11), values, "o-", label=f"the classifier is {certainty:.0%} certain")
    top_left.set(xlabel="classes covered, evenly", xticks=range(1, 11))
    top_left.set(title="Inception Score: between 1 and the number of classes")
    top_left.legend(frameon=False)

    positions, (h_y, h_yx) = np.arange(len(parts)), np.array(list(parts.values())).T
    top_right.bar(positions - 0.2, h_y, 0.35, color="tab:blue", label="H(y): high if the images vary")
    top_right.bar(positions + 0.2, h_yx, 0.35, color="tab:orange", label="H(y|x): high if the classifier is unsure")
    for position, a, b in zip(positions, h_y, h_yx, strict=True):
        top_right.text(position, max(a, b) + 0.05, f"IS = {np.exp(a - b):.2f}", ha="center")
    top_right.set(
        xticks=positions, xticklabels=list(parts), ylim=(0, 3.2), ylabel="nats", title="IS = exp(H(y) − H(y|x))"
    )
    top_right.legend(frameon=False, loc="upper right")

    for (name, (truth, values)), colour in zip(distances.items(), ("tab:blue", "tab:orange", "tab:green"), strict=True):
        bottom_left.plot(SIZES, values, "o-", color=colour, label=name)
        bottom_left.axhline(truth, color=colour, linestyle="--", linewidth=0.8)
    bottom_left.set(xscale="log", xlabel="samples of each; dashed: the true distance")
    bottom_left.set(title="Fréchet distance: overestimated from few samples")
    bottom_left.legend(frameon=False)

    bottom_right.plot(*gaussian[:1500].T, ".", color="tab:orange", markersize=3, label="Gaussian")
    bottom_right.plot(*ring[:1500].T, ".", color="tab:blue", markersize=3, label="ring")
    bottom_right.set(aspect="equal", title=f"same mean, same covariance: Fréchet distance {distance:.4f}")
    bottom_right.legend(frameon=False)
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="scores.png", help="the image to write")
    main(**vars(parser.parse_args()))
