"""What the best discriminator knows: D*(x) = p(x) / (p(x) + q(x)), and the game's value then is 2·JSD(p, q) − log 4.

You will see two densities in one dimension, p of the data and q of a generator, and a small network trained to tell
their samples apart: wherever there are samples it draws the curve p/(p + q), though it has seen neither density. Its
loss comes down to log 4 − 2·JSD(p, q), which is computed beside it by numerical integration. The last panel moves q
away from p: the value rises from −log 4, where the discriminator can only guess, to 0, where it is always right.

    python examples/05_optimal_discriminator.py     writes optimal_discriminator.png
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

GRID = np.linspace(-9, 13, 8001)
BATCH, STEPS = 512, 3000


def normal_density(x, mean, deviation):
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


def p(x):
    """The data: two bumps."""
    return 0.6 * normal_density(x, -1.5, 0.8) + 0.4 * normal_density(x, 2.0, 0.6)


def sample_p(random, count):
    first = random.random((count, 1)) < 0.6
    return np.where(first, random.normal(-1.5, 0.8, (count, 1)), random.normal(2.0, 0.6, (count, 1)))


def q(x, mean=0.5):
    """The generator: one wide bump."""
    return normal_density(x, mean, 1.5)


def kl(a, b):
    """KL(a ‖ b) = ∫ a·log(a / b) dx."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.trapezoid(np.where(a > 0, a * np.log(a / b), 0), GRID)


def jensen_shannon(a, b):
    """JSD = (KL(a ‖ m) + KL(b ‖ m)) / 2 with m = (a + b) / 2; from 0, for equal densities, to log 2."""
    return (kl(a, (a + b) / 2) + kl(b, (a + b) / 2)) / 2


def value(a, b):
    """V(D*) = E_p log D*(x) + E_q log(1 − D*(x)), by integration; 1 − D* is b / (a + b)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_d, log_not_d = np.log(a / (a + b)), np.log(b / (a + b))
        return np.trapezoid(np.where(a > 0, a * log_d, 0) + np.where(b > 0, b * log_not_d, 0), GRID)


def train_discriminator(random):
    """A network of dense layers, on samples alone; its losses."""
    mg.backend.seed(0)
    dense, relu = mg.layers.Dense, mg.layers.LeakyReLU
    discriminator = mg.layers.Sequential(dense(1, 64), relu(), dense(64, 64), relu(), dense(64, 1))
    adam, objective, losses = mg.optim.Adam(discriminator.parameters(), lr=2e-3), mg.losses.NonSaturating(), []
    for step in range(STEPS):
        adam.lr = 2e-3 * (1 - step / STEPS)
        samples = np.concatenate([sample_p(random, BATCH), random.normal(0.5, 1.5, (BATCH, 1))])
        scores, cache = discriminator.forward(asarray(samples.astype("float32")))
        loss, d_real, d_fake = objective.discriminator(scores[:BATCH], scores[BATCH:])
        adam.zero_grad()
        discriminator.backward(mg.gan.side_by_side(d_real, d_fake), cache, input_grad=False)
        adam.step()
        losses.append(float(to_numpy(loss)))
    return discriminator, np.array(losses)


def main(out):
    discriminator, losses = train_discriminator(np.random.default_rng(0))
    x = np.linspace(-5, 6, 400)
    learned = 1 / (1 + np.exp(-to_numpy(discriminator.forward(asarray(x[:, None].astype("float32")))[0])[:, 0]))
    best, jsd = p(x) / (p(x) + q(x)), jensen_shannon(p(GRID), q(GRID))
    print(f"JSD(p, q) by integration:          {jsd:.4f}")
    print(f"2·JSD − log 4:                    {2 * jsd - np.log(4):.4f}")
    print(f"V(D*) by integration:             {value(p(GRID), q(GRID)):.4f}")
    print(f"−Loss_D of the trained network:   {-losses[-500:].mean():.4f}   (mean of the last 500 steps)")
    print(f"largest |D(x) − D*(x)| where p + q > 0.02: {np.abs(learned - best)[p(x) + q(x) > 0.02].max():.3f}")

    figure, (densities, loss, moved) = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    densities.fill_between(x, p(x), color="tab:blue", alpha=0.25, label="p, the data")
    densities.fill_between(x, q(x), color="tab:orange", alpha=0.25, label="q, the generator")
    densities.plot(x, best, "k--", label="p / (p + q)")
    densities.plot(x, learned, color="tab:green", label="D(x), trained on samples")
    densities.set(xlabel="x", title="the best discriminator, and the one that was trained")
    densities.legend(frameon=False, fontsize=8)

    loss.plot(losses, color="tab:green", alpha=0.3)
    loss.plot(np.convolve(losses, np.ones(100) / 100, "valid"), color="tab:green", label="Loss_D, mean of 100 steps")
    loss.axhline(np.log(4) - 2 * jsd, color="black", linestyle="--", label="log 4 − 2·JSD")
    loss.set(xlabel="steps", title="its loss comes down to the divergence")
    loss.legend(frameon=False)

    distances = np.linspace(0, 9, 60)
    bump = normal_density(GRID, 0, 1)
    values = [value(bump, normal_density(GRID, d, 1)) for d in distances]
    by_divergence = [2 * jensen_shannon(bump, normal_density(GRID, d, 1)) - np.log(4) for d in distances]
    moved.plot(distances, values, color="tab:blue", linewidth=4, alpha=0.4, label="V(D*), integrated")
    moved.plot(distances, by_divergence, color="tab:blue", label="2·JSD − log 4")
    moved.axhline(-np.log(4), color="grey", linestyle="--", linewidth=0.8, label="−log 4: q = p")
    moved.set(
        xlabel="distance between two bumps of deviation 1", title="the generator's view: flat where p and q are apart"
    )
    moved.legend(frameon=False)
    figure.savefig(out, dpi=110)
    print(f"\nThe generator's only minimum is q = p, with value −log 4 = {-np.log(4):.4f}. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="optimal_discriminator.png")
    main(**vars(parser.parse_args()))
