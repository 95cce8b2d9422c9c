"""The checker is checked: it accepts right formulas and rejects wrong ones, each of them a common mistake."""

import numpy as np
import pytest
from strategies import off_zero, spread
from wrong_layers import (
    BROKEN_CONTRACTS,
    SPREAD,
    VECTORS,
    WRONG_FORMULAS,
    WRONG_LOSSES,
    BatchNormOverBothGroups,
    DenseNotANumber,
    DropoutUnscaled,
)

from minigan import backend, gradcheck, layers, losses
from minigan.backend import asarray, to_numpy
from minigan.gradcheck import GradientError, check
from minigan.random import RandomStream

random = np.random.default_rng(5)


def test_the_table_of_mistakes_is_long_enough():
    assert len(WRONG_FORMULAS) + len(BROKEN_CONTRACTS) + len(WRONG_LOSSES) >= 40


@pytest.mark.parametrize(("layer", "x", "train"), WRONG_FORMULAS, ids=lambda value: type(value).__name__)
def test_rejects_wrong_formulas(layer, x, train):
    with pytest.raises(GradientError, match="worst entry"):
        check(layer, x, train=train)


@pytest.mark.parametrize(("layer", "x", "train", "message"), BROKEN_CONTRACTS, ids=lambda value: type(value).__name__)
def test_rejects_layers_that_break_the_contract(monkeypatch, layer, x, train, message):
    """Their gradients are right: finite differences alone accept each of them."""
    with pytest.raises(GradientError, match=message) as error:
        check(layer, x, train=train)
    assert "worst entry" not in str(error.value)
    monkeypatch.setattr(gradcheck, "broken_promise", lambda *arguments: None)
    check(layer, x, train=train)


IN_FRONT = layers.Dense(3, 4)  # so that the kinks of an activation are at no special place
# A layer and the shapes of its inputs: one example, several, one pixel, odd sizes, more axes.
RIGHT_LAYERS = [
    (layers.Dense(3, 2), [(1, 3), (4, 3)]),
    (layers.Dense(1, 1, bias=False), [(1, 1), (5, 1)]),
    (layers.Conv2D(2, 3, 3, padding="same"), [(1, 1, 1, 2), (2, 5, 4, 2)]),
    (layers.Conv2D(2, 3, (2, 4), stride=(2, 3), padding=((0, 1), (2, 0)), bias=False), [(1, 3, 5, 2), (4, 6, 6, 2)]),
    (layers.Conv2D(2, 1, 7, padding="same"), [(8, 8, 8, 2)]),  # Toeplitz
    (layers.ConvTranspose2D(2, 3, 4, stride=2, padding="same"), [(1, 1, 1, 2), (2, 3, 4, 2)]),
    (layers.ConvTranspose2D(2, 3, 3, stride=2, output_padding=1), [(2, 3, 2, 2)]),
    (layers.ConvTranspose2D(2, 3, 3, stride=2, definition="zero_insertion"), [(1, 1, 1, 2), (2, 3, 4, 2)]),
    (layers.BatchNorm(2), [(4, 2), (6, 2), (2, 3, 2, 2), (2, 2, 2, 3, 2)]),
    (layers.BatchNorm(2, activation=layers.LeakyReLU()), [(4, 2), (2, 3, 2, 2)]),
    (layers.BatchNorm(2, eps=1e-3, momentum=1), [(4, 2)]),
    (layers.LeakyReLU(), [(1, 3), (4, 3), (2, 3, 2, 2)]),
    (layers.LeakyReLU(0), [(4, 3)]),
    (layers.ReLU(), [(1, 3), (4, 3), (2, 3, 2, 2)]),
    (layers.Tanh(), [(1, 3), (4, 3), (2, 3, 2, 2)]),
    (layers.Sigmoid(), [(1, 3), (4, 3), (2, 3, 2, 2)]),
    (layers.Dropout(0.4), [(1, 3), (4, 3), (2, 3, 2, 2)]),
    (layers.Dropout(0.4, RandomStream(1)), [(4, 3)]),
    (layers.Reshape(3, 2), [(1, 6), (4, 2, 3)]),
    (layers.Flatten(), [(1, 3), (2, 3, 2, 2)]),
    (layers.Embedding(3, 2), [(1,), (6,)]),
    (layers.Sequential(), [(2, 3)]),
    (layers.Sequential(IN_FRONT, layers.ReLU(), layers.Dense(4, 1), layers.Sigmoid()), [(2, 3), (6, 3)]),
    (layers.Sequential(layers.Dense(3, 4, bias=False), layers.BatchNorm(4), layers.Tanh()), [(4, 3), (6, 3)]),
]
RIGHT_CASES = [
    (layer, shape, train, groups)
    for layer, shapes in RIGHT_LAYERS
    for shape in shapes
    for train, groups in ((True, 1), (False, 1), (True, 2))
    if shape[0] % groups == 0
]


@pytest.mark.parametrize(("layer", "shape", "train", "groups"), RIGHT_CASES, ids=str)
def test_accepts_every_right_layer(layer, shape, train, groups):
    assert len(RIGHT_CASES) > 110
    if isinstance(layer, layers.Embedding):
        x = np.arange(shape[0]) % 3
    else:
        x = asarray(spread(random, shape) if isinstance(layer, layers.BatchNorm) else off_zero(random, shape))
    check(layer, x, train=train, groups=groups)


@pytest.mark.parametrize("layer", [layers.BatchNorm(2), layers.Dropout(0.5)], ids=repr)
def test_leaves_the_default_stream_as_it_was(layer):
    before = backend.random.state()
    check(layer, SPREAD)
    assert backend.random.state() == before


@pytest.mark.parametrize(("wrong", "inputs"), WRONG_LOSSES, ids=lambda value: getattr(value, "__name__", ""))
def test_rejects_wrong_losses(wrong, inputs):
    with pytest.raises(GradientError):
        check(wrong, *inputs)


def test_rejects_a_backward_pass_that_ignores_groups():
    """One group hides the mistake; two reveal it."""
    x = asarray(np.concatenate([spread(random, (3, 2, 2, 2)), 3 * spread(random, (3, 2, 2, 2))]))
    report = check(BatchNormOverBothGroups(2), x)
    assert "groups" not in report.subject
    with pytest.raises(GradientError, match=r"BatchNorm\w+\(num_features=2\), training mode, 2 groups: .* worst entry"):
        check(BatchNormOverBothGroups(2), x, groups=2)
    assert check(layers.BatchNorm(2), x, groups=2).subject.endswith("training mode, 2 groups")


def test_names_the_wrong_element():
    class OneEntryWrong(layers.Tanh):
        def backward(self, dy, cache, param_grads=True, input_grad=True):
            dx = super().backward(dy, cache, param_grads, input_grad)
            dx[2, 1] += 1
            return dx

    with pytest.raises(GradientError, match=r"worst entry x\[2, 1\]: backward .*, finite differences"):
        check(OneEntryWrong(), VECTORS)


def test_names_an_element_that_is_not_a_number():
    with pytest.raises(GradientError, match=r"worst entry bias\[1\]: backward nan"):
        check(DenseNotANumber(3, 2), VECTORS)


@pytest.mark.parametrize("stream", [None, 3], ids=["the default stream", "its own stream"])
def test_dropout_keeps_its_mask_during_a_check(stream):
    """Whatever stream it draws from; if each forward pass drew a new mask, the check would fail."""
    own = None if stream is None else RandomStream(stream)
    before = None if own is None else own.state()
    network = layers.Sequential(layers.Dense(3, 4), layers.Dropout(0.5, own), layers.Tanh(), layers.Dropout(0.3, own))
    check(network, VECTORS)
    with pytest.raises(GradientError, match="worst entry"):
        check(layers.Sequential(layers.Dense(3, 4), DropoutUnscaled(0.5, own)), VECTORS)
    if own is not None:
        assert own.state() == before  # the check draws from a copy


def test_a_layer_that_draws_from_the_default_stream_needs_no_list_of_its_streams():
    class Noise(layers.Layer):
        """y = x·(1 + ε) with ε ~ N(0, 1)."""

        def forward(self, x, train=True, groups=1):
            scale = 1 + backend.random.normal(x.shape, x.dtype)
            return x * scale, (scale,)

        def backward(self, dy, cache, param_grads=True, input_grad=True):
            return dy * cache[0]

    check(Noise(), VECTORS)


def test_rejects_a_gradient_of_another_shape():
    class Flattened(layers.Tanh):
        def backward(self, dy, cache, param_grads=True, input_grad=True):
            return super().backward(dy, cache, param_grads, input_grad).reshape(-1)

    with pytest.raises(GradientError, match=r"gradient of x: expected shape \(4, 3\), got \(12,\)"):
        check(Flattened(), VECTORS)


def in_single_precision(logits, targets):
    loss, gradient = losses.bce_with_logits(logits, targets)
    return loss, gradient.astype("float32")


def test_rejects_a_gradient_of_another_dtype():
    class InSinglePrecision(layers.Tanh):
        def backward(self, dy, cache, param_grads=True, input_grad=True):
            return super().backward(dy, cache, param_grads, input_grad).astype("float32")

    with pytest.raises(GradientError, match="gradient of x: expected float64, got float32; the dtype follows"):
        check(InSinglePrecision(), VECTORS)
    with pytest.raises(GradientError, match="gradient of logits: expected float64, got float32"):
        check(in_single_precision, VECTORS, VECTORS)


def test_rejects_an_output_of_another_dtype():
    class InSinglePrecision(layers.Flatten):
        def forward(self, x, train=True, groups=1):
            y, cache = super().forward(x, train, groups)
            return y.astype("float32"), cache

        def backward(self, dy, cache, param_grads=True, input_grad=True):
            return super().backward(dy.astype("float64"), cache, param_grads, input_grad)

    with pytest.raises(GradientError, match="expected an output of float64, as the input is, got float32"):
        check(InSinglePrecision(), asarray(np.ones((2, 2))))


def test_leaves_the_layer_unchanged():
    layer = layers.BatchNorm(2)
    before = layer.state_dict()
    report = check(layer, SPREAD)
    assert layer.gamma.value.dtype == np.float32
    assert all((before[name] == array).all() for name, array in layer.state_dict().items())
    assert not to_numpy(layer.gamma.grad).any()
    assert {entry.name for entry in report.entries} == {"x", "gamma", "beta"}
    assert report.worst.error < 1e-6
    assert "relative error" in str(report)


def test_needs_an_input():
    with pytest.raises(TypeError, match="at least one input"):
        check(layers.Tanh())
    with pytest.raises(TypeError, match="no gradient to check"):
        check(layers.Flatten(), np.zeros((2, 3), int))
    with pytest.raises(TypeError, match="takes one input, got 2"):
        check(layers.Tanh(), VECTORS, VECTORS)
