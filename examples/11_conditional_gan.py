"""A conditional GAN: both networks are told the class, and the generator can be asked for one.

You will see a grid after each quarter of the training: in a row one class, in a column one noise vector. The noise soon
decides what is common to a column (slant, width of the pen), and the label what is common to a row. The last panel
checks that the generator does as it is told: which digit is each sample nearest to, by the mean picture of each class?

    python examples/11_conditional_gan.py           writes conditional_gan.png
    python examples/11_conditional_gan.py --data mnist --steps 4000
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.plots import image_grid, to_uint8

BATCH, LATENT, WIDTH, COLUMNS = 32, 64, 16, 8


def train(dataset, steps):
    """Grids of samples on the way, uint8 (4, 10·COLUMNS, H, W, C), and the trained generator."""
    mg.backend.seed(0)
    random = np.random.default_rng(0)
    classes, (_, size, _, channels) = len(dataset.class_names), dataset.images.shape
    generator, discriminator = mg.models.cgan(size, channels, classes, LATENT, WIDTH)
    objective = mg.losses.NonSaturating()
    adam_g = mg.optim.Adam(generator.parameters(), lr=1e-3)
    adam_d = mg.optim.Adam(discriminator.parameters(), lr=5e-4)
    shown = mg.backend.random.normal((COLUMNS, LATENT))
    noise, asked = np.tile(to_numpy(shown), (classes, 1)), np.arange(classes).repeat(COLUMNS)
    grids = []
    for step in range(1, steps + 1):
        rows = random.integers(0, len(dataset), BATCH)
        real = asarray(dataset.images[rows].astype("float32") / 127.5 - 1)  # (N, H, W, C) in [−1, 1]
        labels = asarray(dataset.labels[rows])  # (N,): both networks are told, for the real pictures and for the fakes

        z = mg.backend.random.normal((BATCH, LATENT))
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d, labels=labels)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, adam_g, labels=labels)

        if step % (steps // 4) == 0:
            print(f"step {step:5}   Loss_D {float(loss_d):.3f}   Loss_G {float(loss_g):.3f}")
            fakes, _ = generator.forward((asarray(noise), asarray(asked)), train=False)
            grids.append(to_uint8(to_numpy(fakes)))
    return generator, grids


def nearest_class(images, dataset):
    """The class whose mean picture looks most alike, by the cosine of the angle between them: (N,)."""
    flat = dataset.images.reshape(len(dataset), -1).astype("float32")
    means = np.stack([flat[dataset.labels == k].mean(axis=0) for k in range(len(dataset.class_names))])
    pictures = images.reshape(len(images), -1).astype("float32")
    pictures, means = (a - a.mean(axis=1, keepdims=True) for a in (pictures, means))
    return (pictures @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(axis=1)


def main(out, data, root, steps):
    dataset = mg.data.load(data, root)
    generator, grids = train(dataset, steps)
    classes = len(dataset.class_names)
    asked = np.arange(1000) % classes
    samples, _ = generator.forward((mg.backend.random.normal((1000, LATENT)), asarray(asked)), train=False)
    found = nearest_class(to_uint8(to_numpy(samples)), dataset)
    real = (nearest_class(dataset.images[:1000], dataset) == dataset.labels[:1000]).mean()
    print(
        f"\nnearest to the mean picture of the class asked for: {(found == asked).mean():.0%} of 1,000 samples, ",
        end="",
    )
    print(f"{real:.0%} of 1,000 real pictures")

    figure, axes = plt.subplots(1, 5, figsize=(17, 4.6), layout="constrained", width_ratios=[1, 1, 1, 1, 1.2])
    for index, (ax, grid) in enumerate(zip(axes, grids, strict=False), 1):
        ax.imshow(image_grid(grid, columns=COLUMNS).squeeze(), cmap="gray")
        ax.set_title(f"step {index * steps // 4}")
        ax.axis("off")
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (asked, found), 1)
    axes[4].imshow(confusion, cmap="Blues")
    axes[4].set(xlabel="nearest class", ylabel="class asked for", xticks=range(classes), yticks=range(classes))
    axes[4].set_title("1,000 samples")
    figure.savefig(out, dpi=100)
    print(f"Rows are classes, columns are noise vectors. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="conditional_gan.png")
    parser.add_argument("--data", default="digits", help="digits (default), mnist, fashion-mnist, cifar10")
    parser.add_argument("--root", help="where the data set is")
    parser.add_argument("--steps", type=int, default=600)
    main(**vars(parser.parse_args()))
