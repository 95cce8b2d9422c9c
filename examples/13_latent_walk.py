"""Walks through the latent space: what lies between two pictures that a generator makes.

You will see five pairs of latent points, and the way from one to the other by a straight line and by an arc. Noise of
many dimensions lies near a sphere of radius √d. The middle of a straight line is inside it, where the generator has
never been: its pictures there are more alike, as the printed numbers say. The arc's length goes evenly from that of
one end to that of the other, the line's dips (the curve). The animation walks along a closed path.

    python examples/13_latent_walk.py               trains for some seconds, writes latent_walk.png and latent_walk.gif
    python examples/13_latent_walk.py --run RUN     walks through the generator of a run of minigan train
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.interpolation import METHODS, walk
from minigan.plots import image_grid, save_animation, to_uint8
from minigan.run_folder import find_checkpoint
from minigan.sampling import Sampler

BATCH, LATENT, STEPS, PAIRS = 64, 64, 11, 5


def train(steps):
    """A generator of digits, as a function of noise: (N, LATENT) → uint8 (N, 28, 28, 1)."""
    mg.backend.seed(0)
    random, dataset = np.random.default_rng(0), mg.data.load("digits")
    generator, discriminator = mg.models.dcgan(28, 1, LATENT, width=12)
    objective = mg.losses.NonSaturating()
    adam_g = mg.optim.Adam(generator.parameters(), lr=1e-3)
    adam_d = mg.optim.Adam(discriminator.parameters(), lr=5e-4)
    for step in range(1, steps + 1):
        real = asarray(dataset.images[random.integers(0, len(dataset), BATCH)].astype("float32") / 127.5 - 1)
        z = mg.backend.random.normal((BATCH, LATENT))
        mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d)
        z = mg.backend.random.normal((BATCH, LATENT))
        loss = mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
        if step % (steps // 4) == 0:
            print(f"step {step:5}   Loss_G {float(loss):.3f}")
    return lambda z: to_uint8(to_numpy(generator.forward(z, train=False)[0]))


def main(out, run, steps):
    if run is None:
        pictures, latent = train(steps), LATENT
    else:
        sampler = Sampler(mg.checkpoint.load(find_checkpoint(run)))
        pictures, latent = sampler.pictures, sampler.config.latent_dim

    a, b = (to_numpy(mg.backend.RandomStream(seed).normal((PAIRS, latent))) for seed in (3, 4))
    figure, axes = plt.subplots(1, 3, figsize=(15, 4), layout="constrained", width_ratios=[1.5, 1.5, 1])
    for ax, (name, method) in zip(axes, METHODS.items(), strict=False):
        path = method(a, b, STEPS)  # (PAIRS, STEPS, latent)
        images = pictures(asarray(path.reshape(-1, latent)))
        ax.imshow(image_grid(images, columns=STEPS).squeeze(), cmap="gray")
        ax.set_title(f"{name}: from the left column to the right one")
        ax.axis("off")
        lengths = np.linalg.norm(path, axis=-1) / np.sqrt(latent)  # (PAIRS, STEPS)
        axes[2].plot(np.linspace(0, 1, STEPS), lengths.mean(axis=0), "o-", label=name)
        middle, ends = images.reshape(PAIRS, STEPS, -1)[:, STEPS // 2], images.reshape(PAIRS, STEPS, -1)[:, [0, -1]]
        spread = [group.reshape(-1, group.shape[-1]).std(axis=0).mean() for group in (ends, middle)]
        print(f"{name:10} length at the middle: {lengths[:, STEPS // 2].mean():.3f}·√d", end="   ")
        print(f"how much pictures differ from each other: {spread[0]:.1f} at the ends, {spread[1]:.1f} in the middle")
    axes[2].axhline(
        np.sqrt(0.5), color="grey", linestyle="--", linewidth=0.8, label="√½: what a straight line falls to"
    )
    axes[2].set(xlabel="way", ylim=(0.6, 1.3), title="|z| / √d on the way, mean of the pairs")
    axes[2].legend(frameon=False, loc="upper right")
    figure.savefig(out, dpi=100)

    points = walk(a, steps=12, method="spherical")  # a closed path through all of a
    frames = pictures(asarray(points)).repeat(5, axis=1).repeat(5, axis=2)
    save_animation(out.with_suffix(".gif"), frames, 0.08)
    print(
        f"\nNeighbours look alike: the generator has learned a map, not a list. See {out} and {out.with_suffix('.gif')}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("latent_walk.png"))
    parser.add_argument("--run", type=Path, help="a run of minigan train, of real data or any other")
    parser.add_argument("--steps", type=int, default=600)
    main(**vars(parser.parse_args()))
