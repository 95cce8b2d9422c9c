"""The checker is checked: it accepts right formulas and rejects wrong ones, each of them a common mistake."""

import numpy as np
import pytest
from strategies import off_zero, spread

from minigan import backend, layers, losses, ops
from minigan.backend import asarray, to_numpy, xp
from minigan.gradcheck import GradientError, check
from minigan.ops.normalization import Statistics
from minigan.random import RandomStream

random = np.random.default_rng(5)
IMAGES = asarray(off_zero(random, (3, 5, 4, 2)))
VECTORS = asarray(off_zero(random, (4, 3)))
SPREAD = asarray(spread(random, (4, 3, 3, 2)))


class DenseWithoutBiasGradient(layers.Dense):
    def backward(self, dy, cache, param_grads=True, input_grad=True):
        bias, self.bias = self.bias, None
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.bias = bias
        return dx


class DenseWithMeanGradient(layers.Dense):
    """dW averaged over the batch a second time: the loss has already done that."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.weight.grad /= len(dy)
        return dx


class ConvWithUnflippedInputGradient(layers.Conv2D):
    """The input gradient as a convolution with the kernel itself, without rotating it by 180 degrees."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, input_grad=False)
        flipped = self.weight.value[::-1, ::-1]
        return ops.conv2d_grad_input(dy, flipped, cache.x.shape[1:3], self.stride, cache.padding)


class ConvForgettingPadding(layers.Conv2D):
    """The weight gradient computed from the image shifted by one pixel."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, False, input_grad)
        super().backward(dy, cache._replace(x=xp.roll(cache.x, 1, axis=1)), True, False)
        return dx


class TransposedWithSwappedChannels(layers.ConvTranspose2D):
    """The weight gradient with its channel axes exchanged; both have two channels, so the shape is right."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.weight.grad[...] = self.weight.grad.swapaxes(2, 3).copy()
        return dx


class BatchNormWithConstantStatistics(layers.BatchNorm):
    """The evaluation formula in training mode: μ and σ² are treated as constants. dy = 1 would not reveal it."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy, cache._replace(train=False), param_grads, input_grad)


class BatchNormWithBatchStatistics(layers.BatchNorm):
    """The training formula in evaluation mode: the most common mistake of all."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy, cache._replace(train=True), param_grads, input_grad)


class BatchNormOverBothGroups(layers.BatchNorm):
    """Two groups in the forward pass, but the sums of the backward pass are taken over both."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        merged = Statistics(*(array.mean(axis=0, keepdims=True) for array in cache.statistics))
        return super().backward(dy, cache._replace(statistics=merged), param_grads, input_grad)


class BatchNormWithoutVarianceTerm(layers.BatchNorm):
    """Only the dependence of the mean on x is taken into account."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, False)
        rows = dy.reshape(-1, self.num_features)
        return ((rows - rows.mean(axis=0)) * self.gamma.value * cache.statistics.inv_std).reshape(dy.shape)


class BatchNormScaledTerms(layers.BatchNorm):
    """dx = 7·(dy − mean) + 3·x̂·(...): an all-ones output gradient cannot tell this from the right formula."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, False)
        rows = dy.reshape(-1, self.num_features)
        normalized = (cache.x.reshape(rows.shape) - cache.statistics.mean) * cache.statistics.inv_std
        correlation = (rows * normalized).mean(axis=0)
        return (7 * (rows - rows.mean(axis=0)) + 3 * normalized * correlation).reshape(dy.shape)


class LeakyReLUFromZero(layers.LeakyReLU):
    """Slope 0 instead of 0.2 for negative inputs."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy * (cache[0] > 0)


class TanhOfInput(layers.Tanh):
    """1 − y instead of 1 − y²."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy * (1 - cache[0])


class SigmoidTwice(layers.Sigmoid):
    """σ applied to y, which is already a probability."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        p = 1 / (1 + xp.exp(-cache[0]))
        return dy * p * (1 - p)


class DropoutUnscaled(layers.Dropout):
    """The mask without 1 / (1 − rate)."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy * (cache[0] > 0)


class DenseReplacing(layers.Dense):
    """The gradient is replaced, not added to: a second batch would erase the first."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        self.weight.grad.fill(0)
        return super().backward(dy, cache, param_grads, input_grad)


class DenseNotANumber(layers.Dense):
    """One NaN, which no comparison with a tolerance reports by itself."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.bias.grad[1] = float("nan")
        return dx


class EmbeddingOverwriting(layers.Embedding):
    """A label that occurs twice keeps only its last gradient."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        self.weight.grad[cache[0]] = dy


class SequentialInWrongOrder(layers.Sequential):
    def backward(self, dy, cache, param_grads=True, input_grad=True):
        for layer, part in zip(self.layers, cache, strict=True):
            dy = layer.backward(dy, part, param_grads, input_grad)
        return dy


WRONG_LAYERS = [
    (DenseWithoutBiasGradient(3, 2), VECTORS, True),
    (DenseWithMeanGradient(3, 2), VECTORS, True),
    (ConvWithUnflippedInputGradient(2, 3, 3, padding=1), IMAGES, True),
    (ConvForgettingPadding(2, 3, 3, padding=1), IMAGES, True),
    (TransposedWithSwappedChannels(2, 2, 3), IMAGES, True),
    (BatchNormWithConstantStatistics(2), SPREAD, True),
    (BatchNormWithBatchStatistics(2), SPREAD, False),
    (BatchNormWithoutVarianceTerm(2), SPREAD, True),
    (BatchNormScaledTerms(2), SPREAD, True),
    (LeakyReLUFromZero(0.2), IMAGES, True),
    (TanhOfInput(), IMAGES, True),
    (SigmoidTwice(), IMAGES, True),
    (DropoutUnscaled(0.4), IMAGES, True),
    (DenseReplacing(3, 2), VECTORS, True),
    (DenseNotANumber(3, 2), VECTORS, True),
    (EmbeddingOverwriting(3, 2), np.array([0, 2, 0, 1, 2]), True),
    (SequentialInWrongOrder(layers.Dense(3, 3), layers.Tanh()), VECTORS, True),
]


@pytest.mark.parametrize(("layer", "x", "train"), WRONG_LAYERS, ids=lambda value: type(value).__name__)
def test_rejects_wrong_formulas(layer, x, train):
    with pytest.raises(GradientError, match="worst entry"):
        check(layer, x, train=train)


def summed_bce(logits, targets):
    """The value is a mean, but the gradient is that of the sum."""
    loss, gradient = losses.bce_with_logits(logits, targets)
    return loss, gradient * logits.size


def least_squares_without_half(predictions, targets):
    loss, gradient = losses.least_squares(predictions, targets)
    return 2 * loss, gradient


def sign_of_minimax(fake):
    loss, d_fake = losses.Minimax().generator(fake)
    return loss, -d_fake


@pytest.mark.parametrize("wrong", [summed_bce, least_squares_without_half])
def test_rejects_wrong_losses(wrong):
    with pytest.raises(GradientError):
        check(wrong, VECTORS, xp.abs(VECTORS) / 2)


def test_rejects_a_backward_pass_that_ignores_groups():
    """One group hides the mistake; two reveal it."""
    x = asarray(np.concatenate([spread(random, (3, 2, 2, 2)), 3 * spread(random, (3, 2, 2, 2))]))
    report = check(BatchNormOverBothGroups(2), x)
    assert "groups" not in report.subject
    with pytest.raises(GradientError, match=r"BatchNorm\w+\(num_features=2\), training mode, 2 groups: .* worst entry"):
        check(BatchNormOverBothGroups(2), x, groups=2)
    assert check(layers.BatchNorm(2), x, groups=2).subject.endswith("training mode, 2 groups")


def test_rejects_a_wrong_sign():
    with pytest.raises(GradientError):
        check(sign_of_minimax, VECTORS)


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
