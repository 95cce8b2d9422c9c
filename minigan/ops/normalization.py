"""Batch normalization with LeakyReLU after it, whole arrays at a time: the readable path, on both backends.

x: (batches, m, C), the m values of a channel in a column; each batch is normalized by its own statistics.
numpy_normalization.py does the same in cache-sized pieces, kernels.cu in one kernel for each direction.
"""

from minigan.backend import xp
from minigan.ops.elementwise import leaky_relu_grad


def batch_norm(x, gamma, beta, running_mean, running_var, eps, momentum, slope=1):
    """(y, μ, 1/√(σ² + ε)) in training mode, the last two (batches, C); the running statistics move in place."""
    mean = x.mean(axis=1)  # (batches, C)
    var = xp.square(x - mean[:, None]).mean(axis=1)
    for batch in range(len(x)):
        move_running_statistics(running_mean, running_var, mean[batch], var[batch], x.shape[1], momentum)
    inverse_deviation = 1 / xp.sqrt(var + eps)
    return normalize(x, mean, inverse_deviation, gamma, beta, slope), mean, inverse_deviation


def normalize(x, mean, inverse_deviation, gamma, beta, slope=1):
    """y = LeakyReLU(γ·(x − μ)·inverse_deviation + β), batch by batch; a slope of 1 is no activation."""
    scale = gamma * inverse_deviation  # (batches, C)
    y = (x - mean[:, None]) * scale[:, None] + beta
    return y if slope == 1 else xp.maximum(y, slope * y)


def batch_norm_grad(x, y, dy, mean, inverse_deviation, gamma, slope, train, dgamma, dbeta, input_grad=True):
    """dx, or None without input_grad; Σ dy·x̂ and Σ dy over all batches are added to dgamma and dbeta.

    y: the output, where LeakyReLU came after it, else None. dgamma, dbeta: None where they are not wanted.
    train: dx = γ·inverse_deviation·(dy − Σ dy / m − x̂·Σ dy·x̂ / m); without it, the statistics are constants.
    """
    if y is not None:
        dy = leaky_relu_grad(y, dy, slope)
    normalized = (x - mean[:, None]) * inverse_deviation[:, None]  # x̂
    sum_dy = dy.sum(axis=1)  # (batches, C)
    sum_dy_normalized = (dy * normalized).sum(axis=1)
    if dgamma is not None:
        dbeta += sum_dy.sum(axis=0)
        dgamma += sum_dy_normalized.sum(axis=0)
    if not input_grad:
        return None
    if train:
        m = x.shape[1]
        dy = dy - sum_dy[:, None] / m - normalized * (sum_dy_normalized[:, None] / m)
    return dy * (gamma * inverse_deviation)[:, None]


def move_running_statistics(running_mean, running_var, mean, var, m, momentum):
    """running ← (1 − momentum)·running + momentum·batch, with the unbiased variance σ²·m / (m − 1)."""
    running_mean *= 1 - momentum
    running_mean += momentum * mean
    running_var *= 1 - momentum
    running_var += momentum * (m / (m - 1)) * var
