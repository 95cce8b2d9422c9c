"""The definition of every operation: plain loops over float64 NumPy arrays, as in the formulas.

Nothing here is fast and nothing here shares code with what is. Tests and documentation import it; the package
itself never does. Layouts are the package's: pictures (N, H, W, C), Conv2D kernels (kh, kw, in, out),
ConvTranspose2D kernels (kh, kw, out, in), padding ((top, bottom), (left, right)).
"""

import math

import numpy as np


def dense(x, w, b):
    """y[n, o] = b[o] + Σᵢ x[n, i]·w[i, o]."""
    y = np.zeros((x.shape[0], w.shape[1]))
    for n in range(x.shape[0]):
        for o in range(w.shape[1]):
            y[n, o] = b[o] + sum(x[n, i] * w[i, o] for i in range(x.shape[1]))
    return y


def conv2d(x, w, stride, padding):
    """y[n, p, q, o] = Σ_{i, j, c} x[n, p·s + i − top, q·s + j − left, c]·w[i, j, c, o], zeros outside."""
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


def conv2d_grad_input(dy, w, input_size, stride, padding):
    """Every product x·w of conv2d sends dy·w back to its x."""
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


def conv2d_grad_weight(x, dy, kernel_size, stride, padding):
    """Every product x·w of conv2d sends x·dy back to its w."""
    _, height, width, channels = x.shape
    _, out_height, out_width, out_channels = dy.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    dw = np.zeros((*kernel_size, channels, out_channels))
    for p, q, i, j in np.ndindex(out_height, out_width, *kernel_size):
        row, column = p * sh + i - top, q * sw + j - left
        if 0 <= row < height and 0 <= column < width:
            dw[i, j] += x[:, row, column].T @ dy[:, p, q]  # (C, N) · (N, O)
    return dw


def conv_transpose2d_scatter(x, w, output_size, stride, padding):
    """Definition 1: each input element writes a scaled kernel into the output; overlaps add; crop."""
    n, height, width, _ = x.shape
    kh, kw, out_channels, _ = w.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    full = np.zeros(
        (
            n,
            max((height - 1) * sh + kh, top + output_size[0]),
            max((width - 1) * sw + kw, left + output_size[1]),
            out_channels,
        )
    )
    for p, q, i, j in np.ndindex(height, width, kh, kw):
        full[:, p * sh + i, q * sw + j] += x[:, p, q] @ w[i, j].T  # (N, C) · (C, O)
    return full[:, top : top + output_size[0], left : left + output_size[1]]


def conv_transpose2d_zero_insertion(x, w, output_size, stride, padding):
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
            y[:, p, q] += spread[:, row, column] @ w[kh - 1 - i, kw - 1 - j].T
    return y


def batch_norm(x, gamma, beta, eps):
    """Training mode: y = γ·(x − μ) / √(σ² + ε) + β for each channel; also returns μ and σ² (biased)."""
    y, mean, var = np.zeros_like(x), np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for c in range(x.shape[-1]):
        values = x[..., c]
        mean[c] = values.sum() / values.size
        var[c] = ((values - mean[c]) ** 2).sum() / values.size
        y[..., c] = gamma[c] * (values - mean[c]) / math.sqrt(var[c] + eps) + beta[c]
    return y, mean, var


def batch_norm_grad(x, dy, gamma, eps):
    """(dx, dγ, dβ) in training mode, from the Jacobian ∂x̂ᵢ/∂xⱼ = (δᵢⱼ − 1/m − x̂ᵢ·x̂ⱼ/m) / √(σ² + ε)."""
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for c in range(x.shape[-1]):
        values, g = x[..., c].ravel(), dy[..., c].ravel()
        m = values.size
        deviation = math.sqrt(values.var() + eps)
        normalized = (values - values.mean()) / deviation
        jacobian = (np.eye(m) - 1 / m - np.outer(normalized, normalized) / m) / deviation
        dx[..., c] = (gamma[c] * g @ jacobian).reshape(x.shape[:-1])
        dgamma[c], dbeta[c] = (g * normalized).sum(), g.sum()
    return dx, dgamma, dbeta


def batch_norm_eval(x, gamma, beta, running_mean, running_var, eps):
    """Evaluation mode: the running statistics are constants."""
    y = np.zeros_like(x)
    for c in range(x.shape[-1]):
        y[..., c] = gamma[c] * (x[..., c] - running_mean[c]) / math.sqrt(running_var[c] + eps) + beta[c]
    return y


def leaky_relu(x, slope):
    """x where x > 0, slope·x elsewhere."""
    return np.array([v if v > 0 else slope * v for v in x.ravel()]).reshape(x.shape)


def tanh(x):
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return np.array([(math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v)) for v in x.ravel()]).reshape(x.shape)


def sigmoid(x):
    """1 / (1 + e⁻ˣ)."""
    return np.array([1 / (1 + math.exp(-v)) for v in x.ravel()]).reshape(x.shape)


def embedding(labels, w):
    """Row `label` of the table for each label."""
    return np.array([w[label] for label in labels]).reshape(len(labels), w.shape[1])


def bce_with_logits(logits, targets):
    """−mean(t·log σ(l) + (1 − t)·log(1 − σ(l)))."""
    return bce(sigmoid(logits), targets)


def bce(probabilities, targets):
    """−mean(t·log p + (1 − t)·log(1 − p))."""
    pairs = zip(probabilities.ravel(), targets.ravel(), strict=True)
    return -sum(t * math.log(p) + (1 - t) * math.log(1 - p) for p, t in pairs) / probabilities.size


def least_squares(scores, targets):
    """mean((s − t)²) / 2."""
    return sum((s - t) ** 2 for s, t in zip(scores.ravel(), targets.ravel(), strict=True)) / scores.size / 2


def softmax_cross_entropy(logits, labels):
    """−mean(log(e^l_label / Σₖ e^lₖ))."""
    return -sum(
        math.log(math.exp(row[label]) / sum(math.exp(v) for v in row))
        for row, label in zip(logits, labels, strict=True)
    ) / len(logits)


def adam(theta, gradients, lr, betas, eps):
    """θ after one Adam step for each of `gradients`, one number at a time (Kingma and Ba 2015, algorithm 1)."""
    theta, (beta1, beta2) = theta.copy(), betas
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        for i in np.ndindex(*theta.shape):
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
            theta[i] -= lr * (m[i] / (1 - beta1**t)) / (math.sqrt(v[i] / (1 - beta2**t)) + eps)
    return theta
