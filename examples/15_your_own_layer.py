"""Write a layer of your own in twenty lines, check its gradient, and train with it.

You will see Swish, x·σ(βx) with a learned β: its curve, its derivative compared with finite differences, and a small
network that uses it next to one that uses LeakyReLU, both trained on two spirals. The gradient check accepts the layer,
and rejects the same layer with one term missing. You will learn all that a layer needs: copy the class below and
replace its formula.

    python examples/15_your_own_layer.py            writes your_own_layer.png
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy, xp
from minigan.layers import Dense, Layer, LeakyReLU, Sequential
from minigan.layers.base import Param


class Swish(Layer):
    """y = x·s with s = σ(βx); dy/dx = s + βx·s·(1 − s), dy/dβ = x²·s·(1 − s). x: any shape; beta: (1,)."""

    def __init__(self):
        self.beta = Param(np.ones(1, "float32"))

    def forward(self, x, train=True, groups=1):
        s = 1 / (1 + xp.exp(-self.beta.cast(x.dtype) * x))
        return x * s, (x, s, self.beta.version)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, s, version = cache
        self.beta.require_version(version, self)
        if param_grads:
            self.beta.grad += (dy * x * x * s * (1 - s)).sum().reshape(1)
        return dy * (s + self.beta.cast(x.dtype) * x * s * (1 - s)) if input_grad else None


class MissingTerm(Swish):
    """dy/dx = s, the product rule without its second term."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, input_grad=False)
        _, s, _ = cache
        return dy * s


def spirals(random, count):
    """Points (count, 2) on two spirals, and the label of each point's spiral, 0 or 1: (count, 1)."""
    label = np.arange(count) % 2
    turn = np.sqrt(random.random(count)) * 3 * np.pi
    angle = turn + np.pi * label
    points = (turn / 10)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.02 * random.standard_normal((count, 2)), label[:, None].astype("float32")


def train(activation, steps):
    """(network, losses): a classifier of the spirals with this activation; losses: (steps,)."""
    mg.backend.seed(0)
    random = np.random.default_rng(0)
    network = Sequential(Dense(2, 48), activation(), Dense(48, 48), activation(), Dense(48, 1))
    adam, losses = mg.optim.Adam(network.parameters(), lr=5e-3, betas=(0.9, 0.999)), []
    for _ in range(steps):
        points, labels = spirals(random, 128)
        logits, cache = network.forward(asarray(points.astype("float32")))  # (128, 1)
        loss, d_logits = mg.losses.bce_with_logits(logits, asarray(labels))
        adam.zero_grad()
        network.backward(d_logits, cache, input_grad=False)
        adam.step()
        losses.append(float(to_numpy(loss)))
    return network, np.array(losses)


def main(out, steps):
    x = asarray(np.random.default_rng(0).standard_normal((3, 5)))
    print(mg.gradcheck.check(Swish(), x), end="\n\n")
    try:
        mg.gradcheck.check(MissingTerm(), x)
    except mg.gradcheck.GradientError as error:
        print(f"rejected: {error}\n")

    results = {activation.__name__: train(activation, steps) for activation in (LeakyReLU, Swish)}
    for name, (network, losses) in results.items():
        betas = [round(float(to_numpy(child.beta.value)[0]), 2) for child in network.layers if isinstance(child, Swish)]
        print(f"{name:10} mean loss of the last 100 steps: {losses[-100:].mean():.4f}", end="")
        print(f"   learned β: {betas}" if betas else "")
    plot(out, results)
    print("\nThe base class provides the rest: parameter names, checkpoints, float64, and what the optimizer needs.")
    print(f"See {out}")


def plot(out, results):
    figure = mg.plots.new_figure(16, 4)
    curve, loss, *planes = figure.subplots(1, 4)
    x, layer, h = np.linspace(-6, 6, 241)[:, None], Swish().astype("float64"), 1e-4
    y, cache = layer.forward(asarray(x))
    dx = to_numpy(layer.backward(xp.ones_like(y), cache))
    differences = to_numpy(layer.forward(asarray(x + h))[0] - layer.forward(asarray(x - h))[0]) / (2 * h)
    curve.plot(x, to_numpy(y), label="y = x·σ(x)")
    curve.plot(x, dx, label="backward")
    curve.plot(x[::12], differences[::12], "k.", label="finite differences")
    curve.set(title="the layer and its derivative", xlabel="x")
    curve.legend(frameon=False)

    side = np.linspace(-1.1, 1.1, 120)
    grid = asarray(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).astype("float32"))  # (14400, 2)
    points, labels = spirals(np.random.default_rng(1), 600)
    for axes, (name, (network, losses)), colour in zip(
        planes, results.items(), ("tab:orange", "tab:blue"), strict=True
    ):
        loss.plot(mg.plots.smoothed(losses, 51), color=colour, label=name)
        probability = (1 + np.tanh(to_numpy(network.forward(grid)[0]) / 2)) / 2  # σ(logit), without overflow
        axes.imshow(probability.reshape(120, 120), extent=(-1.1, 1.1) * 2, origin="lower", cmap="RdBu", alpha=0.6)
        axes.scatter(*points.T, c=labels[:, 0], cmap="RdBu", s=6, edgecolors="0.3", linewidths=0.3)
        axes.set(title=f"{name}, {len(losses)} steps", xticks=[], yticks=[])
    loss.set(title="loss", xlabel="step", yscale="log")
    loss.legend(frameon=False)
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="your_own_layer.png", help="the image to write")
    parser.add_argument("--steps", type=int, default=1500, help="of training each network (default 1500)")
    main(**vars(parser.parse_args()))
