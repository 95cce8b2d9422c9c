"""Losses, and the three objectives of the GAN game. Each returns (value, gradient).

Values are means over the elements and stay on the device; gradients have the shape of the first argument.
"""

import math

from minigan import ops
from minigan.backend import xp
from minigan.labels import require_labels


def bce_with_logits(logits, targets):
    """Binary cross entropy of σ(l) against t ∈ [0, 1], without ever computing log σ(l).

        L = mean( max(l, 0) − l·t + log(1 + e^(−|l|)) )      dL/dl = (σ(l) − t) / n

    logits, targets: one shape, or one number for all targets. Returns (loss, gradient). Raises ValueError for unequal
    shapes.
    """
    require_equal_shapes("bce_with_logits", "logits", logits, "targets", targets)
    return ops.bce_with_logits(logits, targets)


def bce(probabilities, targets):
    """Binary cross entropy of probabilities p ∈ [0, 1] against t, the form that formulas are taught in.

        L = −mean( t·log p + (1 − t)·log(1 − p) )      dL/dp = (p − t) / (p·(1 − p)) / n

    Logarithms are held at −100 and p·(1 − p) at 10⁻¹², as in PyTorch; where p comes from a sigmoid,
    bce_with_logits is exact everywhere. probabilities, targets: one shape. Raises ValueError for unequal ones.
    """
    require_equal_shapes("bce", "probabilities", probabilities, "targets", targets)
    p, t = probabilities, targets
    tiny = 3.720075976020836e-44  # e⁻¹⁰⁰
    log_p = xp.log(xp.maximum(p, tiny))
    log_not_p = xp.log(xp.maximum(1 - p, tiny))
    gradient = (p - t) / xp.maximum(p * (1 - p), 1e-12) / p.size
    return -(t * log_p + (1 - t) * log_not_p).mean(), gradient


def least_squares(scores, targets):
    """Half the mean squared error, as in the LSGAN paper: L = mean((s − t)²) / 2, dL/ds = (s − t) / n.

    scores, targets: one shape, or one number for all targets. Source: Mao et al. 2017, equation 2. Raises ValueError
    for unequal shapes.
    """
    require_equal_shapes("least_squares", "scores", scores, "targets", targets)
    return ops.least_squares(scores, targets)


def softmax_cross_entropy(logits, labels):
    """Cross entropy of softmax(l) against class labels: L = mean(log Σₖ e^(lₖ) − l_label).

        dL/dl = (softmax(l) − onehot(label)) / N

    logits: (N, K), labels: (N,) integers in [0, K). Raises ValueError for other shapes or labels.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "softmax_cross_entropy: expected logits of shape (N, K) and labels of shape (N,), "
            f"got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    n, classes = logits.shape
    labels = require_labels("softmax_cross_entropy", labels, classes)
    onehot = (labels[:, None] == xp.arange(classes)).astype(logits.dtype)  # (N, K)
    shifted = logits - logits.max(axis=1, keepdims=True)  # e^(lₖ − max) cannot overflow
    exponentials = xp.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    log_softmax = shifted - xp.log(total)
    return -(onehot * log_softmax).sum() / n, (exponentials / total - onehot) / n


class NonSaturating:
    """The objective that DCGAN trains with, on logits (Goodfellow et al. 2014, section 3).

        L_D = −E log D(x) − E log(1 − D(G(z)))      L_G = −E log D(G(z))

    The generator maximizes log D(G(z)) in place of minimizing log(1 − D(G(z))): the same fixed point, and a
    strong gradient where the discriminator is sure of itself.

    smoothing: one-sided label smoothing (Salimans et al. 2016, section 3.4): real pictures have the target
    1 − smoothing, so that being sure of them is punished; fakes keep 0, and the generator keeps 1.
    Raises ValueError for a smoothing outside [0, 0.5).
    """

    def __init__(self, smoothing=0.0):
        if not 0 <= smoothing < 0.5:
            raise ValueError(f"{type(self).__name__}: expected a smoothing in [0, 0.5), got {smoothing}")
        self.real_target = 1 - smoothing

    def discriminator(self, real, fake):
        """(loss, d_real, d_fake) from logits, (N, 1) each."""
        loss_real, d_real = bce_with_logits(real, self.real_target)
        loss_fake, d_fake = bce_with_logits(fake, 0)
        return loss_real + loss_fake, d_real, d_fake

    def generator(self, fake):
        """(loss, d_fake) from logits, (N, 1)."""
        return bce_with_logits(fake, 1)

    def score(self, output):
        """D(x), the probability of "real" that people read: σ(logit)."""
        return ops.sigmoid(output)

    logistic = True  # a score is σ(output)
    threshold = 0.5  # a score above it says "real"
    balance = math.log(4)  # L_D where the discriminator can only guess


class Minimax(NonSaturating):
    """The game as it is first written (Goodfellow et al. 2014, equation 1): min_G max_D V(D, G), on logits.

        V = E log D(x) + E log(1 − D(G(z)))      L_D = −V      L_G = E log(1 − D(G(z)))

    With l the logit, log(1 − σ(l)) = −max(l, 0) − log(1 + e^(−|l|)), and its gradient is −σ(l): it vanishes
    where the discriminator rejects a sample with certainty.
    """

    def generator(self, fake):
        """(loss, d_fake) from logits, (N, 1)."""
        loss, d_fake = bce_with_logits(fake, 0)
        return -loss, -d_fake


class LeastSquares:
    """LSGAN, on raw scores (Mao et al. 2017, equation 2).

        L_D = E (D(x) − b)² / 2 + E (D(G(z)) − a)² / 2      L_G = E (D(G(z)) − c)² / 2

    a: the target of a fake, b: of a real picture, c: what the generator wants the discriminator to say.
    (0, 1, 1) is the usual coding; with (−1, 1, 0), where b − c = 1 and b − a = 2, what the game against the best
    discriminator minimizes is Pearson's χ²(p_data + p_g ‖ 2·p_g).
    """

    def __init__(self, a=0.0, b=1.0, c=1.0):
        self.a, self.b, self.c = a, b, c
        self.logistic = False  # a score is the output itself
        self.threshold = (a + b) / 2
        self.balance = (b - a) ** 2 / 4  # L_D where every score is the threshold

    def discriminator(self, real, fake):
        """(loss, d_real, d_fake) from raw scores, (N, 1) each."""
        loss_real, d_real = least_squares(real, self.b)
        loss_fake, d_fake = least_squares(fake, self.a)
        return loss_real + loss_fake, d_real, d_fake

    def generator(self, fake):
        """(loss, d_fake) from raw scores, (N, 1)."""
        return least_squares(fake, self.c)

    def score(self, output):
        """The raw score itself: it is pulled towards b for real pictures and towards a for fakes."""
        return output


OBJECTIVES = {
    "non-saturating": NonSaturating,
    "minimax": Minimax,
    "least-squares": LeastSquares,
}


def require_equal_shapes(loss, name, array, target_name, target):
    """Raise ValueError unless `target` is a number or has the shape of `array`; the message names the loss."""
    # Unequal shapes would broadcast: (N,) against (N, 1) gives an N×N mean and a wrong gradient, silently.
    if not isinstance(target, (int, float)) and array.shape != target.shape:
        raise ValueError(
            f"{loss}: expected {name} and {target_name} of one shape, "
            f"got {tuple(array.shape)} and {tuple(target.shape)}"
        )
