"""What gradient checks cannot see: extreme logits, values in closed form, errors, and objectives of your own."""

import math

import numpy as np
import pytest

import minigan as mg
from minigan import losses, ops
from minigan.backend import asarray, to_numpy
from minigan.errors import UserError
from minigan.ops import elementwise
from minigan.training.metrics import GanMetrics


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


def test_bce_of_probabilities_0_and_1_is_clamped_at_100():
    loss, gradient = losses.bce(column(0.0, 1.0), column(1.0, 0.0))
    assert value(loss) == pytest.approx(100, rel=1e-4)
    assert np.isfinite(to_numpy(gradient)).all()
    assert value(losses.bce(column(0.0, 1.0), column(0.0, 1.0))[0]) == 0


def test_losses_at_equilibrium():
    """If every logit is 0, D(x) is 1/2: L_D = log 4 and V = −log 4 (Goodfellow et al. 2014, theorem 1)."""
    zeros = column(0.0, 0.0, 0.0)
    assert value(losses.NonSaturating().discriminator(zeros, zeros)[0]) == pytest.approx(math.log(4))
    assert value(losses.NonSaturating().generator(zeros)[0]) == pytest.approx(math.log(2))
    assert value(losses.Minimax().discriminator(zeros, zeros)[0]) == pytest.approx(math.log(4))
    assert value(losses.Minimax().generator(zeros)[0]) == pytest.approx(-math.log(2))
    assert value(losses.LeastSquares(-1, 1, 0).discriminator(zeros, zeros)[0]) == pytest.approx(1)


def test_only_the_saturating_gradient_vanishes_if_fakes_are_rejected():
    rejected = column(-20.0)
    assert abs(value(losses.Minimax().generator(rejected)[1])) < 1e-8
    assert value(losses.NonSaturating().generator(rejected)[1]) == pytest.approx(-1)
    assert value(losses.LeastSquares().generator(rejected)[1]) == -21


def test_least_squares_with_other_targets():
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
    """A label without a column would add nothing to the loss."""
    with pytest.raises(ValueError, match="expected labels from 0 to 1"):
        losses.softmax_cross_entropy(asarray(np.zeros((3, 2))), np.array(labels))


class Hinge(losses.Objective):
    """L_D = E max(0, 1 − l(x)) + E max(0, 1 + l(G(z))), L_G = −E l(G(z)), with l the logit (Lim and Ye 2017).

    It has the two methods that an objective needs, and nothing else.
    """

    def discriminator(self, real, fake):
        below, above = (1 - real > 0).astype(real.dtype), (1 + fake > 0).astype(fake.dtype)
        loss = ((1 - real) * below).mean() + ((1 + fake) * above).mean()
        return loss, -below / real.size, above / fake.size

    def generator(self, fake):
        return -fake.mean(), 0 * fake - 1 / fake.size


def test_an_objective_of_your_own_has_the_right_gradients():
    real, fake = column(-2.0, 0.5, 3.0), column(-3.0, -0.5, 2.0)
    mg.gradcheck.check(Hinge().discriminator, real, fake)
    mg.gradcheck.check(Hinge().generator, fake)


def test_an_objective_of_your_own_trains_both_networks():
    stream = mg.backend.RandomStream(0)
    networks = mg.models.dense_gan((4, 4, 1), latent_dim=3, width=4, random=stream)
    optimizer_g, optimizer_d = (mg.optim.Adam(network.parameters()) for network in networks)
    real, z = stream.uniform((8, 4, 4, 1)), stream.normal((8, 3))
    objective = Hinge()
    metrics = GanMetrics(objective)
    for _ in range(3):
        before = [network.state_dict() for network in networks]
        loss_d = mg.gan.discriminator_step(*networks, real, z, objective, optimizer_d, metrics.add_logits)
        loss_g = mg.gan.generator_step(*networks, z, objective, optimizer_g)
        metrics.add_loss_d(loss_d)
        metrics.add_loss_g(loss_g)
        metrics.count()
        for state, network in zip(before, networks, strict=True):
            params = [name for name, _ in network.named_parameters()]
            assert all((network.state_dict()[name] != state[name]).any() for name in params)
    row = metrics.read()
    assert all(np.isfinite(number) for number in row.values())
    assert 0 < row["d_x"] < 1  # σ(logit), the default


def test_metrics_follow_the_attributes_of_an_objective_of_your_own():
    class HingeOfOutputs(Hinge):
        logistic = False
        threshold = 0.0

    real, fake = (asarray(np.array(values, "float32").reshape(-1, 1)) for values in ([2.0, -1.0], [-3.0, -0.25]))
    rows = []
    for objective in (Hinge(), HingeOfOutputs()):
        metrics = GanMetrics(objective)
        metrics.add_logits(real, fake)
        metrics.add_loss_d(asarray(np.array(1.5)))
        metrics.add_loss_g(asarray(np.array(-0.5)))
        metrics.count()
        rows.append(metrics.read())
        assert (rows[-1]["loss_d"], rows[-1]["loss_g"]) == (1.5, -0.5)
        assert (rows[-1]["accuracy_real"], rows[-1]["accuracy_fake"]) == (0.5, 1)
    sigmoid = 1 / (1 + np.exp(-np.array([[2.0, -1.0], [-3.0, -0.25]])))
    np.testing.assert_allclose([rows[0]["d_x"], rows[0]["d_g_z"]], sigmoid.mean(axis=1), rtol=1e-6)
    assert (rows[1]["d_x"], rows[1]["d_g_z"]) == (0.5, -1.625)


def test_an_objective_of_your_own_can_be_registered(monkeypatch):
    class Scaled(Hinge):
        settings = ("label_smoothing", "targets")

        def __init__(self, a=1.0, b=2.0, label_smoothing=0.0):
            self.arguments = (a, b, label_smoothing)

    monkeypatch.setitem(losses.OBJECTIVES, "hinge", Hinge)
    monkeypatch.setitem(losses.OBJECTIVES, "scaled", Scaled)
    settings = {"label_smoothing": 0.1, "targets": None, "lr": 2e-4}
    assert type(losses.make_objective("hinge", settings)) is Hinge  # it takes no settings, and gets none
    assert losses.make_objective("scaled", settings).arguments == (1, 2, 0.1)
    assert losses.make_objective("scaled", settings | {"targets": (3.0, 4.0)}).arguments == (3, 4, 0.1)


def test_registered_objectives_take_their_own_settings():
    settings = {"label_smoothing": 0.1, "targets": (-1.0, 1.0, 0.0)}
    assert losses.make_objective("non-saturating", settings).real_target == 0.9
    least_squares = losses.make_objective("least-squares", settings)
    assert (least_squares.a, least_squares.b, least_squares.c) == (-1, 1, 0)
    with pytest.raises(UserError, match="unknown objective 'minmax': did you mean 'minimax'"):
        losses.make_objective("minmax", {})


def test_an_objective_without_losses_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="Objective has no discriminator loss"):
        losses.Objective().discriminator(column(0.0), column(0.0))
    with pytest.raises(NotImplementedError, match="Objective has no generator loss"):
        losses.Objective().generator(column(0.0))


LOSSES = [losses.bce_with_logits, losses.bce, losses.least_squares]
by_name = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("logits", "label", "expected", "gradient"),
    [
        ([-np.inf, 0, 0], 2, math.log(2), [0, 0.5, -0.5]),
        ([-np.inf, 0, 0], 0, np.inf, [-1, 0.5, 0.5]),
        ([0, -np.inf, -np.inf], 0, 0, [0, 0, 0]),
        ([3e38, -3e38], 0, 0, [0, 0]),
        ([1e38, 1e38, -3e38], 1, math.log(2), [0.5, -0.5, 0]),
        ([200, 100, 0], 1, 100, [1, -1, 0]),
    ],
)
def test_softmax_beside_minus_infinity_and_over_huge_ranges(dtype, logits, label, expected, gradient):
    loss, d_logits = losses.softmax_cross_entropy(asarray(np.array([logits], dtype)), asarray(np.array([label])))
    assert value(loss) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(to_numpy(d_logits)[0], gradient, rtol=1e-6, atol=1e-30)
    assert loss.dtype == d_logits.dtype == dtype


@pytest.mark.parametrize("as_array", [False, True], ids=["number", "array"])
@pytest.mark.parametrize("definition", [ops.bce_with_logits, elementwise.bce_with_logits], ids=["fast", "readable"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("logit", "target", "expected", "gradient"),
    [
        (np.inf, 1.0, 0, 0),
        (np.inf, 0.0, np.inf, 1),
        (np.inf, 0.9, np.inf, 0.1),
        (-np.inf, 0.0, 0, 0),
        (-np.inf, 1.0, np.inf, -1),
        (-np.inf, 0.9, np.inf, -0.9),
        (np.nan, 1.0, np.nan, np.nan),
    ],
)
def test_bce_of_an_infinite_logit_is_the_limit(definition, dtype, logit, target, expected, gradient, as_array):
    """Next to a finite one, whose term is log 2."""
    targets = asarray(np.array([[target], [target]], dtype)) if as_array else target
    loss, d_logits = definition(asarray(np.array([[logit], [0]], dtype)), targets)
    assert loss.dtype == d_logits.dtype == dtype
    np.testing.assert_allclose(value(loss), (expected + math.log(2)) / 2, rtol=1e-6)
    np.testing.assert_allclose(to_numpy(d_logits).ravel(), [gradient / 2, (0.5 - target) / 2], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "complex64"])
@by_name
def test_losses_refuse_what_layers_refuse(loss, dtype):
    """The difference of uint8 0 and 1 would be 255."""
    with pytest.raises(TypeError, match=rf"{loss.__name__}: expected \w+ to be .* a floating-point dtype, got {dtype}"):
        loss(asarray(np.zeros((1, 1), dtype)), asarray(np.ones((1, 1), dtype)))
    with pytest.raises(TypeError, match="softmax_cross_entropy: expected logits to be"):
        losses.softmax_cross_entropy(asarray(np.zeros((1, 2), dtype)), asarray(np.array([0])))


@pytest.mark.parametrize("targets", [1j, None, "1", [1.0], np.array([[1j]]), np.array([["1"]])], ids=repr)
@by_name
def test_targets_that_are_no_real_numbers_are_refused(loss, targets):
    with pytest.raises(TypeError, match=f"{loss.__name__}: expected targets to be a number or an array of real"):
        loss(column(0.5), targets)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("first", ["float32", "float64"])
@by_name
def test_a_gradient_keeps_the_dtype_of_the_first_argument(loss, first, dtype):
    outputs = asarray(np.array([[0.25], [0.5]], first))
    targets = asarray(np.array([[0], [1]], dtype))
    value_, gradient = loss(outputs, targets)
    assert value_.dtype == gradient.dtype == first
    expected = loss(outputs, targets.astype(first))
    assert value(value_) == value(expected[0])
    assert (to_numpy(gradient) == to_numpy(expected[1])).all()
    if loss is not losses.bce:
        for number in (1, True, np.float64(1)):
            value_, gradient = loss(outputs, number)
            assert value_.dtype == gradient.dtype == first


@pytest.mark.parametrize("first", ["float32", "float64"])
def test_a_softmax_gradient_keeps_the_dtype_of_the_logits(first):
    logits = asarray(np.array([[0.25, 0.5]], first))
    for labels in (np.array([1], "uint8"), np.array([1], "int64")):
        value_, gradient = losses.softmax_cross_entropy(logits, asarray(labels))
        assert value_.dtype == gradient.dtype == first


@by_name
def test_an_empty_batch_is_refused(loss):
    """The mean of no terms is not a number."""
    empty = asarray(np.zeros((0, 1)))
    with pytest.raises(ValueError, match=f"{loss.__name__}: expected .* at least one element, got an empty batch"):
        loss(empty, empty)
    with pytest.raises(ValueError, match="softmax_cross_entropy: expected logits"):
        losses.softmax_cross_entropy(asarray(np.zeros((0, 3))), asarray(np.zeros(0, int)))
