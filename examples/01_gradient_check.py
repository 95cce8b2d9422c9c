"""Is a hand-written gradient correct? Check a layer against finite differences, then break it and catch the error.

You will see two reports of the gradient checker: one for batch normalization, and one for the same layer with the most
common mistake, which treats the mean and the variance of the batch as constants. You will learn what a gradient check
computes and how it names a wrong gradient. The image compares both input gradients with finite differences.

    python examples/01_gradient_check.py            writes gradient_check.png
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy


class WrongBatchNorm(mg.layers.BatchNorm):
    """dx = γ / √(σ² + ε) · dy, as if μ and σ² did not depend on x."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        constant_statistics = cache._replace(train=False)  # that formula is correct in evaluation mode, and only there
        return super().backward(dy, constant_statistics, param_grads, input_grad)


def input_gradient(layer, x, dy):
    """dx (N, C) by the layer's backward pass, for an output gradient dy (N, C)."""
    _, cache = layer.forward(asarray(x))
    return to_numpy(layer.backward(asarray(dy), cache))


def finite_differences(layer, x, dy, h=1e-5):
    """dx (N, C) = ∂⟨dy, y⟩/∂x, one element at a time: (⟨dy, y(x + h)⟩ − ⟨dy, y(x − h)⟩) / 2h."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[i] = h
        above, below = ((to_numpy(layer.forward(asarray(x + s))[0]) * dy).sum() for s in (step, -step))
        gradient[i] = (above - below) / (2 * h)
    return gradient


def main(out):
    random = np.random.default_rng(0)
    x, dy = random.standard_normal((2, 12, 1))  # (12, 1) each
    correct = mg.layers.BatchNorm(1).astype("float64")
    wrong = WrongBatchNorm(1).astype("float64")

    print(mg.gradcheck.check(correct, asarray(x)), end="\n\n")
    try:
        mg.gradcheck.check(wrong, asarray(x))
    except mg.gradcheck.GradientError as error:
        print(f"caught: {error}")

    gradients = {
        "finite differences": finite_differences(correct, x, dy),
        "backward": input_gradient(correct, x, dy),
        "backward, μ and σ² as constants": input_gradient(wrong, x, dy),
    }
    plot(out, gradients)
    print(f"\nThe grey and blue bars agree; the orange ones are the gradient of another function. See {out}")


def plot(out, gradients):
    figure = mg.plots.new_figure(8, 3.5)
    axes = figure.subplots()
    for index, ((name, dx), colour) in enumerate(
        zip(gradients.items(), ("0.75", "tab:blue", "tab:orange"), strict=True)
    ):
        axes.bar(np.arange(len(dx)) + 0.25 * (index - 1), dx.ravel(), 0.25, color=colour, label=name)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel="element of the batch", ylabel="dx", title="input gradient of batch normalization")
    axes.legend(frameon=False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="gradient_check.png", help="the image to write")
    main(**vars(parser.parse_args()))
