"""The first GAN, of dense layers: it generates digits without knowing which pixels are neighbours.

You will see rows of samples, each later in training than the one above it: grey noise, blots, then digits with some
noise left in them. Below are the losses and the accuracies of the discriminator. A Loss_D below log 4 says that the
discriminator still sees a difference between real and generated images; without one it could only guess, and its
accuracy would be one half. You will learn how to read these curves.

    python examples/08_dense_gan.py                 writes dense_gan.png
    python examples/08_dense_gan.py --data mnist    the real digits (minigan data fetch mnist)
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import to_numpy

BATCH, LATENT, WIDTH, LR, ROWS = 64, 64, 64, 1e-3, 8


def train(dataset, steps):
    """(rows, history): {step: samples uint8 (12, H, W, C)}, (Loss_D, Loss_G, accuracy on real, on fake) per step."""
    mg.backend.seed(0)
    random = np.random.default_rng(0)
    generator, discriminator = mg.models.dense_gan(dataset.images.shape[1:], LATENT, WIDTH)
    objective = mg.losses.NonSaturating()
    adam_g = mg.optim.Adam(generator.parameters(), LR)
    adam_d = mg.optim.Adam(discriminator.parameters(), LR)
    fixed_z, rows, history = mg.backend.random.normal((12, LATENT)), {}, []
    for step in range(1, steps + 1):
        images = dataset.images[random.integers(0, len(dataset), BATCH)]
        real = mg.data.to_float(images)  # (N, H, W, C) in [−1, 1]
        accuracies = []

        def measure(real_logits, fake_logits, accuracies=accuracies):
            accuracies += [(real_logits > 0).mean(), (fake_logits < 0).mean()]  # a logit above 0 means "real"

        z = mg.backend.random.normal((BATCH, LATENT))
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d, callback=measure)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
        history.append([float(to_numpy(number)) for number in (loss_d, loss_g, *accuracies)])

        if step % max(1, steps // ROWS) == 0:
            fake, _ = generator.forward(fixed_z, train=False)
            rows[step] = mg.data.to_uint8(fake)
            print(f"step {step:5}   Loss_D {history[-1][0]:.3f}   Loss_G {history[-1][1]:.3f}")
    return rows, np.array(history)


def main(out, data, root, steps):
    dataset = mg.data.load(data, root)
    rows, history = train(dataset, steps)
    plot(out, dataset, rows, history)
    _, _, real, fake = history[-len(history) // 5 :].mean(axis=0)
    print(
        f"\nIn the last fifth of the steps, the discriminator recognizes {real:.0%} of the real images and {fake:.0%}"
    )
    print(f"of the generated ones. See {out}")


def plot(out, dataset, rows, history):
    figure = mg.plots.new_figure(10, 6.3)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.4, 1])
    samples, real = top.subplots(1, 2)
    real_images = dataset.images[: 12 * len(rows)]
    for axes, images, title in (
        (samples, np.concatenate(list(rows.values())), f"samples: 12 fixed noise vectors, every {min(rows)} steps"),
        (real, real_images, f"real images: {dataset.name}"),
    ):
        axes.imshow(mg.plots.image_grid(images, columns=12).squeeze(), cmap="gray")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    loss, accuracy = bottom.subplots(1, 2)
    for axes, curves, balance, title in (
        (loss, {"Loss_D": 0, "Loss_G": 1}, np.log(4), "losses; dashed: log 4, Loss_D of a guess"),
        (accuracy, {"on real": 2, "on fake": 3}, 0.5, "accuracy of the discriminator; dashed: guessing"),
    ):
        for name, column in curves.items():
            axes.plot(mg.plots.smoothed(history[:, column], 51), label=name)
        axes.axhline(balance, color="grey", linestyle="--", linewidth=0.8)
        axes.set(xlabel="step")
        axes.set_title(title, fontsize=9)
        axes.legend(frameon=False)
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="dense_gan.png", help="the image to write")
    parser.add_argument("--data", default="digits", help="digits (default), mnist, fashion-mnist")
    parser.add_argument("--root", help="the folder of the data set")
    parser.add_argument("--steps", type=int, default=2000, help="of training (default 2000)")
    main(**vars(parser.parse_args()))
