"""What is happening in a run? The usual failures of a GAN, each recognized by numbers that the run logged.

A finding is a guess from curves, and names the numbers it is based on; the images in samples/ have the last word.
Every threshold below was set on real runs, most of which are kept in tests/recorded. D is the discriminator, G the
generator.
"""

import math
from dataclasses import dataclass

import numpy as np

from minigan.evaluation.history import Curve, RunHistory
from minigan.plots import smoothed

# D has won. Measured: loss 0.00 to 0.10 of balance, accuracies from 0.978, if the images stay bad; 0.09 and more,
# accuracies up to 0.994, if they are good. The two overlap, so the bound is a level at which no good run has been seen
# to stay; in its first steps, D is that far ahead in good runs as well.
WON_LOSS, WON_ACCURACY = 0.06, 0.98

# The generator's gradient is gone. Measured while all fakes are rejected: 0 to 0.016 of the run's strongest if the
# run has failed, 0.08 and more in the others. At D(G(z)) = 0.01, the minimax loss passes on a fiftieth of its gradient
# at balance.
VANISHED, REJECTED = 0.02, 0.99

# Samples are alike. Measured: 0 to 0.41 of real diversity if the grid repeats one or two images, 0.81 to 1.1 in good
# runs. Good runs generate all of ten classes; one may be missed in a small, noisy sample.
COLLAPSED_DIVERSITY, HEALTHY_DIVERSITY, COLLAPSED_COVERAGE = 0.5, 0.7, 0.85

# D is worse than guessing. Measured: accuracy 0.18 to 0.43, loss 1.01 to 1.14 of balance if the generator outruns it;
# accuracy 0.48 and more, loss up to 1.01 otherwise.
OUTRUN_ACCURACY, OUTRUN_LOSS = 0.47, 1.05

# Waves of D(x) or D(G(z)). Measured: 5 to 8 turns in runs with too much momentum or too high a rate, none in good runs.
WAVE_SIZE = 0.1  # of the distance between the targets of generated and of real images
WAVE_TURNS = 4  # in the second half of the run, which makes four strokes, two whole waves
WAVE_STEPS = 100  # curves are averaged over this many steps: anything faster is not a slow wave

# Balance. Measured in good runs that reach it: loss 0.82 to 1.00, accuracy 0.52 to 0.78, which varies by 0.04 to 0.11
# in the second half of the run; in runs that swing, on their way to balance or around it, by 0.17 to 0.58.
BALANCED_LOSS, BALANCED_ACCURACY, STEADY = 0.7, 0.8, 0.15


@dataclass(frozen=True)
class Finding:
    """One finding: its name, an explanation, the numbers behind it, advice, and the panels that show it."""

    name: str
    words: str
    evidence: dict[str, float]
    advice: str
    panels: tuple[str, ...] = ()

    @property
    def seen(self) -> str:
        """The evidence as text."""
        return ", ".join(f"{name} {value:.3g}" for name, value in self.evidence.items())


def diagnose(history: RunHistory) -> list[Finding]:
    """The findings of a run, the most severe first; a run without trouble gets a finding as well."""
    checks = (vanishing_gradient, mode_collapse, discriminator_too_strong, discriminator_too_weak, oscillation)
    findings = [finding for check in checks if (finding := check(history))]
    return findings or [healthy(history) or nothing_unusual(history)]


# --- the findings ----------------------------------------------------------------------------------------------


def vanishing_gradient(history: RunHistory) -> Finding | None:
    """The generator's gradient is zero, or has become almost zero while all its images are rejected.

    Two measures, because a run may have failed before its first row. Over time: the norm of the gradient now, relative
    to the largest running median (of 3) of the run. By formula: the minimax loss has dL_G/dl = −D(G(z)) for the logit
    l of each image, so D(G(z)) / 0.5 is the share of the signal at balance that is left.
    """
    gradient = history.recent("gradient_g")
    medians = np.median(np.lib.stride_tricks.sliding_window_view(history.metrics["gradient_g"], 3), axis=1)
    strongest = medians.max()
    left = [gradient / strongest if strongest > 0 else 0.0]
    d_g_z, accuracy = history.recent("d_g_z"), history.recent("accuracy_fake")
    minimax = history.config.objective == "minimax"
    if minimax:
        left.append(d_g_z / 0.5)
    if gradient > 0 and (min(left) >= VANISHED or accuracy < REJECTED):
        return None
    evidence = {"gradient of G": gradient, "share of its maximum": left[0]}
    evidence |= {"accuracy on fake": accuracy, "D(G(z))": d_g_z}
    words = "The generator's gradient has vanished: the loss no longer tells it how to improve."
    if minimax:
        advice = "the minimax loss is flat if D is certain that an image is fake: use --objective non-saturating"
    else:
        advice = (
            "the generator's output no longer changes, for example because all pixels are saturated: use a smaller "
            f"--lr ({history.learning_settings()})"
        )
    return Finding("vanishing generator gradient", words, evidence, advice, ("gradient",))


def mode_collapse(history: RunHistory) -> Finding | None:
    """The generator has little variety: low diversity of pixels, or classes that it does not generate.

    The images of a generator that has learned nothing are alike as well: if D has won and they were never diverse, the
    finding is that D is too strong, and not mode collapse.
    """
    diversities, (coverage, missing) = history.diversities()[1], history.coverage()
    diversity = float(np.median(diversities[-3:])) if len(diversities) else math.nan
    alike, uneven = diversity < COLLAPSED_DIVERSITY, coverage is not None and coverage < COLLAPSED_COVERAGE
    if not (alike or uneven) or (has_won(history) and max(diversities, default=1) < COLLAPSED_DIVERSITY):
        return None
    evidence, symptoms = {}, []
    if len(diversities):
        evidence["diversity"] = diversity
    if alike:
        symptoms.append(f"its images differ from each other only {diversity:.0%} as much as real ones")
    if coverage is not None and uneven:
        evidence["share of classes generated"] = coverage
        names = f" ({', '.join(missing)})" if missing else ""
        symptoms.append(f"{1 - coverage:.0%} of the classes are missing{names}")
    advice = (
        f"inspect samples/; then try lower learning rates ({history.learning_settings()}), --betas 0.5 0.999, a larger "
        "--batch-size, or batch normalization in D (--model dcgan), which shows it how alike the images of a batch are"
    )
    words = f"The generator has collapsed: {' and '.join(symptoms)}."
    return Finding("mode collapse", words, evidence, advice, ("diversity",))


def discriminator_too_strong(history: RunHistory) -> Finding | None:
    """Loss_D is close to its minimum, and D classifies nearly every image correctly, in the last quarter of the run."""
    if not has_won(history):
        return None
    words = "The discriminator has won: it tells real and generated images apart with hardly a mistake."
    diversities = history.diversities()[1]
    if max(diversities, default=1) < COLLAPSED_DIVERSITY:
        words += " The images were never diverse: the generator has not begun to learn."
    elif min(diversities[-3:], default=0) >= HEALTHY_DIVERSITY and not mode_collapse(history):
        words += " The images are as varied as real ones; if they look right as well, it does no harm yet."
    advice = (
        f"a smaller --discriminator-lr, fewer --discriminator-steps ({history.learning_settings()}), "
        "--label-smoothing 0.1; if samples/ still improve, only patience"
    )
    return Finding("discriminator too strong", words, history.evidence(), advice, ("loss", "accuracy"))


def has_won(history: RunHistory) -> bool:
    """Whether D classifies nearly all images correctly, and is certain of it."""
    accuracy = min(history.recent("accuracy_real"), history.recent("accuracy_fake"))
    return history.relative_loss < WON_LOSS and accuracy >= WON_ACCURACY


def discriminator_too_weak(history: RunHistory) -> Finding | None:
    """D is worse than guessing: the generator changes faster than D learns, so what D has learned is out of date.

    Such a run can look balanced, with D(x) and D(G(z)) near the middle, while the images are noise.
    """
    if history.accuracy >= OUTRUN_ACCURACY and history.relative_loss <= OUTRUN_LOSS:
        return None
    words = "The generator outruns the discriminator, which does worse than guessing and so cannot teach it anything."
    advice = f"a larger --discriminator-lr or a smaller --lr ({history.learning_settings()})"
    return Finding("discriminator too weak", words, history.evidence(), advice, ("loss", "accuracy"))


def oscillation(history: RunHistory) -> Finding | None:
    """D(x) or D(G(z)) rises and falls in large slow waves, in the second half of the run.

    The curve is averaged over w rows (WAVE_STEPS steps), and its turns are counted: the highs and lows of a zigzag
    whose strokes are all longer than `size`. Batch noise must not count. Rows of pure noise around a mean have a
    variance that shows in their successive differences, σ² = mean((xᵢ₊₁ − xᵢ)²) / 2 (von Neumann), to which a slow
    wave adds almost nothing. Averages over w rows then scatter by σ/√w, and a stroke has to be longer than four times
    that:

        size = max(WAVE_SIZE, 4·σ/√w)

    The middle 80 % of the averaged curve, which for noise spans only 2.6·σ/√w, has to span `size` as well, so that a
    few isolated jumps do not count as waves. Losses are not used: if D is certain, Loss_G is the logarithm of a number
    near 0 and swings while nothing else does.
    """
    evidence: dict[str, float] = {}
    for name, column in (("D(x)", "d_x"), ("D(G(z))", "d_g_z")):
        curve, turns = waves(history, column)
        if len(turns) >= WAVE_TURNS:
            evidence |= {f"turns of {name}": len(turns), f"lowest {name}": min(curve[turns])}
            evidence[f"highest {name}"] = max(curve[turns])
    if not evidence:
        return None
    words = "The networks oscillate: they take turns at being ahead, in slow waves that do not die out."
    betas = " ".join(f"{beta:g}" for beta in history.config.betas)
    advice = f"less momentum, --betas 0.5 0.999 (now {betas}), or lower learning rates ({history.learning_settings()})"
    return Finding("oscillation", words, evidence, advice, ("output",))


def healthy(history: RunHistory) -> Finding | None:
    """Loss_D near balance, accuracies steady and near one half, D(x) above D(G(z)); images as varied as real ones.

    The variety counts only if it was measured. An accuracy is steady if the middle 80 % of its averaged curve span
    little.
    """
    varied = min(history.diversities()[1][-3:], default=1) >= HEALTHY_DIVERSITY
    accuracies = [averaged(history, history.metrics[f"accuracy_{kind}"]) for kind in ("real", "fake")]
    steady = max(map(span, accuracies)) < STEADY
    balanced = history.relative_loss > BALANCED_LOSS and history.accuracy < BALANCED_ACCURACY
    if not (varied and steady and balanced and history.recent("d_x") > history.recent("d_g_z")):
        return None
    words = "The run is healthy: D does a little better than guessing, and neither network runs away."
    advice = (
        "continue while samples/ improve, since these numbers do not measure quality, and score the run with minigan "
        "evaluate"
    )
    return Finding("healthy", words, history.evidence(), advice)


def nothing_unusual(history: RunHistory) -> Finding:
    """No known failure, and no balance either: only a description."""
    words = f"Nothing unusual: D classifies {history.accuracy:.0%} of the images correctly, and no known failure shows."
    advice = "inspect samples/; while they improve, the run only needs more steps"
    return Finding("nothing unusual", words, history.evidence(), advice)


# --- waves -----------------------------------------------------------------------------------------------------


def waves(history: RunHistory, column: str) -> tuple[Curve, list[int]]:
    """(averaged curve, turns) of D(x) or D(G(z)) in the second half of the run; turns: indices into the curve.

    See oscillation() for the definition.
    """
    values, window = history.relative_output(column), _window(history)
    noise = math.sqrt(np.mean(np.diff(values[len(values) // 2 :]) ** 2) / 2 / window)
    curve, size = averaged(history, values), max(WAVE_SIZE, 4 * noise)
    return curve, turning_points(curve, size) if span(curve) >= size else []


def averaged(history: RunHistory, values: Curve) -> Curve:
    """A curve averaged over WAVE_STEPS steps, in the second half of the run."""
    return smoothed(values, _window(history))[len(values) // 2 :]


def _window(history: RunHistory) -> int:
    """WAVE_STEPS in rows of metrics.csv."""
    return max(3, round(WAVE_STEPS / np.median(np.diff(history.metrics["step"]))))


def span(curve: Curve) -> float:
    """The range of the middle 80 % of the values, which ignores a few outliers."""
    return float(np.ptp(np.quantile(curve, [0.1, 0.9])))


def turning_points(curve: Curve, size: float) -> list[int]:
    """Indices of the highs and lows, in turn, of a zigzag whose strokes are all longer than `size`."""
    turns: list[int] = []
    low, high = 0, 0  # indices of the extreme values since the last turn
    rising: bool | None = None  # the direction of the current stroke; None before the first one
    for i, value in enumerate(curve):
        low, high = (i if value < curve[low] else low), (i if value > curve[high] else high)
        if rising is not False and curve[high] - value > size:
            turns.append(high)
            rising, low = False, i
        elif rising is not True and value - curve[low] > size:
            turns.append(low)
            rising, high = True, i
    return turns
