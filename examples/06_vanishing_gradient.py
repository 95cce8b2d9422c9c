"""Why the generator's gradient vanishes: what each loss tells it if real and generated samples are far apart.

You will see two Gaussians move apart. Their Jensen–Shannon divergence, which the minimax game minimizes, levels off at
log 2; so does the χ²(p + q ‖ 2q) of LSGAN's paper, at 2 (Pearson's χ²(q ‖ p) would not). The divergence therefore does
not explain which loss works: the gradient with respect to the discriminator's output does. If a sample is rejected,
the minimax loss sends back nothing and the non-saturating one the most; the least-squares one sends back more, the
further the output is from its target. The third panel measures the gradient that reaches a sample through a trained
discriminator.

    python examples/06_vanishing_gradient.py        writes vanishing_gradient.png
"""

import argparse

import numpy as np

import minigan as mg
from minigan.backend import asarray, to_numpy

GRID = np.linspace(-12, 20, 16001)  # for numerical integration
OBJECTIVES = {
    "minimax": mg.losses.Minimax(),
    "non-saturating": mg.losses.NonSaturating(),
    "least squares, (−1, 1, 0)": mg.losses.LeastSquares(-1, 1, 0),
}


def normal_density(x, mean):
    return np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)


def jensen_shannon(p, q):
    """JSD(p, q) = (∫ p·log(2p / (p + q)) dx + ∫ q·log(2q / (p + q)) dx) / 2, for densities on GRID."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(a > 0, a * np.log(2 * a / (p + q)), 0) for a in (p, q)]
    return np.trapezoid(sum(terms), GRID) / 2


def pearson(a, b):
    """χ²(a ‖ b) = ∫ (b − a)² / a dx, in the notation of the LSGAN paper."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.trapezoid(np.where(a > 0, (b - a) ** 2 / a, 0), GRID)


def gradient_at_fakes(objective, distance, steps, batch=256):
    """(mean |∂L_G/∂x|, accuracy) on samples of N(distance, 1), after training D to tell them from those of N(0, 1).

    L_G is a mean over the batch, so the gradient is multiplied by the batch size to be that of one sample.
    """
    random = np.random.default_rng(0)
    mg.backend.seed(0)
    dense, activation = mg.layers.Dense, mg.layers.LeakyReLU
    discriminator = mg.layers.Sequential(dense(1, 32), activation(), dense(32, 32), activation(), dense(32, 1))
    adam = mg.optim.Adam(discriminator.parameters(), lr=5e-3)
    for _ in range(steps):
        real, fake = random.standard_normal((batch, 1)), random.standard_normal((batch, 1)) + distance
        x = asarray(np.concatenate([real, fake]).astype("float32"))  # (2·batch, 1)
        logits, cache = discriminator.forward(x)
        _, d_real, d_fake = objective.discriminator(logits[:batch], logits[batch:])
        adam.zero_grad()
        discriminator.backward(mg.gan.concatenate(d_real, d_fake), cache, input_grad=False)
        adam.step()
    logits, cache = discriminator.forward(x[batch:])
    _, d_logits = objective.generator(logits)
    dx = discriminator.backward(d_logits, cache, param_grads=False)
    accuracy = (to_numpy(objective.discriminator_output(logits)) < objective.threshold).mean()
    return batch * np.abs(to_numpy(dx)).mean(), float(accuracy)


def main(out, steps):
    distances = np.linspace(0, 8, 81)
    p, q = normal_density(GRID, 0), [normal_density(GRID, d) for d in distances]
    divergences = {
        "Jensen–Shannon: at most log 2": np.array([jensen_shannon(p, b) for b in q]),
        "LSGAN's χ²(p + q ‖ 2q): at most 2": np.array([pearson(p + b, 2 * b) for b in q]),
        "Pearson's χ²(q ‖ p) = exp(d²) − 1": np.expm1(distances**2),
    }
    jsd, chi2, _ = divergences.values()
    print("d      JSD     slope   χ²(p+q‖2q)   slope")
    for i in range(0, 81, 20):
        slopes = np.gradient(jsd, distances)[i], np.gradient(chi2, distances)[i]
        print(f"{distances[i]:.0f}{jsd[i]:10.4f}{slopes[0]:9.5f}{chi2[i]:11.4f}{slopes[1]:11.5f}")

    outputs = np.linspace(-6, 6, 241)[:, None]  # of D for one generated sample
    gradients = {  # L_G is a mean over the 241 outputs
        name: len(outputs) * to_numpy(objective.generator(asarray(outputs))[1])
        for name, objective in OBJECTIVES.items()
    }

    measured = {}
    print("\nmean |∂L_G/∂x| at a generated sample, after D was trained; in brackets, D's accuracy on these samples")
    for name, objective in OBJECTIVES.items():
        measured[name] = [gradient_at_fakes(objective, d, steps) for d in np.arange(0.5, 8.1, 1.5)]
        pairs = zip(np.arange(0.5, 8.1, 1.5), measured[name], strict=True)
        print(f"{name:26}", *(f"d={d}: {gradient:.4f} ({accuracy:.0%}) " for d, (gradient, accuracy) in pairs))

    plot(out, distances, divergences, outputs, gradients, measured, steps)
    print("\nWhether the generator learns depends on its loss at the outputs of the discriminator at hand, not on the")
    print(f"divergence that it would minimize against an optimal one. See {out}")


def plot(out, distances, divergences, outputs, gradients, measured, steps):
    figure = mg.plots.new_figure(15, 4.6)
    left, middle, right = figure.subplots(1, 3)
    for (name, values), colour in zip(divergences.items(), ("tab:red", "tab:green", "0.5"), strict=True):
        left.plot(distances, values, color=colour, label=name)
    left.set(ylim=(-0.1, 3), xlabel="distance d of two Gaussians", title="divergence, for an optimal D")
    for name, colour in zip(OBJECTIVES, ("tab:red", "tab:blue", "tab:green"), strict=True):
        middle.plot(outputs, gradients[name], color=colour, label=name)
        means = [gradient for gradient, _ in measured[name]]
        right.plot(np.arange(0.5, 8.1, 1.5), means, "o-", color=colour, label=name)
    middle.axhline(0, color="black", linewidth=0.8)
    middle.axvspan(-6, -3, color="0.92", label="logits of samples rejected with certainty")
    middle.set(xlabel="D's output for a generated sample, before any sigmoid", ylabel="∂L_G / ∂output")
    middle.set(title="gradient of each loss")
    right.set(xlabel="distance d of two Gaussians", yscale="log")
    right.set(title=f"mean |∂L_G/∂x|, D trained for {steps} steps")
    for axes in (left, middle, right):
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="vanishing_gradient.png", help="the image to write")
    parser.add_argument("--steps", type=int, default=300, help="of training each discriminator (default 300)")
    main(**vars(parser.parse_args()))
