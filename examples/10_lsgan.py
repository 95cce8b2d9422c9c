"""LSGAN and its two codings beside DCGAN's loss: the same networks, the same noise, other targets.

You will see three rows of panels, one for each objective: samples after the same number of steps, the losses, and what
the discriminator says about real pictures and about fakes. Cross entropy gives probabilities, pushed towards 1 and 0.
Least squares pulls scores towards numbers of our choice: with (a, b, c) = (−1, 1, 0) fakes to −1, real pictures to 1,
and the generator wants its fakes at 0, in between; with (0, 1, 1) it wants them at 1 as well. How near it gets them
depends on who is ahead just then, and differs from machine to machine: a game magnifies the last digit's rounding.

    python examples/10_lsgan.py                     writes lsgan.png
    python examples/10_lsgan.py --data cifar10 --steps 4000
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.plots import image_grid, smoothed, to_uint8

BATCH, LATENT, WIDTH = 32, 64, 8
OBJECTIVES = {
    "non-saturating": mg.losses.NonSaturating(),
    "least squares (−1, 1, 0)": mg.losses.LeastSquares(a=-1, b=1, c=0),
    "least squares (0, 1, 1)": mg.losses.LeastSquares(a=0, b=1, c=1),
}


def batch(dataset, random, count=BATCH):
    pictures = dataset.images[random.integers(0, len(dataset), count)]
    return asarray(pictures.astype("float32") / 127.5 - 1)  # (N, H, W, C) in [−1, 1]


def train(dataset, objective, steps):
    """(samples, losses (steps, 2), scores of real pictures, scores of fakes)."""
    mg.backend.seed(0)
    random = np.random.default_rng(0)
    _, size, _, channels = dataset.images.shape
    generator, discriminator = mg.models.dcgan(size, channels, LATENT, WIDTH)
    adam_g = mg.optim.Adam(generator.parameters(), lr=2e-3)
    adam_d = mg.optim.Adam(discriminator.parameters(), lr=1e-3)
    losses = []
    for _ in range(steps):
        real, z = batch(dataset, random), mg.backend.random.normal((BATCH, LATENT))
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
        losses.append([float(to_numpy(loss_d)), float(to_numpy(loss_g))])
    fakes, _ = generator.forward(mg.backend.random.normal((400, LATENT)), train=False)
    # In training mode, as the game is played: the running statistics are a mixture of real pictures and fakes.
    scores = [
        to_numpy(objective.score(discriminator.forward(pictures)[0]))[:, 0]
        for pictures in (batch(dataset, random, 400), fakes)
    ]
    return to_uint8(to_numpy(fakes[:40])), np.array(losses), *scores


def main(out, data, root, steps):
    dataset = mg.data.load(data, root)
    figure, axes = plt.subplots(3, 3, figsize=(12, 8.4), layout="constrained", width_ratios=[1.6, 1, 1])
    for (picture, loss, histogram), (name, objective) in zip(axes, OBJECTIVES.items(), strict=True):
        samples, losses, real, fake = train(dataset, objective, steps)
        print(f"{name:26} Loss_D {losses[-50:, 0].mean():.3f} (guessing: {objective.balance:.3f})", end="   ")
        print(f"mean score: real {real.mean():6.3f}, fake {fake.mean():6.3f}")
        picture.imshow(image_grid(samples, columns=10).squeeze(), cmap="gray")
        picture.set_title(f"{name}, {steps} steps")
        picture.axis("off")
        for column, label in enumerate(("Loss_D", "Loss_G")):
            loss.plot(smoothed(losses[:, column], 31), label=label)
        loss.axhline(objective.balance, color="grey", linestyle="--", linewidth=0.8)
        loss.set_xlabel("step; dashed: Loss_D when D can only guess")
        loss.legend(frameon=False)
        low, high = min(real.min(), fake.min()), max(real.max(), fake.max())
        for scores, label in ((real, "real"), (fake, "fake")):
            histogram.hist(scores, np.linspace(low, high, 40), alpha=0.6, label=label)
        histogram.axvline(objective.threshold, color="grey", linestyle="--", linewidth=0.8)
        histogram.set_xlabel("D's score; dashed: between the targets")
        histogram.legend(frameon=False)
    figure.savefig(out, dpi=100)
    print(f"\nThe losses of different objectives cannot be compared, only the pictures can. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="lsgan.png")
    parser.add_argument("--data", default="digits", help="digits (default), shapes, mnist, fashion-mnist, cifar10")
    parser.add_argument("--root", help="where the data set is")
    parser.add_argument("--steps", type=int, default=300)
    main(**vars(parser.parse_args()))
