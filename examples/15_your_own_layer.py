"""Write a layer of your own in twenty lines, check its gradient, and train with it.

You will see Swish, x·σ(βx) with a β that is learned: its curve, its derivative against finite differences, and a small
network with it beside one with LeakyReLU, on points of two spirals. The check is run on the layer as it is, and on
the same layer with a factor forgotten, which it refuses. Copy the class below and put your own formula in its place.

    python examples/15_your_own_layer.py            writes your_own_layer.png
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy, xp
from minigan.layers import Dense, Layer, LeakyReLU, Sequential
from minigan.layers.base import Param


class Swish(Layer):
    """y = x·s with s = σ(βx); dy/dx = s + βx·s·(1 − s), dy/dβ = x²·s·(1 − s). x: any shape; beta: (1,)."""

    def __init__(self):
        self.beta = Param(np.ones(1, "float32"))

    def forward(self, x, train=True):
        s = 1 / (1 + xp.exp(-self.beta.cast(x.dtype) * x))
        return x * s, (x, s, self.beta.version)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, s, version = cache
        self.beta.require_version(version, self)
        if param_grads:
            self.beta.grad += (dy * x * x * s * (1 - s)).sum().reshape(1)
        return dy * (s + self.beta.cast(x.dtype) * x * s * (1 - s)) if input_grad else None


class ForgottenFactor(Swish):
    """The product rule without its second term."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, input_grad=False)
        return dy * cache[1]


def spirals(random, count):
    """Points (N, 2) on two spirals, and which one each is of: (N, 1)."""
    label = np.arange(count) % 2
    turn = np.sqrt(random.random(count)) * 3 * np.pi
    angle = turn + np.pi * label
    points = (turn / 10)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.02 * random.standard_normal((count, 2)), label[:, None].astype("float32")


def train(activation, steps=1500):
    """The network, and its losses on the way."""
    mg.backend.seed(0)
    random = np.random.default_rng(0)
    network = Sequential(Dense(2, 48), activation(), Dense(48, 48), activation(), Dense(48, 1))
    adam, losses = mg.optim.Adam(network.parameters(), lr=5e-3, betas=(0.9, 0.999)), []
    for _ in range(steps):
        points, labels = spirals(random, 128)
        logits, cache = network.forward(asarray(points.astype("float32")))
        loss, gradient = mg.losses.bce_with_logits(logits, asarray(labels))
        adam.zero_grad()
        network.backward(gradient, cache, input_grad=False)
        adam.step()
        losses.append(float(to_numpy(loss)))
    return network, losses


def main(out):
    print(mg.gradcheck.check(Swish(), asarray(np.random.default_rng(0).standard_normal((3, 5)))), end="\n\n")
    try:
        mg.gradcheck.check(ForgottenFactor(), asarray(np.random.default_rng(0).standard_normal((3, 5))))
    except mg.gradcheck.GradientError as error:
        print(f"refused: {error}\n")

    figure, axes = plt.subplots(1, 4, figsize=(16, 4), layout="constrained")
    x, layer, h = np.linspace(-6, 6, 241)[:, None], Swish().astype("float64"), 1e-4
    y, cache = layer.forward(asarray(x))
    dx = to_numpy(layer.backward(xp.ones_like(y), cache))
    differences = to_numpy(layer.forward(asarray(x + h))[0] - layer.forward(asarray(x - h))[0]) / (2 * h)
    axes[0].plot(x, to_numpy(y), label="y = x·σ(x)")
    axes[0].plot(x, dx, label="backward")
    axes[0].plot(x[::12], differences[::12], "k.", label="finite differences")
    axes[0].set(title="the layer and its derivative", xlabel="x")
    axes[0].legend(frameon=False)

    side = np.linspace(-1.1, 1.1, 120)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    points, labels = spirals(np.random.default_rng(1), 600)
    for index, (activation, colour) in enumerate(((LeakyReLU, "tab:orange"), (Swish, "tab:blue"))):
        network, losses = train(activation)
        axes[1].plot(mg.plots.smoothed(losses, 51), color=colour, label=activation.__name__)
        probability = (1 + np.tanh(to_numpy(network.forward(asarray(plane.astype("float32")))[0]) / 2)) / 2  # σ(logit)
        ax = axes[2 + index]
        ax.imshow(probability.reshape(120, 120), extent=(-1.1, 1.1) * 2, origin="lower", cmap="RdBu", alpha=0.6)
        ax.scatter(*points.T, c=labels[:, 0], cmap="RdBu", s=6, edgecolors="0.3", linewidths=0.3)
        ax.set(title=f"{activation.__name__}, {len(losses)} steps", xticks=[], yticks=[])
        betas = [round(float(to_numpy(child.beta.value)[0]), 2) for child in network.layers if isinstance(child, Swish)]
        print(f"{activation.__name__:10} loss of the last 100 steps: {np.mean(losses[-100:]):.4f}", end="")
        print(f"   β learned: {betas}" if betas else "")
    axes[1].set(title="loss", xlabel="steps", yscale="log")
    axes[1].legend(frameon=False)
    figure.savefig(out, dpi=100)
    print(f"\nEverything else came from the base class: names, checkpoints, float64, the optimizer's view. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="your_own_layer.png")
    main(**vars(parser.parse_args()))
