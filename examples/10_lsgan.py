"""LSGAN with two choices of targets, compared with DCGAN's loss: the same networks, the same noise, other targets.

You will see a row for each objective: samples after the same number of steps, the losses, and the discriminator's
outputs for real and generated images. Cross-entropy pushes probabilities towards 1 and 0. Least squares pulls the
outputs towards targets of our choice: with (a, b, c) = (−1, 1, 0), those of generated images to −1 and of real ones to
1, while the generator aims for 0, in between; with (0, 1, 1) it aims for 1, the target of real images. How close they
get depends on which network is ahead at that moment, and differs between machines: training amplifies rounding errors.

    python examples/10_lsgan.py                     writes lsgan.png
    python examples/10_lsgan.py --data cifar10 --steps 4000
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import to_numpy

BATCH, LATENT, WIDTH = 32, 64, 8
OBJECTIVES = {
    "non-saturating": mg.losses.NonSaturating(),
    "least squares (−1, 1, 0)": mg.losses.LeastSquares(a=-1, b=1, c=0),
    "least squares (0, 1, 1)": mg.losses.LeastSquares(a=0, b=1, c=1),
}


def batch(dataset, random, count=BATCH):
    """Real images (count, H, W, C) in [−1, 1]."""
    return mg.data.to_float(dataset.images[random.integers(0, len(dataset), count)])


def train(dataset, objective, steps):
    """(40 samples, losses (steps, 2), D(x) of 400 real images, D(G(z)) of 400 generated ones)."""
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
    fake, _ = generator.forward(mg.backend.random.normal((400, LATENT)), train=False)

    def output(images):
        # In training mode, as while training: the running statistics mix those of real and of generated images.
        logits, _ = discriminator.forward(images)
        return to_numpy(objective.discriminator_output(logits))[:, 0]  # (400,)

    return mg.data.to_uint8(fake[:40]), np.array(losses), output(batch(dataset, random, 400)), output(fake)


def main(out, data, root, steps):
    dataset = mg.data.load(data, root)
    results = {name: train(dataset, objective, steps) for name, objective in OBJECTIVES.items()}
    for name, (_, losses, d_x, d_g_z) in results.items():
        balance = OBJECTIVES[name].balance
        print(f"{name:26} Loss_D {losses[-50:, 0].mean():.3f} (when guessing: {balance:.3f})", end="   ")
        print(f"mean D(x) {d_x.mean():6.3f}, D(G(z)) {d_g_z.mean():6.3f}")
    plot(out, results)
    print(f"\nThe losses of different objectives cannot be compared; the samples can. See {out}")


def plot(out, results):
    figure = mg.plots.new_figure(12, 8.4)
    axes = figure.subplots(3, 3, width_ratios=[1.6, 1, 1])
    for (image, loss, histogram), (name, (samples, losses, d_x, d_g_z)) in zip(axes, results.items(), strict=True):
        objective = OBJECTIVES[name]
        image.imshow(mg.plots.image_grid(samples, columns=10).squeeze(), cmap="gray")
        image.set_title(f"{name}, {len(losses)} steps")
        image.axis("off")
        for column, label in enumerate(("Loss_D", "Loss_G")):
            loss.plot(mg.plots.smoothed(losses[:, column], 31), label=label)
        loss.axhline(objective.balance, color="grey", linestyle="--", linewidth=0.8)
        loss.set_xlabel("step; dashed: Loss_D of a guess")
        bins = np.linspace(min(d_x.min(), d_g_z.min()), max(d_x.max(), d_g_z.max()), 40)
        histogram.hist(d_x, bins, alpha=0.6, label="real images")
        histogram.hist(d_g_z, bins, alpha=0.6, label="generated images")
        histogram.axvline(objective.threshold, color="grey", linestyle="--", linewidth=0.8)
        histogram.set_xlabel("D's output; dashed: threshold")
        loss.legend(frameon=False)
        histogram.legend(frameon=False)
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="lsgan.png", help="the image to write")
    parser.add_argument("--data", default="digits", help="digits (default), shapes, mnist, fashion-mnist, cifar10")
    parser.add_argument("--root", help="the folder of the data set")
    parser.add_argument("--steps", type=int, default=300, help="of training each (default 300)")
    main(**vars(parser.parse_args()))
