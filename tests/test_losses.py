"""What gradient checks cannot see: extreme logits, values known in closed form, refusals."""

import math

import numpy as np
import pytest

from minigan import losses
from minigan.backend import asarray, to_numpy


def column(*values):
    return asarray(np.array(values, np.float64).reshape(-1, 1))


def value(loss):
    return to_numpy(loss).item()


def test_bce_with_logits_is_exact_for_extreme_logits():
    loss, gradient = losses.bce_with_logits(column(1000.0, -1000.0), column(0.0, 1.0))
    assert value(loss) == 1000
    assert to_numpy(gradient).ravel().tolist() == [0.5, -0.5]
    loss, gradient = losses.bce_with_logits(column(1000.0, -1000.0, -800.0), column(1.0, 0.0, 0.0))
    assert value(loss) == 0
    assert not to_numpy(gradient).any()
    assert value(losses.bce_with_logits(column(-40.0), column(0.0))[0]) == pytest.approx(math.exp(-40), rel=1e-12)


def test_bce_of_probabilities_0_and_1_is_held_at_100():
    loss, gradient = losses.bce(column(0.0, 1.0), column(1.0, 0.0))
    assert value(loss) == pytest.approx(100, rel=1e-4)
    assert np.isfinite(to_numpy(gradient)).all()
    assert value(losses.bce(column(0.0, 1.0), column(0.0, 1.0))[0]) == 0


def test_a_game_in_balance():
    """Where every logit is 0, D says 1/2 to all: L_D = log 4 and V = −log 4 (Goodfellow et al. 2014, theorem 1)."""
    zeros = column(0.0, 0.0, 0.0)
    assert value(losses.NonSaturating().discriminator(zeros, zeros)[0]) == pytest.approx(math.log(4))
    assert value(losses.NonSaturating().generator(zeros)[0]) == pytest.approx(math.log(2))
    assert value(losses.Minimax().discriminator(zeros, zeros)[0]) == pytest.approx(math.log(4))
    assert value(losses.Minimax().generator(zeros)[0]) == pytest.approx(-math.log(2))
    assert value(losses.LeastSquares(-1, 1, 0).discriminator(zeros, zeros)[0]) == pytest.approx(1)


def test_only_the_saturating_gradient_vanishes_where_fakes_are_rejected():
    rejected = column(-20.0)
    assert abs(value(losses.Minimax().generator(rejected)[1])) < 1e-8
    assert value(losses.NonSaturating().generator(rejected)[1]) == pytest.approx(-1)
    assert value(losses.LeastSquares().generator(rejected)[1]) == -21


def test_least_squares_codings():
    """L_D = E(D(x) − b)²/2 + E(D(G(z)) − a)²/2, L_G = E(D(G(z)) − c)²/2, by hand."""
    objective = losses.LeastSquares(a=-1, b=1, c=0)
    loss, d_real, d_fake = objective.discriminator(column(3.0, 1.0), column(0.0, 2.0))
    assert value(loss) == pytest.approx((4 + 0) / 4 + (1 + 9) / 4)
    assert to_numpy(d_real).ravel().tolist() == [1, 0]
    assert to_numpy(d_fake).ravel().tolist() == [0.5, 1.5]
    assert value(objective.generator(column(0.0, 2.0))[0]) == 1
    assert objective.threshold == 0


def test_softmax_does_not_overflow():
    logits = asarray(np.array([[1000.0, 0.0], [0.0, -1000.0]]))
    loss, gradient = losses.softmax_cross_entropy(logits, asarray(np.array([0, 1])))
    assert value(loss) == 500
    assert np.isfinite(to_numpy(gradient)).all()


@pytest.mark.parametrize("loss", [losses.bce_with_logits, losses.bce, losses.least_squares])
def test_unequal_shapes_are_refused(loss):
    """(N, 1) against (N,) would broadcast to N × N."""
    with pytest.raises(ValueError, match=r"of one shape, got \(3, 1\) and \(3,\)"):
        loss(column(0.1, 0.2, 0.3), asarray(np.zeros(3)))
    with pytest.raises(ValueError, match="softmax_cross_entropy: expected logits"):
        losses.softmax_cross_entropy(asarray(np.zeros((3, 2))), asarray(np.zeros((3, 1), int)))


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, -1, 1]])
def test_labels_out_of_range_are_refused(labels):
    """A label without a column would count as a loss of 0."""
    with pytest.raises(ValueError, match="expected labels from 0 to 1"):
        losses.softmax_cross_entropy(asarray(np.zeros((3, 2))), np.array(labels))
