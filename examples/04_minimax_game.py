"""The smallest game that is hard to learn: one player wants f(x, y) = xy small and has x, the other wants it large.

You will see four ways to play, each from (1, 1), around the equilibrium (0, 0). Followed without steps, the gradients
lead around in a circle. Simultaneous steps spiral outwards, however small they are: each lengthens (x, y) by √(1 + η²).
Alternating steps, as in GAN training, stay near the circle and never arrive. Optimistic steps, which go by where the
other player's gradient is heading, spiral inwards. A GAN's losses go around in the same way: they need not fall.

    python examples/04_minimax_game.py              writes minimax_game.png and minimax_game.gif
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from minigan.plots import save_animation

RATE, STEPS = 0.1, 300


def gradients(x, y):
    """Of f = x·y: the first player descends ∂f/∂x, the second one ascends ∂f/∂y."""
    return y, x


def simultaneous(x, y, before):
    dx, dy = gradients(x, y)
    return x - RATE * dx, y + RATE * dy


def alternating(x, y, before):
    x = x - RATE * gradients(x, y)[0]
    return x, y + RATE * gradients(x, y)[1]  # the second player has seen the first one move


def optimistic(x, y, before):
    """Twice the gradient now, less the one before: a guess at the next one (Daskalakis et al. 2018)."""
    (dx, dy), (dx_before, dy_before) = gradients(x, y), gradients(*before)
    return x - RATE * (2 * dx - dx_before), y + RATE * (2 * dy - dy_before)


def play(step):
    """The path of (x, y), from (1, 1): (STEPS + 1, 2)."""
    path = [(1.0, 1.0)]
    for _ in range(STEPS):
        path.append(step(*path[-1], path[-2] if len(path) > 1 else path[-1]))
    return np.array(path)


def main(out):
    angle = np.pi / 4 + np.linspace(0, RATE * STEPS, 600)  # dx/dt = −y, dy/dt = x
    paths = {
        "continuous time: a circle": np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1),
        "simultaneous: spirals out": play(simultaneous),
        "alternating: goes around": play(alternating),
        "optimistic: arrives": play(optimistic),
    }
    colours = ("0.4", "tab:red", "tab:blue", "tab:green")
    print(f"distance from the equilibrium after {STEPS} steps of {RATE}; it was {np.sqrt(2):.3f}:")
    for name, path in paths.items():
        print(f"  {name:28}{np.hypot(*path[-1]):10.3f}")
    print(f"  (simultaneous by formula:    {np.sqrt(2) * (1 + RATE**2) ** (STEPS / 2):9.3f} = √2·(1 + η²)^(n/2))")

    figure, (plane, distance, value) = plt.subplots(1, 3, figsize=(14, 4.6), layout="constrained")
    grid = np.linspace(-3, 3, 121)
    levels = plane.contourf(grid, grid, grid[:, None] * grid, 25, cmap="RdBu_r", alpha=0.35)
    figure.colorbar(levels, ax=plane, label="f(x, y) = xy")
    for (name, path), colour in zip(paths.items(), colours, strict=True):
        plane.plot(*path.T, color=colour, label=name)
        time = np.linspace(0, STEPS, len(path))
        distance.plot(time, np.hypot(*path.T), color=colour, label=name)
        value.plot(time, path.prod(axis=1), color=colour, label=name)
    plane.plot(0, 0, "k+", markersize=12)
    plane.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", title="the paths")
    plane.set(xlabel="x, of the player who wants f small", ylabel="y, of the one who wants it large")
    distance.set(xlabel="steps", yscale="log", title="distance from the equilibrium")
    distance.legend(frameon=False)
    value.set(xlabel="steps", ylim=(-4, 4), title="f(x, y): player 1's loss, minus player 2's")
    figure.savefig(out, dpi=110)

    frames = []
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained", dpi=80)
    for step in range(0, 180, 4):
        axes.clear()
        for (name, path), colour in list(zip(paths.items(), colours, strict=True))[1:]:
            axes.plot(*path[: step + 1].T, color=colour, linewidth=1, label=name)
            axes.plot(*path[step], "o", color=colour)
        axes.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6), title=f"step {step}", aspect="equal")
        axes.legend(frameon=False, fontsize=7, loc="upper right")
        figure.canvas.draw()
        frames.append(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    save_animation(out.with_suffix(".gif"), frames, 0.1)
    print(
        f"\nNobody's loss tells how near the equilibrium is; the distance does. See {out} and {out.with_suffix('.gif')}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("minimax_game.png"))
    main(**vars(parser.parse_args()))
