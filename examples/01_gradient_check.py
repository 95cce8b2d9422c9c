"""Is a hand-written gradient right? Check one layer against finite differences, then break it and see it caught.

You will see two tables: batch normalization as minigan computes it, and the same with the commonest mistake in it,
the batch's mean and variance taken for constants. The picture shows the two input gradients beside the true one.

    python examples/01_gradient_check.py            writes gradient_check.png
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy


class WrongBatchNorm(mg.layers.BatchNorm):
    """dx = γ / √(σ² + ε) · dy, as if μ and σ² did not depend on x."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        *statistics, _, version = cache
        constants = (*statistics, False, version)
        return super().backward(dy, constants, param_grads, input_grad)


def input_gradient(layer, x, dy):
    _, cache = layer.forward(asarray(x))
    return to_numpy(layer.backward(asarray(dy), cache))


def finite_differences(layer, x, dy, h=1e-5):
    """∂⟨dy, y⟩/∂x, one element of x at a time."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[i] = h
        above, below = ((to_numpy(layer.forward(asarray(x + s))[0]) * dy).sum() for s in (step, -step))
        gradient[i] = (above - below) / (2 * h)
    return gradient


def main(out):
    random = np.random.default_rng(0)
    x, dy = random.standard_normal((2, 12, 1))
    right, wrong = (kind(1).astype("float64") for kind in (mg.layers.BatchNorm, WrongBatchNorm))

    print(mg.gradcheck.check(right, asarray(x)), end="\n\n")
    try:
        mg.gradcheck.check(wrong, asarray(x))
    except mg.gradcheck.GradientError as error:
        print(f"caught: {error}")

    figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
    places = np.arange(len(x))
    axes.bar(places - 0.25, finite_differences(right, x, dy).ravel(), 0.25, color="0.75", label="finite differences")
    axes.bar(places, input_gradient(right, x, dy).ravel(), 0.25, color="tab:blue", label="backward")
    axes.bar(places + 0.25, input_gradient(wrong, x, dy).ravel(), 0.25, color="tab:orange", label="μ, σ² as constants")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel="element of the batch", ylabel="dx", title="input gradient of batch normalization")
    axes.legend(frameon=False)
    figure.savefig(out, dpi=110)
    print(f"\nGrey and blue agree in every element; orange is the gradient of another function. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="gradient_check.png")
    main(**vars(parser.parse_args()))
