"""Batch normalization in training and in evaluation: what changes, and what it does to one and the same input.

You will see four panels. A layer's inputs before and after normalization. The running statistics as they approach the
true ones. The output for one fixed input: in training mode it depends on who else is in the batch, the more so the
smaller the batch; in evaluation mode it never moves. And what that means for a sample of a generator: in training mode
it changes with its neighbours' noise.

    python examples/03_batch_normalization.py       writes batch_normalization.png
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

MEAN, DEVIATION = 3.0, 2.0  # of the inputs; the layer does not know them


def inputs(random, count):
    return random.normal(MEAN, DEVIATION, (count, 1))


def running_statistics(random, steps=60, batch=32):
    """The layer's estimates after each batch in training mode: (steps, 2), mean and variance."""
    layer = mg.layers.BatchNorm(1).astype("float64")
    history = []
    for _ in range(steps):
        layer.forward(asarray(inputs(random, batch)), train=True)
        history.append([float(to_numpy(layer.running_mean)[0]), float(to_numpy(layer.running_var)[0])])
    return layer, np.array(history)


def outputs_for(x, layer, random, batch, train, repeats=200):
    """The output for the input x, in `repeats` batches of random neighbours."""
    outputs = []
    for _ in range(repeats):
        rows = inputs(random, batch)
        rows[0] = x
        outputs.append(float(to_numpy(layer.forward(asarray(rows), train=train)[0])[0, 0]))
    return np.array(outputs)


def main(out):
    random = np.random.default_rng(0)
    layer, history = running_statistics(random)
    x = inputs(random, 2000)
    normalized = to_numpy(layer.forward(asarray(x), train=True)[0])
    print(f"input:               mean {x.mean():6.3f}, deviation {x.std():.3f}")
    print(f"after the layer:     mean {normalized.mean():6.3f}, deviation {normalized.std():.3f} (training mode)")
    print(
        f"running statistics:  mean {history[-1, 0]:6.3f}, variance {history[-1, 1]:.3f} after {len(history)} batches"
    )

    figure, ((before, running), (one, samples)) = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
    bins = np.linspace(-6, 11, 70)
    before.hist(x.ravel(), bins, color="0.7", label="before")
    before.hist(normalized.ravel(), bins, color="tab:blue", alpha=0.7, label="after")
    before.set(title="2,000 inputs, before and after", xlabel="value")
    before.legend(frameon=False)

    for column, (name, true, colour) in enumerate(
        (("mean", MEAN, "tab:blue"), ("variance", DEVIATION**2, "tab:orange"))
    ):
        running.plot(history[:, column], color=colour, label=f"running {name}")
        running.axhline(true, color=colour, linestyle="--", linewidth=0.8)
    running.set(title="running statistics: 0.9·old + 0.1·batch", xlabel="batches seen in training mode", ylim=0)
    running.legend(frameon=False)

    frozen = mg.layers.BatchNorm(1).astype("float64")  # for evaluation: the true statistics
    frozen.running_mean[...], frozen.running_var[...] = MEAN, DEVIATION**2
    sizes = [2, 4, 8, 16, 32, 64, 128, 256]
    x0 = MEAN + DEVIATION  # one deviation above the mean: should become 1
    in_training = [outputs_for(x0, mg.layers.BatchNorm(1).astype("float64"), random, n, train=True) for n in sizes]
    in_evaluation = outputs_for(x0, frozen, random, 2, train=False)
    middle, spread = np.array([values.mean() for values in in_training]), np.array([v.std() for v in in_training])
    one.errorbar(sizes, middle, spread, fmt="o", color="tab:blue", capsize=3, label="training mode: mean ± deviation")
    one.axhline(in_evaluation.mean(), color="tab:orange", label="evaluation mode: always the same")
    one.set(
        xscale="log",
        xticks=sizes,
        xticklabels=sizes,
        xlabel="batch size",
        title="the output for one input, whoever is beside it",
    )
    one.legend(frameon=False)
    print(f"\nOutput for x = {x0:g}, with 200 different sets of neighbours:")
    for n, values in zip(sizes, in_training, strict=True):
        print(f"  training mode, batch of {n:3}: {values.mean():.3f} ± {values.std():.3f}")
    print(f"  evaluation mode, any batch:  {in_evaluation.mean():.3f} ± {in_evaluation.std():.3f}")

    mg.backend.seed(0)
    generator, _ = mg.models.dcgan(width=8)
    z = mg.backend.random.normal((64, 128))
    for _ in range(60):  # the running statistics begin at 0 and 1, and need some batches to forget that
        generator.forward(mg.backend.random.normal((64, 128)))
    pixel = {}
    for mode, train in (("training", True), ("evaluation", False)):
        pixel[mode] = []
        for _ in range(24):
            noise = mg.backend.random.normal((64, 128))
            noise[0] = z[0]
            pixel[mode].append(float(to_numpy(generator.forward(noise, train=train)[0])[0, 16, 16, 0]))
    samples.plot(pixel["training"], "o-", color="tab:blue", markersize=4, label="training mode")
    samples.plot(pixel["evaluation"], color="tab:orange", label="evaluation mode")
    samples.set(title="one pixel of one sample of a generator", xlabel="batch: the same z, other neighbours")
    samples.legend(frameon=False)

    figure.savefig(out, dpi=110)
    print(f"\nA sample is a function of its own z only in evaluation mode: minigan sample uses it. See {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="batch_normalization.png")
    main(**vars(parser.parse_args()))
