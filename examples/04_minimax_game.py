"""The smallest game that is hard to learn: f(x, y) = xy, where one player minimizes over x, the other maximizes over y.

You will see four ways to play, each from (1, 1) around the equilibrium (0, 0). In continuous time the gradients lead
around in a circle. Simultaneous steps spiral outwards at every step size η: each multiplies the distance by √(1 + η²).
Alternating steps, as in GAN training, stay near the circle and never arrive. Optimistic steps, which extrapolate the
gradient, converge. You will learn why the losses of a GAN may oscillate instead of falling.

    python examples/04_minimax_game.py              writes minimax_game.png and minimax_game.gif
"""

import argparse
from pathlib import Path

import numpy as np

import minigan as mg

LR, STEPS = 0.1, 300


def gradients(x, y):
    """(∂f/∂x, ∂f/∂y) of f = x·y: player 1 descends the first, player 2 ascends the second."""
    return y, x


def simultaneous(x, y, previous):
    """Both players use the gradients at (x, y)."""
    dx, dy = gradients(x, y)
    return x - LR * dx, y + LR * dy


def alternating(x, y, previous):
    """Player 2 moves after player 1, and uses the gradient at player 1's new position."""
    x = x - LR * gradients(x, y)[0]
    return x, y + LR * gradients(x, y)[1]


def optimistic(x, y, previous):
    """Twice the current gradient minus the previous one, an estimate of the next one (Daskalakis et al. 2018)."""
    (dx, dy), (previous_dx, previous_dy) = gradients(x, y), gradients(*previous)
    return x - LR * (2 * dx - previous_dx), y + LR * (2 * dy - previous_dy)


def play(step):
    """The path of (x, y) from (1, 1): (STEPS + 1, 2)."""
    path = [(1.0, 1.0)]
    for _ in range(STEPS):
        path.append(step(*path[-1], previous=path[-2] if len(path) > 1 else path[-1]))
    return np.array(path)


def main(out):
    angle = np.pi / 4 + np.linspace(0, LR * STEPS, 600)  # the solution of dx/dt = −y, dy/dt = x
    paths = {
        "continuous time: a circle": np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1),
        "simultaneous: diverges": play(simultaneous),
        "alternating: oscillates": play(alternating),
        "optimistic: converges": play(optimistic),
    }
    print(f"distance from the equilibrium after {STEPS} steps with η = {LR}; at the start it was {np.sqrt(2):.3f}:")
    for name, path in paths.items():
        print(f"  {name:28}{np.hypot(*path[-1]):10.3f}")
    print(f"  simultaneous, by formula:   {np.sqrt(2) * (1 + LR**2) ** (STEPS / 2):10.3f} = √2·(1 + η²)^(n/2)")
    plot(out, paths)
    animate(out.with_suffix(".gif"), paths)
    print("\nNeither player's loss shows how close the equilibrium is; the distance from it does.")
    print(f"See {out} and {out.with_suffix('.gif')}")


COLOURS = ("0.4", "tab:red", "tab:blue", "tab:green")


def plot(out, paths):
    figure = mg.plots.new_figure(14, 4.6)
    plane, distance, value = figure.subplots(1, 3)
    grid = np.linspace(-3, 3, 121)
    levels = plane.contourf(grid, grid, grid[:, None] * grid, 25, cmap="RdBu_r", alpha=0.35)
    figure.colorbar(levels, ax=plane, label="f(x, y) = xy")
    for (name, path), colour in zip(paths.items(), COLOURS, strict=True):
        plane.plot(*path.T, color=colour, label=name)
        time = np.linspace(0, STEPS, len(path))
        distance.plot(time, np.hypot(*path.T), color=colour, label=name)
        value.plot(time, path.prod(axis=1), color=colour, label=name)
    plane.plot(0, 0, "k+", markersize=12)
    plane.set(
        xlim=(-3, 3), ylim=(-3, 3), aspect="equal", title="paths", xlabel="x: minimizes f", ylabel="y: maximizes f"
    )
    distance.set(xlabel="step", yscale="log", title="distance from the equilibrium")
    distance.legend(frameon=False)
    value.set(xlabel="step", ylim=(-4, 4), title="f(x, y), the loss of player 1")
    figure.savefig(out, dpi=110)


def animate(out, paths):
    """The three paths that take steps, as a GIF."""
    figure = mg.plots.new_figure(4, 4)
    figure.set_dpi(80)
    axes, frames = figure.subplots(), []
    for step in range(0, 180, 4):
        axes.clear()
        for (name, path), colour in list(zip(paths.items(), COLOURS, strict=True))[1:]:
            axes.plot(*path[: step + 1].T, color=colour, linewidth=1, label=name)
            axes.plot(*path[step], "o", color=colour)
        axes.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6), title=f"step {step}", aspect="equal")
        axes.legend(frameon=False, fontsize=7, loc="upper right")
        figure.canvas.draw()
        frames.append(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    mg.plots.save_animation(out, frames, 0.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("minimax_game.png"), help="the image to write")
    main(**vars(parser.parse_args()))
