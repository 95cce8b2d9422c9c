"""A GAN one can see whole: eight bumps on a ring, a generator of points, a discriminator of the plane.

You will see three games side by side: the data (grey), the generator's points (orange), and where the discriminator
says "real" (blue). In the first one the generator learns ten times as fast as the discriminator: its points stay
together in one cloud, which wanders over two bumps at most. With a faster discriminator the same loss
finds all eight bumps, and least squares finds them sooner: its gradient pulls at every score that is not at its target,
and does not fade. (One seed each; other rates and seeds give other races.) The curves count the bumps with points.

    python examples/07_ring_of_gaussians.py         writes ring.png and ring.gif
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.plots import save_animation

BUMPS, RADIUS, DEVIATION = 8, 2.0, 0.1
CENTRES = RADIUS * np.exp(2j * np.pi * np.arange(BUMPS) / BUMPS).view(float).reshape(-1, 2)  # (8, 2)
LATENT, BATCH, LOOKS = 8, 256, 30
PLANE = np.stack(np.meshgrid(np.linspace(-3.5, 3.5, 50), np.linspace(-3.5, 3.5, 50)), axis=-1).reshape(-1, 2)


def ring(random, count):
    return CENTRES[random.integers(0, BUMPS, count)] + DEVIATION * random.standard_normal((count, 2))


def network(sizes):
    layers = []
    for wide, wider in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [mg.layers.Dense(wide, wider), mg.layers.LeakyReLU(0.2)]
    return mg.layers.Sequential(*layers[:-1])


def bumps_with_points(points):
    """How many of the eight get at least a quarter of their due share, within four deviations."""
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=-1)  # (N, 8)
    near = (distances < 4 * DEVIATION).sum(axis=0)
    return int((near > len(points) / BUMPS / 4).sum())


def train(objective, rate_g, rate_d, steps):
    """Looks at the game on the way: (points, D over the plane, number of bumps), LOOKS + 1 of them."""
    mg.backend.seed(1)
    random = np.random.default_rng(1)
    generator, discriminator = network([LATENT, 64, 64, 2]), network([2, 64, 64, 1])
    adam_g, adam_d = mg.optim.Adam(generator.parameters(), rate_g), mg.optim.Adam(discriminator.parameters(), rate_d)
    z_shown, plane, looks = mg.backend.random.normal((500, LATENT)), asarray(PLANE.astype("float32")), []
    for step in range(steps + 1):
        if step % (steps // LOOKS) == 0:
            points = to_numpy(generator.forward(z_shown, train=False)[0])
            scores = to_numpy(objective.score(discriminator.forward(plane, train=False)[0]))
            looks.append((points, scores.reshape(50, 50), bumps_with_points(points)))
        real = asarray(ring(random, BATCH).astype("float32"))
        z = mg.backend.random.normal((BATCH, LATENT))
        mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d)
        z = mg.backend.random.normal((BATCH, LATENT))
        mg.gan.generator_step(generator, discriminator, z, objective, adam_g)
    return looks


def draw(axes, name, data, look):
    points, scores, bumps = look
    axes.clear()
    axes.imshow(scores, extent=(-3.5, 3.5) * 2, origin="lower", cmap="Blues", vmin=0, vmax=1, alpha=0.6)
    axes.plot(*data.T, ".", color="0.5", markersize=2)
    axes.plot(*points.T, ".", color="tab:orange", markersize=3)
    axes.set(xticks=[], yticks=[], xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
    axes.set_title(f"{name}\n{bumps} of {BUMPS} bumps", fontsize=10)


def main(out, steps):
    games = {
        "non-saturating, G 1e-3, D 1e-4": train(mg.losses.NonSaturating(), 1e-3, 1e-4, steps),
        "non-saturating, G 1e-3, D 3e-4": train(mg.losses.NonSaturating(), 1e-3, 3e-4, steps),
        "least squares, G 1e-3, D 3e-4": train(mg.losses.LeastSquares(0, 1, 1), 1e-3, 3e-4, steps),
    }
    data = ring(np.random.default_rng(2), 500)
    for name, looks in games.items():
        print(f"{name:36} bumps with points, over time: {' '.join(str(bumps) for _, _, bumps in looks)}")

    figure, axes = plt.subplots(4, 3, figsize=(10, 12), layout="constrained")
    for column, (name, looks) in enumerate(games.items()):
        for row, look in enumerate((LOOKS // 6, LOOKS // 2, LOOKS)):
            draw(axes[row, column], f"{name}\nstep {look * steps // LOOKS}", data, looks[look])
        axes[3, column].plot(
            np.linspace(0, steps, LOOKS + 1), [bumps for _, _, bumps in looks], "o-", color="tab:orange"
        )
        axes[3, column].set(ylim=(-0.3, 8.3), xlabel="steps", ylabel="bumps with points")
    figure.savefig(out, dpi=90)

    frames = []
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained", dpi=60)
    for look in range(LOOKS + 1):
        for ax, (name, looks) in zip(axes, games.items(), strict=True):
            draw(ax, name, data, looks[look])
        figure.canvas.draw()
        frames.append(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    save_animation(out.with_suffix(".gif"), frames, 0.25)
    print(f"\nLosses alone would not tell these games apart. See {out} and {out.with_suffix('.gif')}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("ring.png"))
    parser.add_argument("--steps", type=int, default=2400)
    main(**vars(parser.parse_args()))
