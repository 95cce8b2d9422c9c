"""Layers and losses with mistakes planted in them, which gradcheck.check must find: what beginners get wrong.

WRONG_FORMULAS have a gradient that is not the derivative; BROKEN_CONTRACTS have the right gradient the first time.
"""

import numpy as np
from strategies import off_zero, spread

from minigan import layers, losses, ops
from minigan.backend import asarray, xp
from minigan.ops.normalization import Statistics

random = np.random.default_rng(5)
IMAGES = asarray(off_zero(random, (3, 5, 4, 2)))
VECTORS = asarray(off_zero(random, (4, 3)))
SPREAD = asarray(spread(random, (4, 3, 3, 2)))
LABELS = np.array([0, 2, 0, 1, 2])


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


class BatchNormWithoutGamma(layers.BatchNorm):
    """dx forgets γ, which is 1 at first."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy, cache, param_grads, input_grad) / self.gamma.value


class BatchNormOfOutput(layers.BatchNorm):
    """dγ from y instead of x̂: the same while β is 0 and γ is 1."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, False, input_grad)
        if param_grads:
            statistics = cache.statistics
            y = (cache.x - statistics.mean[0]) * statistics.inv_std[0] * self.gamma.value + self.beta.value
            self.gamma.grad += (dy * y).reshape(-1, self.num_features).sum(axis=0)
            self.beta.grad += dy.reshape(-1, self.num_features).sum(axis=0)
        return dx


class BatchNormWithoutRunningMean(layers.BatchNorm):
    """dγ in evaluation mode from x, without μ, which is 0 at first."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        statistics = cache.statistics
        changed = cache._replace(statistics=Statistics(xp.zeros_like(statistics.mean), statistics.inv_std))
        return super().backward(dy, changed, param_grads, input_grad)


class BatchNormWithoutRunningVariance(layers.BatchNorm):
    """dx in evaluation mode without the division by the standard deviation, which is 1 at first."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, False)
        return dy * self.gamma.value


class DenseWithBiasOfOneRow(layers.Dense):
    """db from the first row instead of the sum."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        before = self.bias.grad.copy()
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.bias.grad[...] = before + dy[0]
        return dx


class DenseTimesBias(layers.Dense):
    """y = x·W + b with dx that is scaled by 1 + b: right while the bias is 0."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy * (1 + self.bias.value), cache, param_grads, input_grad)


class DenseTransposed(layers.Dense):
    """dx = dy·W: the shape is right if W is square."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, False)
        return dy @ self.weight.value


class ConvWithSwappedStrides(layers.Conv2D):
    """dx as if the kernel were transposed."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, False)
        w = self.weight.value.swapaxes(0, 1).copy()
        return ops.conv2d_grad_input(dy, w, cache.x.shape[1:3], self.stride, cache.padding)


class ConvWithBiasPerImage(layers.Conv2D):
    """db as a mean over the images."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        before = self.bias.grad.copy()
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.bias.grad[...] = before + (self.bias.grad - before) / len(dy)
        return dx


class ConvIgnoringTheBorder(layers.Conv2D):
    """dx is 0 in the first row, as if it were padding."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        dx[:, 0] = 0
        return dx


class TransposedCroppedElsewhere(layers.ConvTranspose2D):
    """dx from dy shifted by one column."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        super().backward(dy, cache, param_grads, False)
        return super().backward(xp.roll(dy, 1, axis=2), cache, False, True)


class LeakyReLUOfGradient(layers.LeakyReLU):
    """The sign of dy instead of that of x."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return ops.leaky_relu_grad(dy, dy, self.slope)


class ReLUAlwaysOpen(layers.ReLU):
    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy


class TanhWithoutDerivative(layers.Tanh):
    """dy·y, a typo of dy·(1 − y²)."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return dy * cache[0]


class SigmoidAlmostRight(layers.Sigmoid):
    """A factor of 1.00001."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return 1.00001 * super().backward(dy, cache, param_grads, input_grad)


class DropoutWithNewMask(layers.Dropout):
    """A mask of its own in the backward pass."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return self.forward(dy)[0]


class FlattenChannelsFirst(layers.Flatten):
    """dx as if the channels came before the pixels."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        n, height, width, channels = cache[0]
        return dy.reshape(n, channels, height, width).transpose(0, 2, 3, 1)


class ReshapeOfReversedBatch(layers.Reshape):
    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy[::-1], cache, param_grads, input_grad)


class EmbeddingOfOneTable(layers.Embedding):
    """Every label's gradient goes to the first row."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        self.weight.grad[0] += dy.sum(axis=0)


class ClippedGradient(layers.Tanh):
    """dx clipped above 0.5."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return xp.minimum(super().backward(dy, cache, param_grads, input_grad), 0.5)


# --- layers whose gradients are right, but who break the contract: finite differences alone accept them -----------


class KeepsActivation(layers.Tanh):
    """The output is kept on the layer, so a second batch replaces that of the first."""

    def forward(self, x, train=True, groups=1):
        self.y, cache = super().forward(x, train, groups)
        return self.y, cache

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy, (self.y,), param_grads, input_grad)


class ReadsRunningVariance(layers.BatchNorm):
    """In evaluation mode, backward reads running statistics that a later batch has changed."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        inv_std = 1 / xp.sqrt(self.running_var[None] + self.eps)
        changed = cache._replace(statistics=Statistics(cache.statistics.mean, inv_std))
        return super().backward(dy, changed, param_grads, input_grad)


class OverwritesCache(layers.Tanh):
    """The derivative is computed in the cache's memory."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (y,) = cache
        y *= y
        return dy * (1 - y)


class ConsumesList(layers.Tanh):
    """The cache is on the layer, as a stack: backward twice finds it shorter."""

    def forward(self, x, train=True, groups=1):
        y, _ = super().forward(x, train, groups)
        self.stack = [xp.zeros_like(y), y]
        return y, self.stack

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        y = cache[-1]
        if len(cache) > 1:
            cache.pop()
        return dy * (1 - y * y)


class AddsAlways(layers.Dense):
    """param_grads=False adds to the gradients all the same."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy, cache, True, input_grad)


class FrozenPassesNothing(layers.Dense):
    """param_grads=False also stops the gradient that passes through."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        return dx if param_grads else xp.zeros_like(dx)


class NothingBelowNothingHere(layers.Dense):
    """input_grad=False returns before the parameters' gradients are added."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return super().backward(dy, cache, param_grads, True) if input_grad else None


class GradientReplaced(layers.Dense):
    """weight.grad is a new array: the optimizer's buffer stays as it is."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        self.weight.grad = self.weight.grad.copy()
        return super().backward(dy, cache, param_grads, input_grad)


class OverwritesGradient(layers.Tanh):
    """dx is computed in the memory of dy."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        (y,) = cache
        dy *= 1 - y * y
        return dy


class NormalizesWeights(layers.Dense):
    """Backward also decays the weights, which is the optimizer's affair."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dx = super().backward(dy, cache, param_grads, input_grad)
        self.weight.value *= 1 - 1e-7
        return dx


class ClipsLargeGradients(layers.Tanh):
    """dy clipped at 10, which a random dy does not reach."""

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        dy = xp.minimum(xp.maximum(dy, -10), 10)
        return super().backward(dy, cache, param_grads, input_grad)


def summed_bce(logits, targets):
    """The value is a mean, but the gradient is that of the sum."""
    loss, gradient = losses.bce_with_logits(logits, targets)
    return loss, gradient * logits.size


def least_squares_without_half(predictions, targets):
    loss, gradient = losses.least_squares(predictions, targets)
    return 2 * loss, gradient


def gradient_of_targets(logits, targets):
    """The sign of a difference the wrong way round."""
    loss, gradient = losses.least_squares(logits, targets)
    return loss, -gradient


def bce_without_one_minus(probabilities, targets):
    """dL/dp = −t / p: the other half of the formula is missing."""
    loss, _ = losses.bce(probabilities, targets)
    return loss, -targets / probabilities / probabilities.size


def softmax_without_onehot(logits, labels):
    loss, gradient = losses.softmax_cross_entropy(logits, labels)
    return loss, gradient + (labels[:, None] == xp.arange(logits.shape[1])) / len(logits)


def sign_of_minimax(fake):
    loss, d_fake = losses.Minimax().generator(fake)
    return loss, -d_fake


# (layer, input, mode)
WRONG_FORMULAS = [
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
    (EmbeddingOverwriting(3, 2), LABELS, True),
    (SequentialInWrongOrder(layers.Dense(3, 3), layers.Tanh()), VECTORS, True),
    (BatchNormWithoutGamma(2), SPREAD, True),
    (BatchNormWithoutGamma(2), SPREAD, False),
    (BatchNormOfOutput(2), SPREAD, True),
    (BatchNormWithoutRunningMean(2), SPREAD, False),
    (BatchNormWithoutRunningVariance(2), SPREAD, False),
    (DenseWithBiasOfOneRow(3, 2), VECTORS, True),
    (DenseTimesBias(3, 2), VECTORS, True),
    (DenseTransposed(3, 3), VECTORS, True),
    (ConvWithSwappedStrides(2, 3, 3, padding=1), IMAGES, True),
    (ConvWithBiasPerImage(2, 3, 3), IMAGES, False),
    (ConvIgnoringTheBorder(2, 3, 3), IMAGES, True),
    (TransposedCroppedElsewhere(2, 3, 3, stride=2), IMAGES, True),
    (LeakyReLUOfGradient(0.2), IMAGES, True),
    (ReLUAlwaysOpen(), IMAGES, False),
    (TanhWithoutDerivative(), VECTORS, True),
    (SigmoidAlmostRight(), VECTORS, True),
    (DropoutWithNewMask(0.5), IMAGES, True),
    (FlattenChannelsFirst(), IMAGES, True),
    (ReshapeOfReversedBatch(1, 3), VECTORS, True),
    (EmbeddingOfOneTable(3, 2), LABELS, True),
    (ClippedGradient(), IMAGES, True),
]

# (layer, input, mode, part of the message)
BROKEN_CONTRACTS = [
    (KeepsActivation(), VECTORS, True, "another batch changed dx of the first one"),
    (KeepsActivation(), VECTORS, False, "another batch changed dx"),
    (layers.Sequential(layers.Dense(3, 2), KeepsActivation()), VECTORS, True, "another batch changed"),
    (ReadsRunningVariance(2), SPREAD, False, "another batch changed"),
    (OverwritesCache(), VECTORS, True, "dx another value the second time"),
    (ConsumesList(), VECTORS, True, "dx another value the second time"),
    (AddsAlways(3, 2), VECTORS, True, "param_grads=False changed the gradient of weight"),
    (FrozenPassesNothing(3, 2), VECTORS, True, "param_grads=False gave another dx"),
    (NothingBelowNothingHere(3, 2), VECTORS, True, "input_grad=False gave the gradient of weight another value"),
    (GradientReplaced(3, 2), VECTORS, True, r"replaced weight\.grad; add to it in place"),
    (OverwritesGradient(), VECTORS, True, "backward changed dy"),
    (NormalizesWeights(3, 2), VECTORS, True, r"backward changed weight\.value"),
    (ClipsLargeGradients(), VECTORS, True, "backward is not linear in dy: dx"),
]

WRONG_LOSSES = [
    (summed_bce, (VECTORS, xp.abs(VECTORS) / 2)),
    (least_squares_without_half, (VECTORS, xp.abs(VECTORS) / 2)),
    (gradient_of_targets, (VECTORS, xp.abs(VECTORS) / 2)),
    (bce_without_one_minus, (xp.abs(VECTORS) / 2, xp.abs(VECTORS) / 2)),
    (softmax_without_onehot, (VECTORS, asarray(np.array([0, 2, 1, 1])))),
    (sign_of_minimax, (VECTORS,)),
]
