"""A conditional GAN: both networks are conditioned on a class, so a class can be chosen for each sample.

You will see a grid after each quarter of the training: a row for each class, a column for each noise vector. The noise
comes to decide what the images of a column have in common (slant, stroke width), the label what those of a row have in
common. The last panel checks that the generator follows the label: to which class's mean image is each sample nearest?
You will learn how a label enters both networks.

    python examples/11_conditional_gan.py           writes conditional_gan.png
    python examples/11_conditional_gan.py --data mnist --steps 4000
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

BATCH, LATENT, WIDTH, COLUMNS = 32, 64, 16, 8


def train(dataset, steps):
    """(generator, grids): {step: samples uint8 (classes·COLUMNS, H, W, C)}, class by class, after each quarter."""
    mg.backend.seed(0)
    random = np.random.default_rng(0)
    classes, (_, size, _, channels) = len(dataset.class_names), dataset.images.shape
    generator, discriminator = mg.models.cgan(size, channels, classes, LATENT, WIDTH)
    objective = mg.losses.NonSaturating()
    adam_g = mg.optim.Adam(generator.parameters(), lr=1e-3)
    adam_d = mg.optim.Adam(discriminator.parameters(), lr=5e-4)
    fixed_z = np.tile(to_numpy(mg.backend.random.normal((COLUMNS, LATENT))), (classes, 1))  # the same in each row
    fixed_labels = np.arange(classes).repeat(COLUMNS)
    quarters, grids = [steps * quarter // 4 for quarter in (1, 2, 3, 4)], {}
    for step in range(1, steps + 1):
        rows = random.integers(0, len(dataset), BATCH)
        real = mg.data.to_float(dataset.images[rows])  # (N, H, W, C) in [−1, 1]
        labels = asarray(dataset.labels[rows])  # (N,): the classes of the real images, and those to generate

        z = mg.backend.random.normal((BATCH, LATENT))
        loss_d = mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d, labels=labels)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss_g = mg.gan.generator_step(generator, discriminator, z, objective, adam_g, labels=labels)

        if step in quarters:
            print(f"step {step:5}   Loss_D {float(loss_d):.3f}   Loss_G {float(loss_g):.3f}")
            fake, _ = generator.forward((asarray(fixed_z), asarray(fixed_labels)), train=False)
            grids[step] = mg.data.to_uint8(fake)
    return generator, grids


def nearest_class(images, dataset):
    """The class whose mean image has the highest correlation with each image: (N,)."""
    flat = dataset.images.reshape(len(dataset), -1).astype("float32")
    means = np.stack([flat[dataset.labels == k].mean(axis=0) for k in range(len(dataset.class_names))])  # (K, H·W·C)
    images = images.reshape(len(images), -1).astype("float32")
    images, means = (a - a.mean(axis=1, keepdims=True) for a in (images, means))
    return (images @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(axis=1)


def main(out, data, root, steps):
    dataset = mg.data.load(data, root)
    generator, grids = train(dataset, steps)
    classes = len(dataset.class_names)
    labels = np.arange(1000) % classes
    samples, _ = generator.forward((mg.backend.random.normal((1000, LATENT)), asarray(labels)), train=False)
    nearest = nearest_class(mg.data.to_uint8(samples), dataset)
    real = (nearest_class(dataset.images[:1000], dataset) == dataset.labels[:1000]).mean()
    print("\nnearest to the mean image of their own class: ", end="")
    print(f"{(nearest == labels).mean():.0%} of 1,000 samples, {real:.0%} of the real images")
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (labels, nearest), 1)
    plot(out, grids, confusion)
    print(f"In the grids, rows are classes and columns are noise vectors. See {out}")


def plot(out, grids, confusion):
    figure = mg.plots.new_figure(17, 4.6)
    *panels, matrix = figure.subplots(1, 5, width_ratios=[1, 1, 1, 1, 1.2])
    for axes, (step, samples) in zip(panels, grids.items(), strict=False):
        axes.imshow(mg.plots.image_grid(samples, columns=COLUMNS).squeeze(), cmap="gray")
        axes.set_title(f"step {step}")
        axes.axis("off")
    ticks = range(len(confusion))
    matrix.imshow(confusion, cmap="Blues")
    matrix.set(xlabel="nearest class", ylabel="class of the label", xticks=ticks, yticks=ticks, title="1,000 samples")
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="conditional_gan.png", help="the image to write")
    parser.add_argument("--data", default="digits", help="digits (default), mnist, fashion-mnist, cifar10")
    parser.add_argument("--root", help="the folder of the data set")
    parser.add_argument("--steps", type=int, default=600, help="of training (default 600)")
    main(**vars(parser.parse_args()))
