"""A GAN in two dimensions, where everything can be seen: eight Gaussians on a ring, a generator of points.

You will see three training runs: the data (grey), the generated points (orange), and where the discriminator says
"real" (blue). In the first run the generator's learning rate is ten times the discriminator's, and it collapses: all
points stay in one cloud, which moves around and covers two of the eight modes at most. With a faster discriminator the
same loss finds all eight, and least squares finds them sooner, since its gradient does not fade with the distance from
the target. (One seed each; other rates and seeds turn out differently.) You will learn what mode collapse looks like.

    python examples/07_ring_of_gaussians.py         writes ring.png and ring.gif
"""

import argparse
from pathlib import Path

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

MODES, RADIUS, STD = 8, 2.0, 0.1
CENTRES = RADIUS * np.exp(2j * np.pi * np.arange(MODES) / MODES).view(float).reshape(-1, 2)  # (8, 2)
LATENT, BATCH, SNAPSHOTS = 8, 256, 30
PLANE = np.stack(np.meshgrid(np.linspace(-3.5, 3.5, 50), np.linspace(-3.5, 3.5, 50)), axis=-1).reshape(-1, 2)


def ring(random, count):
    """Real points, (count, 2)."""
    return CENTRES[random.integers(0, MODES, count)] + STD * random.standard_normal((count, 2))


def network(*sizes):
    """Dense layers of these sizes, with LeakyReLU between them."""
    layers = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [mg.layers.Dense(inputs, outputs), mg.layers.LeakyReLU(0.2)]
    return mg.layers.Sequential(*layers[:-1])


def covered_modes(points):
    """How many modes have at least a quarter of their share of the points (N, 2) within four standard deviations."""
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=-1)  # (N, 8)
    near = (distances < 4 * STD).sum(axis=0)  # (8,)
    return int((near > len(points) / MODES / 4).sum())


def train(objective, lr_g, lr_d, steps):
    """Train a GAN. Returns snapshots {step: (points (500, 2), D(x) over the plane (50, 50), covered modes)}."""
    mg.backend.seed(1)
    random = np.random.default_rng(1)
    generator, discriminator = network(LATENT, 64, 64, 2), network(2, 64, 64, 1)
    adam_g, adam_d = mg.optim.Adam(generator.parameters(), lr_g), mg.optim.Adam(discriminator.parameters(), lr_d)
    fixed_z, plane, snapshots = mg.backend.random.normal((500, LATENT)), asarray(PLANE.astype("float32")), {}
    for step in range(steps + 1):
        if step % max(1, steps // SNAPSHOTS) == 0:
            points = to_numpy(generator.forward(fixed_z, train=False)[0])
            d_x = to_numpy(objective.discriminator_output(discriminator.forward(plane, train=False)[0]))
            snapshots[step] = points, d_x.reshape(50, 50), covered_modes(points)
        real = asarray(ring(random, BATCH).astype("float32"))  # (BATCH, 2)
        z = mg.backend.random.normal((BATCH, LATENT))
        mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d)
        z = mg.backend.random.normal((BATCH, LATENT))
        mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
    return snapshots


def main(out, steps):
    runs = {
        "non-saturating, lr G 1e-3, D 1e-4": train(mg.losses.NonSaturating(), 1e-3, 1e-4, steps),
        "non-saturating, lr G 1e-3, D 3e-4": train(mg.losses.NonSaturating(), 1e-3, 3e-4, steps),
        "least squares, lr G 1e-3, D 3e-4": train(mg.losses.LeastSquares(0, 1, 1), 1e-3, 3e-4, steps),
    }
    for name, snapshots in runs.items():
        print(f"{name:36} covered modes over time: {' '.join(str(modes) for _, _, modes in snapshots.values())}")
    plot(out, runs)
    animate(out.with_suffix(".gif"), runs)
    print(f"\nThe losses alone would not show which run collapsed. See {out} and {out.with_suffix('.gif')}")


def plot(out, runs):
    """A column for each run: three snapshots, and the number of covered modes over time."""
    figure = mg.plots.new_figure(10, 12)
    axes = figure.subplots(4, 3)
    for column, (name, snapshots) in zip(axes.T, runs.items(), strict=True):
        steps, counts = list(snapshots), [modes for _, _, modes in snapshots.values()]
        for ax, step in zip(column, (steps[len(steps) // 6], steps[len(steps) // 2], steps[-1]), strict=False):
            show(ax, f"{name}\nstep {step}", *snapshots[step])
        column[3].plot(steps, counts, "o-", color="tab:orange")
        column[3].set(ylim=(-0.3, 8.3), xlabel="step", ylabel="covered modes")
    figure.savefig(out, dpi=90)


def animate(out, runs):
    figure = mg.plots.new_figure(9, 3.6)
    figure.set_dpi(60)
    axes, frames = figure.subplots(1, 3), []
    for snapshots in zip(*(snapshots.values() for snapshots in runs.values()), strict=True):
        for ax, name, snapshot in zip(axes, runs, snapshots, strict=True):
            ax.clear()
            show(ax, name, *snapshot)
        figure.canvas.draw()
        frames.append(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    mg.plots.save_animation(out, frames, 0.25)


def show(axes, title, points, d_x, modes):
    """One snapshot: the data, the generated points, and D(x) over the plane."""
    axes.imshow(d_x, extent=(-3.5, 3.5) * 2, origin="lower", cmap="Blues", vmin=0, vmax=1, alpha=0.6)
    axes.plot(*ring(np.random.default_rng(2), 500).T, ".", color="0.5", markersize=2)
    axes.plot(*points.T, ".", color="tab:orange", markersize=3)
    axes.set(xticks=[], yticks=[], xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
    axes.set_title(f"{title}\n{modes} of {MODES} modes", fontsize=10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("ring.png"), help="the image to write")
    parser.add_argument("--steps", type=int, default=2400, help="of training each run (default 2400)")
    main(**vars(parser.parse_args()))
