"""Batch normalization in training mode and in evaluation mode: what differs, and what that means for a sample.

You will see four panels: the inputs of a layer before and after normalization; the running statistics as they approach
the true mean and variance; the output for one fixed input, which in training mode depends on the rest of the batch (the
more so the smaller the batch) and in evaluation mode does not; and one pixel of a generated image, which in training
mode depends on the noise of the other images in the batch. You will learn why samples are drawn in evaluation mode.

    python examples/03_batch_normalization.py       writes batch_normalization.png
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

MEAN, STD = 3.0, 2.0  # of the inputs; the layer has to estimate them
SIZES = (2, 4, 8, 16, 32, 64, 128, 256)  # of the batches


def inputs(random, count):
    """(count, 1)"""
    return random.normal(MEAN, STD, (count, 1))


def running_statistics(random, steps=60, batch=32):
    """(layer, history): the layer's running mean and variance after each batch in training mode, (steps, 2)."""
    layer = mg.layers.BatchNorm(1).astype("float64")
    history = []
    for _ in range(steps):
        layer.forward(asarray(inputs(random, batch)), train=True)
        history.append([float(to_numpy(layer.running_mean)[0]), float(to_numpy(layer.running_var)[0])])
    return layer, np.array(history)


def outputs_for(x, layer, random, batch, train, repeats=200):
    """The output for the input x in `repeats` batches, (repeats,); the rest of each batch is random."""
    outputs = []
    for _ in range(repeats):
        rows = inputs(random, batch)
        rows[0] = x
        outputs.append(float(to_numpy(layer.forward(asarray(rows), train=train)[0])[0, 0]))
    return np.array(outputs)


def pixel_of_a_sample(train, batches=24):
    """One pixel of G(z) for one fixed z in several batches, (batches,); the rest of each batch is other noise."""
    mg.backend.seed(0)
    generator, _ = mg.models.dcgan(width=8)
    z = mg.backend.random.normal((64, 128))
    for _ in range(60):  # the running statistics start at mean 0 and variance 1, and need some batches to adapt
        generator.forward(mg.backend.random.normal((64, 128)))
    values = []
    for _ in range(batches):
        noise = mg.backend.random.normal((64, 128))
        noise[0] = z[0]
        images, _ = generator.forward(noise, train=train)  # (64, 32, 32, 3)
        values.append(float(to_numpy(images)[0, 16, 16, 0]))
    return np.array(values)


def main(out):
    random = np.random.default_rng(0)
    layer, history = running_statistics(random)
    x = inputs(random, 2000)
    y = to_numpy(layer.forward(asarray(x), train=True)[0])
    print(f"input:               mean {x.mean():6.3f}, std {x.std():.3f}")
    print(f"output:              mean {y.mean():6.3f}, std {y.std():.3f} (training mode)")
    print(f"running statistics:  mean {history[-1, 0]:6.3f}, var {history[-1, 1]:.3f} (after {len(history)} batches)")

    x0 = MEAN + STD  # one standard deviation above the mean, so the output should be 1
    training = [outputs_for(x0, mg.layers.BatchNorm(1).astype("float64"), random, n, train=True) for n in SIZES]
    layer.running_mean[...], layer.running_var[...] = MEAN, STD**2  # as if it had seen all of the data
    evaluation = outputs_for(x0, layer, random, 2, train=False)
    print(f"\nOutput for x = {x0:g}, over 200 batches that share nothing else:")
    for n, values in zip(SIZES, training, strict=True):
        print(f"  training mode, batches of {n:3}:  {values.mean():.3f} ± {values.std():.3f}")
    print(f"  evaluation mode, any batch:    {evaluation.mean():.3f} ± {evaluation.std():.3f}")

    pixels = {"training mode": pixel_of_a_sample(train=True), "evaluation mode": pixel_of_a_sample(train=False)}
    plot(out, x, y, history, training, evaluation, pixels)
    print(
        "\nOnly in evaluation mode is a generated image a function of its own noise alone; so minigan sample uses it."
    )
    print(f"See {out}")


def plot(out, x, y, history, training, evaluation, pixels):
    figure = mg.plots.new_figure(11, 7)
    (values, running), (one, samples) = figure.subplots(2, 2)
    bins = np.linspace(-6, 11, 70)
    values.hist(x.ravel(), bins, color="0.7", label="before")
    values.hist(y.ravel(), bins, color="tab:blue", alpha=0.7, label="after")
    values.set(title="2,000 inputs, before and after normalization", xlabel="value")

    for column, (name, true) in enumerate((("mean", MEAN), ("variance", STD**2))):
        running.plot(history[:, column], color=("tab:blue", "tab:orange")[column], label=f"running {name}")
        running.axhline(true, color=("tab:blue", "tab:orange")[column], linestyle="--", linewidth=0.8)
    running.set(title="running statistics: 0.9·old + 0.1·batch; dashed: true", xlabel="batches", ylim=0)

    means, stds = np.array([values.mean() for values in training]), np.array([values.std() for values in training])
    one.errorbar(SIZES, means, stds, fmt="o", color="tab:blue", capsize=3, label="training mode: mean ± std")
    one.axhline(evaluation.mean(), color="tab:orange", label="evaluation mode: always the same")
    one.set(xscale="log", xticks=SIZES, xticklabels=SIZES, xlabel="batch size")
    one.set(title="output for one fixed input in random batches")

    for (mode, pixel), style, colour in zip(pixels.items(), ("o-", "-"), ("tab:blue", "tab:orange"), strict=True):
        samples.plot(pixel, style, color=colour, markersize=4, label=mode)
    samples.set(title="one pixel of G(z) for one fixed z", xlabel="batch; the other noise vectors differ")
    for axes in (values, running, one, samples):
        axes.legend(frameon=False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="batch_normalization.png", help="the image to write")
    main(**vars(parser.parse_args()))
