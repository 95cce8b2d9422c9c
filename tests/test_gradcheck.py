"""The checker is checked: it accepts what is right and rejects wrong formulas, each a mistake somebody made."""

import numpy as np
import pytest
from strategies import off_zero, spread

from minigan import layers, losses, ops
from minigan.backend import asarray, to_numpy, xp
from minigan.gradcheck import GradientError, check

random = np.random.default_rng(5)
PICTURES = asarray(off_zero(random, (3, 5, 4, 2)))
VECTORS = asarray(off_zero(random, (4, 3)))
SPREAD = asarray(spread(random, (4, 3, 3, 2)))


class DenseWithoutBiasGradient(layers.Dense):
    def backward(self, dy, cache, param_grads=True, input_grad=True):
        bias, self.bias = self.bias, None
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.bias = bias
        return dx


class DenseWithMeanGradient(layers.Dense):
    """dW averaged over the batch a second time: the loss has done so already."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.weight.grad /= len(dy)
        return dx


class ConvWithUnflippedInputGradient(layers.Conv2D):
    """The input gradient as a convolution with the kernel as it is, not turned by 180 degrees."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, input_grad=False)
        x, padding, _ = cache
        return ops.conv2d_grad_input(dy, self.weight.value[::-1, ::-1], x.shape[1:3], self.stride, padding)


class ConvForgettingPadding(layers.Conv2D):
    """The weight gradient from the picture moved by one pixel."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, padding, version = cache
        dx = super().backward(dy, cache, False, input_grad)
        super().backward(dy, (xp.roll(x, 1, axis=1), padding, version), True, False)
        return dx


class TransposedWithSwappedChannels(layers.ConvTranspose2D):
    """The weight gradient with its channel axes the wrong way round; both have two channels, so it fits."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.weight.grad[...] = self.weight.grad.swapaxes(2, 3).copy()
        return dx


class BatchNormWithConstantStatistics(layers.BatchNorm):
    """The evaluation formula in training mode: μ and σ² taken for constants. dy = 1 would not notice."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        *statistics, _, version = cache
        return super().backward(dy, (*statistics, False, version), param_grads, input_grad)


class BatchNormWithMovingStatistics(layers.BatchNorm):
    """The training formula in evaluation mode: the commonest bug of all."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        *statistics, _, version = cache
        return super().backward(dy, (*statistics, True, version), param_grads, input_grad)


class BatchNormWithoutVarianceTerm(layers.BatchNorm):
    """Only the mean's dependence on x is accounted for."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        _, _, _, deviation, _, _ = cache
        super().backward(dy, cache, param_grads, False)
        rows = dy.reshape(-1, self.num_features)
        return ((rows - rows.mean(axis=0)) * self.gamma.value * deviation).reshape(dy.shape)


class BatchNormScaledTerms(layers.BatchNorm):
    """dx = 7·(dy − mean) + 3·x̂·(...): an all-ones output gradient cannot tell this from the truth."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, _, mean, deviation, _, _ = cache
        super().backward(dy, cache, param_grads, False)
        rows = dy.reshape(-1, self.num_features)
        normalized = (x.reshape(rows.shape) - mean) * deviation
        correlation = (rows * normalized).mean(axis=0)
        return (7 * (rows - rows.mean(axis=0)) + 3 * normalized * correlation).reshape(dy.shape)


class LeakyReLUFromZero(layers.LeakyReLU):
    """Slope 0 instead of 0.2 on the negative side."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy * (cache[0] > 0)


class TanhOfInput(layers.Tanh):
    """1 − y instead of 1 − y²."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy * (1 - cache[0])


class SigmoidTwice(layers.Sigmoid):
    """σ applied to what is already a probability."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        p = 1 / (1 + xp.exp(-cache[0]))
        return dy * p * (1 - p)


class DropoutUnscaled(layers.Dropout):
    """The mask without 1 / (1 − rate)."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy * (cache[0] > 0)


class DenseReplacing(layers.Dense):
    """The gradient replaced, not added: a second batch would wipe out the first."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        self.weight.grad.fill(0)
        return super().backward(dy, cache, param_grads, input_grad)


class DenseNotANumber(layers.Dense):
    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.bias.grad[0] = float("nan")
        return dx


class EmbeddingOverwriting(layers.Embedding):
    """Labels that occur twice keep only the last gradient."""

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
    (ConvWithUnflippedInputGradient(2, 3, 3, padding=1), PICTURES, True),
    (ConvForgettingPadding(2, 3, 3, padding=1), PICTURES, True),
    (TransposedWithSwappedChannels(2, 2, 3), PICTURES, True),
    (BatchNormWithConstantStatistics(2), SPREAD, True),
    (BatchNormWithMovingStatistics(2), SPREAD, False),
    (BatchNormWithoutVarianceTerm(2), SPREAD, True),
    (BatchNormScaledTerms(2), SPREAD, True),
    (LeakyReLUFromZero(0.2), PICTURES, True),
    (TanhOfInput(), PICTURES, True),
    (SigmoidTwice(), PICTURES, True),
    (DropoutUnscaled(0.4), PICTURES, True),
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
    """The loss is a mean, its gradient that of the sum."""
    loss, gradient = losses.bce_with_logits(logits, targets)
    return loss, gradient * logits.size


def least_squares_without_half(scores, targets):
    loss, gradient = losses.least_squares(scores, targets)
    return 2 * loss, gradient


def sign_of_minimax(fake):
    loss, d_fake = losses.Minimax().generator(fake)
    return loss, -d_fake


@pytest.mark.parametrize("wrong", [summed_bce, least_squares_without_half])
def test_rejects_wrong_losses(wrong):
    with pytest.raises(GradientError):
        check(wrong, VECTORS, xp.abs(VECTORS) / 2)


def test_rejects_a_wrong_sign():
    with pytest.raises(GradientError):
        check(sign_of_minimax, VECTORS)


def test_points_at_the_wrong_entry():
    class OneEntryWrong(layers.Tanh):
        def backward(self, dy, cache, param_grads=True, input_grad=True):
            dx = super().backward(dy, cache, param_grads, input_grad)
            dx[2, 1] += 1
            return dx

    with pytest.raises(GradientError, match=r"worst entry x\[2, 1\]: backward .*, finite differences"):
        check(OneEntryWrong(), VECTORS)


def test_rejects_a_gradient_of_another_shape():
    class Flattened(layers.Tanh):
        def backward(self, dy, cache, param_grads=True, input_grad=True):
            return super().backward(dy, cache, param_grads, input_grad).reshape(-1)

    with pytest.raises(GradientError, match=r"gradient of x: expected shape \(4, 3\), got \(12,\)"):
        check(Flattened(), VECTORS)


def test_leaves_the_layer_as_it_was():
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
