"""Losses, and the objectives that a GAN is trained with. Each loss returns (value, gradient).

Values are means over the elements and stay on the device; gradients have the shape of the first argument.
"""

import math
from typing import Any

import numpy as np

from minigan import ops
from minigan.backend import Array, xp
from minigan.errors import unknown_name
from minigan.ops.labels import require_labels


def bce_with_logits(logits: Array, targets: Array | float) -> tuple[Array, Array]:
    """Binary cross-entropy of σ(l) against t ∈ [0, 1], computed without log σ(l), which could overflow.

        L = mean( max(l, 0) − l·t + log(1 + e^(−|l|)) )      dL/dl = (σ(l) − t) / n

    An infinite logit has the limit of its term: 0 for +∞ with t = 1 and −∞ with t = 0, otherwise ∞.
    logits, targets: one shape, or one number for all targets. Returns (loss, gradient). Raises ValueError for unequal
    shapes or an empty batch, TypeError for logits that are not floating-point numbers.
    """
    targets = require_loss_inputs("bce_with_logits", "logits", logits, "targets", targets)
    return ops.bce_with_logits(logits, targets)


def bce(probabilities: Array, targets: Array) -> tuple[Array, Array]:
    """Binary cross-entropy of probabilities p ∈ [0, 1] against t, in the form found in textbooks.

        L = −mean( t·log p + (1 − t)·log(1 − p) )      dL/dp = (p − t) / (p·(1 − p)) / n

    Logarithms are clamped at −100 and p·(1 − p) at 10⁻¹², as in PyTorch; if p comes from a sigmoid, use
    bce_with_logits, which is accurate everywhere. probabilities, targets: one shape. Returns (loss, gradient). Raises
    ValueError for unequal shapes or an empty batch, TypeError for probabilities that are not floating-point numbers.
    """
    p, t = probabilities, require_loss_inputs("bce", "probabilities", probabilities, "targets", targets)
    tiny = 3.720075976020836e-44  # e⁻¹⁰⁰
    log_p = xp.log(xp.maximum(p, tiny))
    log_not_p = xp.log(xp.maximum(1 - p, tiny))
    gradient = (p - t) / xp.maximum(p * (1 - p), 1e-12) / p.size
    return -(t * log_p + (1 - t) * log_not_p).mean(), gradient


def least_squares(predictions: Array, targets: Array | float) -> tuple[Array, Array]:
    """Half the mean squared error, as in the LSGAN paper: L = mean((y − t)²) / 2, dL/dy = (y − t) / n.

    predictions, targets: one shape, or one number for all targets. Returns (loss, gradient). Source: Mao et al. 2017,
    equation 2. Raises ValueError for unequal shapes or an empty batch, TypeError for predictions that are not
    floating-point numbers.
    """
    targets = require_loss_inputs("least_squares", "predictions", predictions, "targets", targets)
    return ops.least_squares(predictions, targets)


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array]:
    """Cross-entropy of softmax(l) against class labels: L = mean(log Σₖ e^(lₖ) − l_label).

        dL/dl = (softmax(l) − onehot(label)) / N

    A class whose logit is −∞, or too far below the largest for the dtype, has probability 0.
    logits: (N, K), labels: (N,) integers in [0, K). Returns (loss, gradient). Raises ValueError for other shapes or
    labels and for an empty batch, TypeError for logits that are not floating-point numbers.
    """
    require_floating("softmax_cross_entropy", "logits", logits)
    if logits.ndim != 2 or logits.size == 0 or np.shape(labels) != logits.shape[:1]:
        raise ValueError(
            "softmax_cross_entropy: expected logits of shape (N, K) and labels of shape (N,), N and K at least 1, "
            f"got {tuple(logits.shape)} and {tuple(np.shape(labels))}"
        )
    n, classes = logits.shape
    labels = require_labels("softmax_cross_entropy", labels, classes)
    onehot = labels[:, None] == xp.arange(classes)  # (N, K)
    with np.errstate(over="ignore"):  # lₖ − max may be below the smallest number: −∞ is right, and e^(−∞) = 0
        shifted = logits - logits.max(axis=1, keepdims=True)  # e^(lₖ − max) cannot overflow
    exponentials = xp.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    log_softmax = shifted - xp.log(total)
    loss = -xp.where(onehot, log_softmax, 0).sum() / n  # not onehot · log_softmax: 0·∞ is not a number
    return loss, (exponentials / total - onehot) / n


class Objective:
    """What the two networks are trained for: a loss for each, and its gradient with respect to the logits.

    A subclass implements discriminator() and generator(). The attributes describe what the discriminator's output
    means; training and diagnosis read them, and the defaults are those of a discriminator that outputs the logit of
    a probability.

    logistic: D(x) = σ(logit), a probability; if False, D(x) is the logit itself.
    real_target, fake_target: the values of D(x) that the discriminator is trained towards.
    threshold: above it, D(x) means "real". balance: the discriminator's loss if it can only guess.
    smallest_loss: the discriminator's loss at best. settings: the run settings that the constructor takes, by name.
    """

    logistic: bool = True
    real_target: float = 1.0
    fake_target: float = 0.0
    threshold: float = 0.5
    balance: float = math.log(4)
    smallest_loss: float = 0.0
    settings: tuple[str, ...] = ()

    def discriminator(self, real: Array, fake: Array) -> tuple[Array, Array, Array]:
        """(loss, d_real, d_fake) from the logits of real and generated images, (N, 1) each."""
        raise NotImplementedError(f"{type(self).__name__} has no discriminator loss")

    def generator(self, fake: Array) -> tuple[Array, Array]:
        """(loss, d_fake) from the logits of generated images, (N, 1)."""
        raise NotImplementedError(f"{type(self).__name__} has no generator loss")

    def discriminator_output(self, logits: Array) -> Array:
        """D(x) from the logits, any shape: σ(logit), the probability of "real", or the logit itself."""
        return ops.sigmoid(logits) if self.logistic else logits


class NonSaturating(Objective):
    """The objective that DCGAN is trained with (Goodfellow et al. 2014, section 3).

        L_D = −E log D(x) − E log(1 − D(G(z)))      L_G = −E log D(G(z))

    The generator maximizes log D(G(z)) instead of minimizing log(1 − D(G(z))): the fixed point is the same, and the
    gradient is strong when the discriminator is confident.

    label_smoothing: one-sided label smoothing (Salimans et al. 2016, section 3.4): the target of real images is
    1 − label_smoothing, which penalizes overconfidence; generated images keep 0, and the generator keeps 1.
    Logits: (N, 1). Raises ValueError for a label_smoothing outside [0, 0.5).
    """

    settings = ("label_smoothing",)

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 0.5:
            raise ValueError(f"{type(self).__name__}: expected a label_smoothing in [0, 0.5), got {label_smoothing}")
        self.real_target = t = 1 - label_smoothing
        if t < 1:
            self.smallest_loss = -t * math.log(t) - (1 - t) * math.log(1 - t)  # D(x) = t: the entropy of the target

    def discriminator(self, real: Array, fake: Array) -> tuple[Array, Array, Array]:
        """(loss, d_real, d_fake) from logits, (N, 1) each."""
        loss_real, d_real = bce_with_logits(real, self.real_target)
        loss_fake, d_fake = bce_with_logits(fake, 0)
        return loss_real + loss_fake, d_real, d_fake

    def generator(self, fake: Array) -> tuple[Array, Array]:
        """(loss, d_fake) from logits, (N, 1)."""
        return bce_with_logits(fake, 1)


class Minimax(NonSaturating):
    """The minimax game as first published (Goodfellow et al. 2014, equation 1): min_G max_D V(D, G).

        V = E log D(x) + E log(1 − D(G(z)))      L_D = −V      L_G = E log(1 − D(G(z)))

    With l the logit, log(1 − σ(l)) = −max(l, 0) − log(1 + e^(−|l|)), and its gradient is −σ(l): it vanishes if the
    discriminator rejects a sample with certainty. Logits: (N, 1).
    """

    def generator(self, fake: Array) -> tuple[Array, Array]:
        """(loss, d_fake) from logits, (N, 1)."""
        loss, d_fake = bce_with_logits(fake, 0)
        return -loss, -d_fake


class LeastSquares(Objective):
    """LSGAN: D(x) is the discriminator's output without a sigmoid (Mao et al. 2017, equation 2).

        L_D = E (D(x) − b)² / 2 + E (D(G(z)) − a)² / 2      L_G = E (D(G(z)) − c)² / 2

    a: the target of generated images; b: that of real ones; c: the value that the generator wants D(G(z)) to have.
    (0, 1, 1) is the usual choice; with (−1, 1, 0), for which b − c = 1 and b − a = 2, the generator minimizes, against
    the best discriminator, Pearson's χ²(p_data + p_g ‖ 2·p_g). Outputs: (N, 1).
    """

    logistic = False
    settings = ("targets",)

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        self.a, self.b, self.c = a, b, c
        self.fake_target, self.real_target = a, b
        self.threshold = (a + b) / 2
        self.balance = (b - a) ** 2 / 4  # D(x) is the threshold everywhere

    def discriminator(self, real: Array, fake: Array) -> tuple[Array, Array, Array]:
        """(loss, d_real, d_fake) from outputs, (N, 1) each."""
        loss_real, d_real = least_squares(real, self.b)
        loss_fake, d_fake = least_squares(fake, self.a)
        return loss_real + loss_fake, d_real, d_fake

    def generator(self, fake: Array) -> tuple[Array, Array]:
        """(loss, d_fake) from outputs, (N, 1)."""
        return least_squares(fake, self.c)


# The registry of objectives: `minigan train --objective NAME`. A new one needs a line here and nothing else.
OBJECTIVES: dict[str, type[Objective]] = {
    "non-saturating": NonSaturating,
    "minimax": Minimax,
    "least-squares": LeastSquares,
}


def make_objective(name: str, settings: dict[str, Any]) -> Objective:
    """Build the objective registered as `name`, from those run `settings` that its class takes and that are not None.

    A setting that is a tuple, such as the three targets of LeastSquares, is passed as positional arguments. Raises
    UserError for an unknown name.
    """
    if name not in OBJECTIVES:
        raise unknown_name("objective", name, list(OBJECTIVES))
    kind = OBJECTIVES[name]
    given = {key: settings[key] for key in kind.settings if settings.get(key) is not None}
    positional = [number for value in given.values() if isinstance(value, tuple) for number in value]
    return kind(*positional, **{key: value for key, value in given.items() if not isinstance(value, tuple)})


def require_loss_inputs(loss: str, name: str, array: Array, target_name: str, target: Any) -> Any:
    """Return `target`, a number or an array, in a type that keeps the loss and its gradient in the dtype of `array`.

    Raises TypeError unless `array` is of floating-point numbers and `target` of real ones, ValueError unless `target`
    is a number or has the shape of `array`, and if `array` is empty. The message names the loss.
    """
    require_floating(loss, name, array)
    if array.size == 0:
        raise ValueError(f"{loss}: expected {name} of at least one element, got an empty batch {tuple(array.shape)}")
    if isinstance(target, (int, float)):
        return float(target)  # a NumPy scalar would determine the dtype of the result
    if getattr(target, "dtype", np.dtype(object)).kind not in "fiub":
        kind = getattr(target, "dtype", type(target).__name__)
        raise TypeError(f"{loss}: expected {target_name} to be a number or an array of real numbers, got {kind}")
    # Unequal shapes would broadcast: (N,) against (N, 1) gives an N×N mean and a wrong gradient, silently.
    if array.shape != target.shape:
        raise ValueError(
            f"{loss}: expected {name} and {target_name} of one shape, "
            f"got {tuple(array.shape)} and {tuple(target.shape)}"
        )
    return target.astype(array.dtype, copy=False)


def require_floating(loss: str, name: str, array: Array) -> None:
    """Raise TypeError unless `array` has a floating-point dtype: integers would wrap around or be rounded, silently."""
    dtype = getattr(array, "dtype", None)
    if dtype is None or dtype.kind != "f":
        got = type(array).__name__ if dtype is None else dtype
        raise TypeError(f"{loss}: expected {name} to be an array of a floating-point dtype, got {got}")
