"""The optimal discriminator D*(x) = p(x) / (p(x) + q(x)), learned from samples; with it V(D*) = 2·JSD(p, q) − log 4.

You will see two densities in one dimension, p of the data and q of a generator, and a small network trained to tell
their samples apart. Wherever there are samples, its output follows p/(p + q), although it knows neither density. Its
loss falls to log 4 − 2·JSD(p, q), which numerical integration confirms. The last panel moves q away from p: the value
rises from −log 4, where the discriminator can only guess, to 0, where it is always right, and becomes flat. You will
learn what the generator minimizes if the discriminator is optimal.

    python examples/05_optimal_discriminator.py     writes optimal_discriminator.png
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

GRID = np.linspace(-9, 13, 8001)  # for numerical integration
BATCH = 512


def normal_density(x, mean, std):
    return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


def p(x):
    """The density of the data: a mixture of two Gaussians."""
    return 0.6 * normal_density(x, -1.5, 0.8) + 0.4 * normal_density(x, 2.0, 0.6)


def sample_p(random, count):
    """(count, 1)"""
    first = random.random((count, 1)) < 0.6
    return np.where(first, random.normal(-1.5, 0.8, (count, 1)), random.normal(2.0, 0.6, (count, 1)))


def q(x):
    """The density of the generator: one Gaussian, which covers both."""
    return normal_density(x, 0.5, 1.5)


def sample_q(random, count):
    """(count, 1)"""
    return random.normal(0.5, 1.5, (count, 1))


def kl(a, b):
    """KL(a ‖ b) = ∫ a·log(a / b) dx, for densities on GRID."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.trapezoid(np.where(a > 0, a * np.log(a / b), 0), GRID)


def jensen_shannon(a, b):
    """JSD(a, b) = (KL(a ‖ m) + KL(b ‖ m)) / 2 with m = (a + b) / 2: between 0, for equal densities, and log 2."""
    return (kl(a, (a + b) / 2) + kl(b, (a + b) / 2)) / 2


def value(a, b):
    """V(D*) = E_a log D*(x) + E_b log(1 − D*(x)) with D* = a / (a + b), for densities on GRID."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_d, log_not_d = np.log(a / (a + b)), np.log(b / (a + b))
        return np.trapezoid(np.where(a > 0, a * log_d, 0) + np.where(b > 0, b * log_not_d, 0), GRID)


def train_discriminator(random, steps):
    """(discriminator, losses): a small dense network, trained on samples alone; losses: (steps,)."""
    mg.backend.seed(0)
    dense, activation = mg.layers.Dense, mg.layers.LeakyReLU
    discriminator = mg.layers.Sequential(dense(1, 64), activation(), dense(64, 64), activation(), dense(64, 1))
    objective = mg.losses.NonSaturating()
    adam = mg.optim.Adam(discriminator.parameters(), lr=2e-3)
    losses = []
    for step in range(steps):
        adam.lr = 2e-3 * (1 - step / steps)
        samples = np.concatenate([sample_p(random, BATCH), sample_q(random, BATCH)])  # (2·BATCH, 1)
        logits, cache = discriminator.forward(asarray(samples.astype("float32")))
        loss, d_real, d_fake = objective.discriminator(logits[:BATCH], logits[BATCH:])
        adam.zero_grad()
        discriminator.backward(mg.gan.concatenate(d_real, d_fake), cache, input_grad=False)
        adam.step()
        losses.append(float(to_numpy(loss)))
    return discriminator, np.array(losses)


def main(out, steps):
    discriminator, losses = train_discriminator(np.random.default_rng(0), steps)
    x = np.linspace(-5, 6, 400)
    logits, _ = discriminator.forward(asarray(x[:, None].astype("float32")))
    learned = 1 / (1 + np.exp(-to_numpy(logits)[:, 0]))  # D(x) = σ(logit)
    optimal, jsd = p(x) / (p(x) + q(x)), jensen_shannon(p(GRID), q(GRID))
    print(f"JSD(p, q), integrated:             {jsd:.4f}")
    print(f"2·JSD − log 4:                    {2 * jsd - np.log(4):.4f}")
    print(f"V(D*), integrated:                {value(p(GRID), q(GRID)):.4f}")
    print(f"−Loss_D of the trained network:   {-losses[-500:].mean():.4f} (mean of the last 500 steps)")
    print(f"max |D(x) − D*(x)| where p + q > 0.02: {np.abs(learned - optimal)[p(x) + q(x) > 0.02].max():.3f}")

    distances = np.linspace(0, 9, 60)  # between two Gaussians of standard deviation 1
    still, moved = normal_density(GRID, 0, 1), [normal_density(GRID, d, 1) for d in distances]
    values = [value(still, density) for density in moved]
    formula = [2 * jensen_shannon(still, density) - np.log(4) for density in moved]
    plot(out, x, optimal, learned, losses, np.log(4) - 2 * jsd, distances, values, formula)
    print(f"\nThe value has one minimum for the generator: q = p, where it is −log 4 = {-np.log(4):.4f}. See {out}")


def plot(out, x, optimal, learned, losses, limit, distances, values, formula):
    figure = mg.plots.new_figure(15, 4.6)
    densities, loss, moved = figure.subplots(1, 3)
    densities.fill_between(x, p(x), color="tab:blue", alpha=0.25, label="p, the data")
    densities.fill_between(x, q(x), color="tab:orange", alpha=0.25, label="q, the generator")
    densities.plot(x, optimal, "k--", label="D*(x) = p / (p + q)")
    densities.plot(x, learned, color="tab:green", label="D(x), trained on samples")
    densities.set(xlabel="x", title="the optimal discriminator and a trained one")
    densities.legend(frameon=False, fontsize=8)

    loss.plot(losses, color="tab:green", alpha=0.3)
    loss.plot(mg.plots.smoothed(losses, 101), color="tab:green", label="Loss_D, moving average of 101 steps")
    loss.axhline(limit, color="black", linestyle="--", label="log 4 − 2·JSD")
    loss.set(xlabel="step", title="the loss of the trained discriminator")
    loss.legend(frameon=False)

    moved.plot(distances, values, color="tab:blue", linewidth=4, alpha=0.4, label="V(D*), integrated")
    moved.plot(distances, formula, color="tab:blue", label="2·JSD − log 4")
    moved.axhline(-np.log(4), color="grey", linestyle="--", linewidth=0.8, label="−log 4, for q = p")
    moved.set(
        xlabel="distance between two Gaussians with std 1", title="what G minimizes: flat where p and q are apart"
    )
    moved.legend(frameon=False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="optimal_discriminator.png", help="the image to write")
    parser.add_argument("--steps", type=int, default=3000, help="of training (default 3000)")
    main(**vars(parser.parse_args()))
