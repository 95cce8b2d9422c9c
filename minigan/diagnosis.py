"""What is going on in a run? The usual ways in which a GAN goes wrong, each recognized by numbers the run left behind.

A finding is a guess from curves, and says which numbers it rests on; the pictures in samples/ have the last word.
Every threshold below was set on real runs, most of which are kept in tests/recorded. D stands for the discriminator.
"""

import math
from dataclasses import dataclass

import numpy as np

from minigan.plots import smoothed

# D has won. Measured: loss 0.00 to 0.10 of balance, accuracies from 0.978, where the pictures stay bad; 0.09 and more,
# accuracies up to 0.994, where they are good. The two overlap, so the bound is where no good run has been seen to stay;
# in its first steps D is as far ahead in a good run, too.
WON_LOSS, WON_ACCURACY = 0.06, 0.98

# The generator's gradient is gone. Measured where all fakes are rejected: 0 to 0.016 of the run's strongest in lost
# games, 0.08 and more in the others. A fiftieth of what the minimax loss says at balance is left at D(G(z)) = 0.01.
VANISHED, REJECTED = 0.02, 0.99

# Samples are alike. Measured: 0 to 0.41 of real diversity where the grid shows one or two pictures again and again,
# 0.81 to 1.1 in good runs. Of ten classes good runs make all; one may be lost to the noise of a small sample.
COLLAPSED_DIVERSITY, HEALTHY_DIVERSITY, COLLAPSED_COVERAGE = 0.5, 0.7, 0.85

# D is worse than guessing. Measured: accuracy 0.18 to 0.43, loss 1.01 to 1.14 of balance where the generator outruns
# it; accuracy 0.48 and more, loss up to 1.01 elsewhere.
OUTRUN_ACCURACY, OUTRUN_LOSS = 0.47, 1.05

# Waves of D(x) or D(G(z)). Measured: 5 to 8 turns in runs with too much momentum or rate, none in good runs.
WAVE_SIZE = 0.1  # of the way from the target of fakes to that of real pictures
WAVE_TURNS = 4  # in the second half of the run: so four strokes, two whole waves
WAVE_STEPS = 100  # curves are averaged over so many steps: what is quicker is not a slow wave

# Balance. Measured in good runs that reach it: loss 0.82 to 1.00, accuracy 0.52 to 0.78, which moves by 0.04 to 0.11
# in the second half of the run; where a game swings, on its way to balance or around it, by 0.17 to 0.58.
BALANCED_LOSS, BALANCED_ACCURACY, STEADY = 0.7, 0.8, 0.15


@dataclass(frozen=True)
class Finding:
    """One thing that was found: what it is, the numbers it rests on, what to try, and the panels that show it."""

    name: str
    words: str
    evidence: dict[str, float]
    advice: str
    panels: tuple[str, ...] = ()


def diagnose(game):
    """The findings of a RecordedGame, the most severe first; never none: a run without trouble is told so."""
    looks = (vanishing_gradient, mode_collapse, discriminator_too_strong, discriminator_too_weak, oscillation)
    return [found for look in looks if (found := look(game))] or [healthy(game) or nothing_unusual(game)]


# --- the findings ----------------------------------------------------------------------------------------------


def vanishing_gradient(game):
    """The generator's gradient is nothing, or has become next to nothing while all its fakes are rejected.

    Two measures, for a game may be lost before its first reading. Over time: the gradient's length now, against the
    strongest running median (of 3) of the run. By formula: a minimax generator is told dL_G/dl = −D(G(z)) about each
    picture's logit l, so D(G(z)) / 0.5 is what is left of the signal at balance.
    """
    gradient = game.now("gradient_g")
    strongest = np.median(np.lib.stride_tricks.sliding_window_view(game.metrics["gradient_g"], 3), axis=1).max()
    left = [gradient / strongest if strongest > 0 else 0.0]
    minimax, score, accuracy = game.config.objective == "minimax", game.now("d_g_z"), game.now("accuracy_fake")
    if minimax:
        left.append(score / 0.5)
    if gradient > 0 and (min(left) >= VANISHED or accuracy < REJECTED):
        return None
    evidence = {"gradient of G": gradient, "share of its strongest": left[0]}
    evidence |= {"accuracy on fake": accuracy, "D(G(z))": score}
    words = "The generator's gradient has vanished: the loss no longer tells it how to do better."
    if minimax:
        advice = "the minimax loss is flat where D rejects a fake with certainty: take --objective non-saturating"
    else:
        advice = f"its output no longer moves, as where all pixels have saturated: a smaller --lr ({game.rates()})"
    return Finding("vanishing generator gradient", words, evidence, advice, ("gradient",))


def mode_collapse(game):
    """The generator makes few different pictures: low diversity of pixels, or classes that it does not make.

    The pictures of a generator that has learned nothing are alike as well: where D has won and they never were
    diverse, that is the finding, and not this one.
    """
    diversities, (coverage, lost) = game.diversities()[1], game.coverage()
    diversity = float(np.median(diversities[-3:])) if len(diversities) else math.nan
    alike, uneven = diversity < COLLAPSED_DIVERSITY, coverage is not None and coverage < COLLAPSED_COVERAGE
    if not (alike or uneven) or (has_won(game) and max(diversities, default=1) < COLLAPSED_DIVERSITY):
        return None
    evidence, seen = {}, []
    if len(diversities):
        evidence["diversity"] = diversity
    if alike:
        seen.append(f"its pictures differ from each other only {diversity:.0%} as much as real ones do")
    if uneven:
        evidence["share of classes made"] = coverage
        seen.append(f"{1 - coverage:.0%} of the classes are lost" + f" ({', '.join(lost)})" * bool(lost))
    advice = (
        f"look at samples/; then smaller rates ({game.rates()}), --betas 0.5 0.999, a larger --batch-size, or batch "
        "normalization in D (--model dcgan), which lets it see how alike the pictures of a batch are"
    )
    words = f"The generator has collapsed: {' and '.join(seen)}."
    return Finding("mode collapse", words, evidence, advice, ("diversity",))


def discriminator_too_strong(game):
    """Loss_D near the least it can be, and nearly every picture told apart, over the last part of the run."""
    if not has_won(game):
        return None
    words = "The discriminator has won: it tells real pictures and fakes apart with hardly a mistake."
    diversities = game.diversities()[1]
    if max(diversities, default=1) < COLLAPSED_DIVERSITY:
        words += " The pictures never were diverse: the generator has not begun to learn."
    elif min(diversities[-3:], default=0) >= HEALTHY_DIVERSITY and not mode_collapse(game):
        words += " The pictures are as varied as real ones; where they look right too, it does no harm yet."
    advice = (
        f"a smaller --discriminator-lr, fewer --discriminator-steps ({game.rates()}), --label-smoothing 0.1; "
        "where samples/ still get better, only patience"
    )
    return Finding("discriminator too strong", words, game.evidence(), advice, ("loss", "accuracy"))


def has_won(game):
    """Whether D tells nearly all pictures apart, and is sure of it."""
    return game.loss < WON_LOSS and min(game.now("accuracy_real"), game.now("accuracy_fake")) >= WON_ACCURACY


def discriminator_too_weak(game):
    """D is worse than guessing: the generator changes faster than D learns, so what D knows is out of date.

    Such a game can look balanced, with D(x) and D(G(z)) near the middle, while the pictures are noise.
    """
    if game.accuracy >= OUTRUN_ACCURACY and game.loss <= OUTRUN_LOSS:
        return None
    words = "The generator outruns the discriminator, which does worse than guessing and has nothing to teach."
    advice = f"a larger --discriminator-lr or a smaller --lr ({game.rates()})"
    return Finding("discriminator too weak", words, game.evidence(), advice, ("loss", "accuracy"))


def oscillation(game):
    """D(x) or D(G(z)) goes up and down in large slow waves, in the second half of the run.

    The curve is averaged over w rows (WAVE_STEPS steps); counted are its turns: the highs and lows of a zigzag whose
    strokes are all longer than `size`. Batch noise must not count. Rows of pure noise around a mean have a variance
    that shows in their successive differences, σ² = mean((xᵢ₊₁ − xᵢ)²) / 2 (von Neumann), to which a slow wave adds
    next to nothing. Averages over w rows then scatter by σ/√w, and a stroke has to be longer than four times that:

        size = max(WAVE_SIZE, 4·σ/√w)

    The middle 80 % of the averaged curve, which of noise spans only 2.6·σ/√w, has to span `size` as well, so that a few
    isolated jumps are no waves. Losses are not looked at: where D is sure, Loss_G is the logarithm of a number near 0
    and swings while nothing else does.
    """
    evidence: dict[str, float] = {}
    for name, column in (("D(x)", "d_x"), ("D(G(z))", "d_g_z")):
        curve, turns = waves(game, column)
        if len(turns) >= WAVE_TURNS:
            evidence |= {f"turns of {name}": len(turns), f"lowest {name}": min(curve[turns])}
            evidence[f"highest {name}"] = max(curve[turns])
    if not evidence:
        return None
    words = "The game oscillates: now one network is ahead, now the other, in slow waves that do not die out."
    betas = " ".join(f"{beta:g}" for beta in game.config.betas)
    advice = f"less momentum, --betas 0.5 0.999 (now {betas}), or smaller rates ({game.rates()})"
    return Finding("oscillation", words, evidence, advice, ("score",))


def healthy(game):
    """Loss_D near balance, accuracies steady and near one half, D(x) above D(G(z)); pictures as varied as real ones.

    The last only where it was measured. An accuracy is steady where the middle 80 % of its averaged curve spans little.
    """
    varied = min(game.diversities()[1][-3:], default=1) >= HEALTHY_DIVERSITY
    steady = max(span(averaged(game, game.metrics[f"accuracy_{kind}"])) for kind in ("real", "fake")) < STEADY
    balanced = game.loss > BALANCED_LOSS and game.accuracy < BALANCED_ACCURACY and game.now("d_x") > game.now("d_g_z")
    if not (varied and steady and balanced):
        return None
    words = "The game is healthy: D does a little better than guessing, and neither network runs away."
    advice = "let it go on while samples/ get better (the numbers see no quality), and score it with minigan evaluate"
    return Finding("healthy", words, game.evidence(), advice)


def nothing_unusual(game):
    """No known trouble, and no balance either: what is seen, no more."""
    words = f"Nothing unusual: D is right about {game.accuracy:.0%} of the pictures, and no known trouble shows."
    advice = "look at samples/; while they get better, the run only needs more steps"
    return Finding("nothing unusual", words, game.evidence(), advice)


def waves(game, column):
    """(averaged curve, turns) of a score in the second half of the run, see oscillation(); turns: indices into it."""
    values, window = game.position(column), _window(game)
    noise = math.sqrt(np.mean(np.diff(values[len(values) // 2 :]) ** 2) / 2 / window)
    curve, size = averaged(game, values), max(WAVE_SIZE, 4 * noise)
    return curve, turning_points(curve, size) if span(curve) >= size else []


def averaged(game, values):
    """A curve averaged over WAVE_STEPS steps, in the second half of the run."""
    return smoothed(values, _window(game))[len(values) // 2 :]


def _window(game):
    return max(3, round(WAVE_STEPS / np.median(np.diff(game.metrics["step"]))))


def span(curve):
    """What the middle 80 % of the values span: a few outliers count for nothing."""
    return float(np.ptp(np.quantile(curve, [0.1, 0.9])))


def turning_points(curve, size):
    """Indices of the highs and lows, in turn, of a zigzag whose strokes are all longer than `size`."""
    turns, low, high, rising = [], 0, 0, None  # rising: whether a stroke upwards is under way; None: not known yet
    for i, value in enumerate(curve):
        low, high = (i if value < curve[low] else low), (i if value > curve[high] else high)
        if rising is not False and curve[high] - value > size:
            turns.append(high)
            rising, low = False, i
        elif rising is not True and value - curve[low] > size:
            turns.append(low)
            rising, high = True, i
    return turns
