"""The first GAN, of dense layers: it makes digits without knowing which pixels are neighbours.

You will see rows of samples, each later in training than the one above it: grey noise, blots, then digits with grain in
them. Below are the losses and how often the discriminator is right. Loss_D below log 4 says that the discriminator
still sees a difference; were there none, it could only guess, and be right half of the time.

    python examples/08_dense_gan.py                 writes dense_gan.png
    python examples/08_dense_gan.py --data mnist    the real digits (minigan data fetch mnist)
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.plots import image_grid, smoothed, to_uint8

BATCH, LATENT, WIDTH, RATE, ROWS = 64, 64, 64, 1e-3, 8


def train(dataset, steps):
    """Rows of samples on the way, uint8 (rows, 12, H, W, C), and per step Loss_D, Loss_G, accuracy on real and fake."""
    mg.backend.seed(0)
    random = np.random.default_rng(0)
    generator, discriminator = mg.models.dense_gan(dataset.images.shape[1:], LATENT, WIDTH)
    objective = mg.losses.NonSaturating()
    adam_g = mg.optim.Adam(generator.parameters(), RATE)
    adam_d = mg.optim.Adam(discriminator.parameters(), RATE)
    z_shown, rows, history = mg.backend.random.normal((12, LATENT)), [], []
    for step in range(1, steps + 1):
        pictures = dataset.images[random.integers(0, len(dataset), BATCH)]
        real = asarray(pictures.astype("float32") / 127.5 - 1)  # (N, H, W, C) in [−1, 1]
        right = []

        def watch(real_scores, fake_scores, right=right):
            right += [(real_scores > 0).mean(), (fake_scores < 0).mean()]  # a logit above 0 says "real"

        z = mg.backend.random.normal((BATCH, LATENT))
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d, watch)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
        history.append([float(to_numpy(number)) for number in (loss_d, loss_g, *right)])

        if step % (steps // ROWS) == 0:
            rows.append(to_uint8(to_numpy(generator.forward(z_shown, train=False)[0])))
            print(f"step {step:5}   Loss_D {history[-1][0]:.3f}   Loss_G {history[-1][1]:.3f}")
    return rows, np.array(history)


def main(out, data, root, steps):
    dataset = mg.data.load(data, root)
    rows, history = train(dataset, steps)
    figure = plt.figure(figsize=(10, 6.3), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.4, 1])
    made, real = top.subplots(1, 2)
    for axes, images, title in (
        (made, np.concatenate(rows), f"samples: every {steps // ROWS} steps a row of the same 12 noise vectors"),
        (real, dataset.images[: 12 * len(rows)], f"real: {data}"),
    ):
        axes.imshow(image_grid(images, columns=12).squeeze(), cmap="gray")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    loss, accuracy = bottom.subplots(1, 2)
    for axes, columns, balance, title in (
        (loss, ("Loss_D", "Loss_G"), np.log(4), "losses; dashed: log 4, Loss_D when D can only guess"),
        (accuracy, ("on real", "on fake"), 0.5, "how often D is right; dashed: guessing"),
    ):
        for index, column in enumerate(columns):
            axes.plot(smoothed(history[:, 2 * (axes is accuracy) + index], 51), label=column)
        axes.axhline(balance, color="grey", linestyle="--", linewidth=0.8)
        axes.set(xlabel="step")
        axes.set_title(title, fontsize=9)
        axes.legend(frameon=False)
    figure.savefig(out, dpi=100)
    late = history[-len(history) // 5 :].mean(axis=0)
    print(
        f"\nIn the last fifth, D is right about {late[2]:.0%} of the real and {late[3]:.0%} of the made ones. See {out}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="dense_gan.png")
    parser.add_argument("--data", default="digits", help="digits (default), mnist, fashion-mnist")
    parser.add_argument("--root", help="where the data set is")
    parser.add_argument("--steps", type=int, default=2000)
    main(**vars(parser.parse_args()))
