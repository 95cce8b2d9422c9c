"""Walks through the latent space: what lies between two generated images.

You will see five pairs of latent points, connected by a straight line and by an arc. Noise in many dimensions lies near
a sphere of radius √d. The middle of a straight line is inside it, in a region that the generator has never seen: the
images there are more alike, as the printed numbers show. Along the arc |z| changes evenly from one end to the other,
along the line it dips (the curves). The animation follows a closed path. You will learn why spherical interpolation is
the usual choice.

    python examples/13_latent_walk.py               trains for a few seconds, writes latent_walk.png and latent_walk.gif
    python examples/13_latent_walk.py --run RUN     uses the generator of a run of minigan train
"""

import argparse
from pathlib import Path

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.inference.interpolation import METHODS, walk
from minigan.inference.sampler import Sampler
from minigan.runs.folder import find_checkpoint

BATCH, LATENT, STEPS, PAIRS = 64, 64, 11, 5


def train(steps):
    """A generator of digits, as a function from noise (N, LATENT) to images uint8 (N, 28, 28, 1)."""
    mg.backend.seed(0)
    random, dataset = np.random.default_rng(0), mg.data.load("digits")
    generator, discriminator = mg.models.dcgan(28, 1, LATENT, width=12)
    objective = mg.losses.NonSaturating()
    adam_g = mg.optim.Adam(generator.parameters(), lr=1e-3)
    adam_d = mg.optim.Adam(discriminator.parameters(), lr=5e-4)
    for step in range(1, steps + 1):
        real = mg.data.to_float(dataset.images[random.integers(0, len(dataset), BATCH)])  # (N, 28, 28, 1) in [−1, 1]
        z = mg.backend.random.normal((BATCH, LATENT))
        mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss = mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
        if step % max(1, steps // 4) == 0:
            print(f"step {step:5}   Loss_G {float(loss):.3f}")
    return lambda z: mg.data.to_uint8(generator.forward(z, train=False)[0])


def load(run):
    """(generate, latent_dim) of a trained run; a conditional generator keeps to its first class."""
    checkpoint, _ = find_checkpoint(run)
    sampler = Sampler(checkpoint)
    return lambda z: sampler.generate(z, sampler.labels(len(z), label=0)), sampler.config.latent_dim


def main(out, run, steps):
    generate, latent_dim = (train(steps), LATENT) if run is None else load(run)
    a, b = (to_numpy(mg.backend.RandomStream(seed).normal((PAIRS, latent_dim))) for seed in (3, 4))
    grids, lengths = {}, {}
    for name, method in METHODS.items():
        path = method(a, b, STEPS)  # (PAIRS, STEPS, latent_dim)
        images = generate(asarray(path.reshape(-1, latent_dim)))  # (PAIRS·STEPS, H, W, C)
        grids[name] = images
        lengths[name] = (np.linalg.norm(path, axis=-1) / np.sqrt(latent_dim)).mean(axis=0)  # |z| / √d, (STEPS,)
        pixels = images.reshape(PAIRS, STEPS, -1)
        ends, middle = pixels[:, [0, -1]].reshape(2 * PAIRS, -1), pixels[:, STEPS // 2]
        print(f"{name:10} |z| in the middle: {lengths[name][STEPS // 2]:.3f}·√d", end="   ")
        spreads = [group.std(axis=0).mean() for group in (ends, middle)]
        print("std between images: {:.1f} at the ends, {:.1f} in the middle".format(*spreads))
    plot(out, grids, lengths)

    points = walk(a, steps=12, method="spherical")  # a closed path through all of a: (12·PAIRS, latent_dim)
    frames = generate(asarray(points)).repeat(5, axis=1).repeat(5, axis=2)
    mg.plots.save_animation(out.with_suffix(".gif"), frames, 0.08)
    print("\nNearby latent points give similar images: the generator has learned a smooth map, not a list of images.")
    print(f"See {out} and {out.with_suffix('.gif')}")


def plot(out, grids, lengths):
    figure = mg.plots.new_figure(15, 4)
    *panels, curves = figure.subplots(1, 3, width_ratios=[1.5, 1.5, 1])
    for axes, (name, images) in zip(panels, grids.items(), strict=True):
        axes.imshow(mg.plots.image_grid(images, columns=STEPS).squeeze(), cmap="gray")
        axes.set_title(f"{name}, from left to right")
        axes.axis("off")
        curves.plot(np.linspace(0, 1, STEPS), lengths[name], "o-", label=name)
    curves.axhline(np.sqrt(0.5), color="grey", linestyle="--", linewidth=0.8, label="√½: middle of a line, on average")
    curves.set(xlabel="t, position on the path", ylim=(0.6, 1.3), title="|z| / √d, mean of the pairs")
    curves.legend(frameon=False, loc="upper right")
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("latent_walk.png"), help="the image to write")
    parser.add_argument("--run", type=Path, help="the folder of a run of minigan train")
    parser.add_argument("--steps", type=int, default=600, help="of training, without --run (default 600)")
    main(**vars(parser.parse_args()))
