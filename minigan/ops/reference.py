"""The definition of every operation: plain loops over float64 NumPy arrays, written like the formulas.

Nothing here is fast, and nothing here shares code with the fast versions. Only tests, examples and documentation import
this module; the package itself never does. The layouts are the package's: images (N, H, W, C), Conv2D kernels
(kh, kw, in, out), ConvTranspose2D kernels (kh, kw, out, in), padding ((top, bottom), (left, right)).
"""

import math

import numpy as np

from minigan.backend import Array
from minigan.ops.geometry import Padding, Size


def dense(x: Array, w: Array, b: Array) -> Array:
    """y[n, o] = b[o] + Σᵢ x[n, i]·w[i, o]."""
    y = np.zeros((x.shape[0], w.shape[1]))
    for n in range(x.shape[0]):
        for o in range(w.shape[1]):
            y[n, o] = b[o] + sum(x[n, i] * w[i, o] for i in range(x.shape[1]))
    return y


def sum_rows(rows: Array) -> Array:
    """s[c] = Σₘ rows[m, c]."""
    return np.array([sum(rows[m, c] for m in range(rows.shape[0])) for c in range(rows.shape[1])])


def embedding(labels: Array, w: Array) -> Array:
    """y[n] = w[labels[n]]: the row of the table for each label."""
    return np.array([w[label] for label in labels]).reshape(len(labels), w.shape[1])


def conv2d(x: Array, w: Array, stride: Size, padding: Padding) -> Array:
    """y[n, p, q, o] = Σ_{i, j, c} x[n, p·s + i − top, q·s + j − left, c]·w[i, j, c, o], with zeros outside x."""
    n, height, width, _ = x.shape
    kh, kw, _, out_channels = w.shape
    (sh, sw), ((top, bottom), (left, right)) = stride, padding
    out_height = (height + top + bottom - kh) // sh + 1
    out_width = (width + left + right - kw) // sw + 1
    y = np.zeros((n, out_height, out_width, out_channels))
    for p, q, i, j in np.ndindex(out_height, out_width, kh, kw):
        row, column = p * sh + i - top, q * sw + j - left
        if 0 <= row < height and 0 <= column < width:
            y[:, p, q] += x[:, row, column] @ w[i, j]  # (N, C) · (C, O)
    return y


def conv2d_grad_input(dy: Array, w: Array, input_size: Size, stride: Size, padding: Padding) -> Array:
    """dx: for every product x·w in conv2d, dy·w is added at that x."""
    n, out_height, out_width, _ = dy.shape
    kh, kw, channels, _ = w.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    height, width = input_size
    dx = np.zeros((n, height, width, channels))
    for p, q, i, j in np.ndindex(out_height, out_width, kh, kw):
        row, column = p * sh + i - top, q * sw + j - left
        if 0 <= row < height and 0 <= column < width:
            dx[:, row, column] += dy[:, p, q] @ w[i, j].T  # (N, O) · (O, C)
    return dx


def conv2d_grad_weight(x: Array, dy: Array, kernel_size: Size, stride: Size, padding: Padding) -> Array:
    """dw: for every product x·w in conv2d, x·dy is added at that w."""
    _, height, width, channels = x.shape
    _, out_height, out_width, out_channels = dy.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    dw = np.zeros((*kernel_size, channels, out_channels))
    for p, q, i, j in np.ndindex(out_height, out_width, *kernel_size):
        row, column = p * sh + i - top, q * sw + j - left
        if 0 <= row < height and 0 <= column < width:
            dw[i, j] += x[:, row, column].T @ dy[:, p, q]  # (C, N) · (N, O)
    return dw


def conv_transpose2d_scatter(x: Array, w: Array, output_size: Size, stride: Size, padding: Padding) -> Array:
    """Definition 1: add a copy of the kernel, scaled by each input element, to the output; then crop the padding."""
    n, height, width, _ = x.shape
    kh, kw, out_channels, _ = w.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    full_height = max((height - 1) * sh + kh, top + output_size[0])
    full_width = max((width - 1) * sw + kw, left + output_size[1])
    full = np.zeros((n, full_height, full_width, out_channels))
    for p, q, i, j in np.ndindex(height, width, kh, kw):
        full[:, p * sh + i, q * sw + j] += x[:, p, q] @ w[i, j].T  # (N, C) · (C, O)
    return full[:, top : top + output_size[0], left : left + output_size[1]]


def conv_transpose2d_by_zeros(x: Array, w: Array, output_size: Size, stride: Size, padding: Padding) -> Array:
    """Definition 2: zeros between the input elements, then a stride-1 convolution with the flipped kernel."""
    n, height, width, channels = x.shape
    kh, kw, out_channels, _ = w.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    spread = np.zeros((n, (height - 1) * sh + 1, (width - 1) * sw + 1, channels))
    spread[:, ::sh, ::sw] = x
    y = np.zeros((n, *output_size, out_channels))
    for p, q, i, j in np.ndindex(*output_size, kh, kw):
        row, column = p + i - (kh - 1 - top), q + j - (kw - 1 - left)
        if 0 <= row < spread.shape[1] and 0 <= column < spread.shape[2]:
            y[:, p, q] += spread[:, row, column] @ w[kh - 1 - i, kw - 1 - j].T  # (N, C) · (C, O)
    return y


def batch_norm(x: Array, gamma: Array, beta: Array, eps: float) -> tuple[Array, Array, Array]:
    """Training mode: y = γ·(x − μ) / √(σ² + ε) + β for each channel. Returns y, μ and σ² (biased)."""
    y, mean, var = np.zeros_like(x), np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for c in range(x.shape[-1]):
        values = x[..., c]
        mean[c] = values.sum() / values.size
        var[c] = ((values - mean[c]) ** 2).sum() / values.size
        y[..., c] = gamma[c] * (values - mean[c]) / math.sqrt(var[c] + eps) + beta[c]
    return y, mean, var


def batch_norm_grad(x: Array, dy: Array, gamma: Array, eps: float) -> tuple[Array, Array, Array]:
    """(dx, dγ, dβ) in training mode, from the Jacobian ∂x̂ᵢ/∂xⱼ = (δᵢⱼ − 1/m − x̂ᵢ·x̂ⱼ/m) / √(σ² + ε)."""
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for c in range(x.shape[-1]):
        values, g = x[..., c].ravel(), dy[..., c].ravel()
        m = values.size
        std = math.sqrt(values.var() + eps)
        normalized = (values - values.mean()) / std
        jacobian = (np.eye(m) - 1 / m - np.outer(normalized, normalized) / m) / std
        dx[..., c] = (gamma[c] * g @ jacobian).reshape(x.shape[:-1])
        dgamma[c], dbeta[c] = (g * normalized).sum(), g.sum()
    return dx, dgamma, dbeta


def batch_norm_eval(x: Array, gamma: Array, beta: Array, running_mean: Array, running_var: Array, eps: float) -> Array:
    """Evaluation mode: the running statistics are constants."""
    y = np.zeros_like(x)
    for c in range(x.shape[-1]):
        y[..., c] = gamma[c] * (x[..., c] - running_mean[c]) / math.sqrt(running_var[c] + eps) + beta[c]
    return y


def leaky_relu(x: Array, slope: float) -> Array:
    """x where x > 0, slope·x elsewhere."""
    return np.array([v if v > 0 else slope * v for v in x.ravel()]).reshape(x.shape)


def leaky_relu_grad(y: Array, dy: Array, slope: float) -> Array:
    """dx from the output y: dy where y > 0, slope·dy elsewhere."""
    pairs = zip(y.ravel(), dy.ravel(), strict=True)
    return np.array([d if v > 0 else slope * d for v, d in pairs]).reshape(y.shape)


def tanh(x: Array) -> Array:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return np.array([(math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v)) for v in x.ravel()]).reshape(x.shape)


def tanh_grad(y: Array, dy: Array) -> Array:
    """dx from the output y = tanh x: dy·(1 − y²)."""
    return np.array([d * (1 - v**2) for v, d in zip(y.ravel(), dy.ravel(), strict=True)]).reshape(y.shape)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ)."""
    return np.array([1 / (1 + math.exp(-v)) for v in x.ravel()]).reshape(x.shape)


def bce_with_logits(logits: Array, targets: Array) -> float:
    """−mean(t·log σ(l) + (1 − t)·log(1 − σ(l)))."""
    return bce(sigmoid(logits), targets)


def bce(probabilities: Array, targets: Array) -> float:
    """−mean(t·log p + (1 − t)·log(1 − p))."""
    pairs = zip(probabilities.ravel(), targets.ravel(), strict=True)
    return -sum(t * math.log(p) + (1 - t) * math.log(1 - p) for p, t in pairs) / probabilities.size


def least_squares(predictions: Array, targets: Array) -> float:
    """mean((p − t)²) / 2."""
    pairs = zip(predictions.ravel(), targets.ravel(), strict=True)
    return sum((p - t) ** 2 for p, t in pairs) / predictions.size / 2


def softmax_cross_entropy(logits: Array, labels: Array) -> float:
    """−mean(log(e^l_label / Σₖ e^lₖ))."""
    return -sum(
        math.log(math.exp(row[label]) / sum(math.exp(v) for v in row))
        for row, label in zip(logits, labels, strict=True)
    ) / len(logits)


def add_discriminator_metrics(totals: Array, real: Array, fake: Array, logistic: bool, threshold: float) -> Array:
    """totals + (mean of real, mean of fake, share of real > threshold, share of fake ≤ threshold).

    If `logistic`, real and fake are logits, and σ(logit) is compared and averaged.
    """
    real_values, fake_values = ([1 / (1 + math.exp(-v)) if logistic else v for v in a.ravel()] for a in (real, fake))
    mean_real = sum(real_values) / len(real_values)
    mean_fake = sum(fake_values) / len(fake_values)
    right_on_real = sum(1 for v in real_values if v > threshold) / len(real_values)
    right_on_fake = sum(1 for v in fake_values if v <= threshold) / len(fake_values)
    return totals + np.array([mean_real, mean_fake, right_on_real, right_on_fake])


def next_images(images: Array, order: Array, cursor: int, count: int, scale: float, offset: float) -> Array:
    """batch[k] = images[order[cursor + k]]·scale + offset, for k = 0 … count − 1."""
    batch = np.zeros((count, *images.shape[1:]))
    for k in range(count):
        image = images[order[cursor + k]]
        for position in np.ndindex(*image.shape):
            batch[k][position] = image[position] * scale + offset
    return batch


def adam(theta: Array, gradients: list[Array], lr: float, betas: tuple[float, float], eps: float) -> Array:
    """θ after one Adam step for each of `gradients`, one number at a time (Kingma and Ba 2015, algorithm 1)."""
    theta, (beta1, beta2) = theta.copy(), betas
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        for i in np.ndindex(*theta.shape):
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
            theta[i] -= lr * (m[i] / (1 - beta1**t)) / (math.sqrt(v[i] / (1 - beta2**t)) + eps)
    return theta
