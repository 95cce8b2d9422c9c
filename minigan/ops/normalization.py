"""Batch normalization, with an optional LeakyReLU after it, on whole arrays: the readable path, for both backends.

x: (groups, m, C), the m values of a channel in a column; each group is normalized with its own statistics.
cpu/normalization.py computes the same in cache-sized chunks, gpu/normalization.cu in one kernel for each direction.
"""

from typing import NamedTuple

from minigan.backend import Array, xp
from minigan.ops.elementwise import leaky_relu, leaky_relu_grad


class Statistics(NamedTuple):
    """What a batch was normalized with: the mean μ and inv_std = 1/√(σ² + ε), (groups, C) each."""

    mean: Array
    inv_std: Array


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_var: Array,
    eps: float,
    momentum: float,
    slope: float = 1,
) -> tuple[Array, Statistics]:
    """(y, statistics) in training mode; the running statistics are updated in place."""
    mean = x.mean(axis=1)  # (groups, C)
    var = xp.square(x - mean[:, None]).mean(axis=1)
    for group in range(len(x)):
        update_running_statistics(running_mean, running_var, mean[group], var[group], x.shape[1], momentum)
    statistics = Statistics(mean, 1 / xp.sqrt(var + eps))
    return normalize(x, statistics, gamma, beta, slope), statistics


def normalize(x: Array, statistics: Statistics, gamma: Array, beta: Array, slope: float = 1) -> Array:
    """y = LeakyReLU(γ·(x − μ)·inv_std + β), group by group; a slope of 1 is no activation."""
    scale = gamma * statistics.inv_std  # (groups, C)
    y = (x - statistics.mean[:, None]) * scale[:, None] + beta
    return y if slope == 1 else leaky_relu(y, slope)


def batch_norm_grad(
    x: Array,
    dy: Array,
    statistics: Statistics,
    gamma: Array,
    train: bool = True,
    activation: tuple[Array, float] | None = None,
    add_to: tuple[Array, Array] | None = None,
    input_grad: bool = True,
) -> Array | None:
    """dx, or None if input_grad is False; Σ dy·x̂ and Σ dy over all groups are added to `add_to`, (dγ, dβ), if given.

    activation: (y, slope) if a LeakyReLU came after the normalization, with y its output.
    train: dx = γ·inv_std·(dy − Σ dy / m − x̂·Σ dy·x̂ / m); in evaluation mode the statistics are constants, and
    dx = γ·inv_std·dy.
    """
    if activation is not None:
        y, slope = activation
        dy = leaky_relu_grad(y, dy, slope)
    normalized = (x - statistics.mean[:, None]) * statistics.inv_std[:, None]  # x̂
    sum_dy = dy.sum(axis=1)  # (groups, C)
    sum_dy_normalized = (dy * normalized).sum(axis=1)
    if add_to is not None:
        dgamma, dbeta = add_to
        dgamma += sum_dy_normalized.sum(axis=0)
        dbeta += sum_dy.sum(axis=0)
    if not input_grad:
        return None
    if train:
        m = x.shape[1]
        # μ and σ² depend on every x of their channel, so each dx loses its share of both sums.
        dy = dy - sum_dy[:, None] / m - normalized * (sum_dy_normalized[:, None] / m)
    return dy * (gamma * statistics.inv_std)[:, None]


def update_running_statistics(
    running_mean: Array, running_var: Array, mean: Array, var: Array, m: int, momentum: float
) -> None:
    """running ← (1 − momentum)·running + momentum·batch, in place, with the unbiased variance σ²·m / (m − 1)."""
    running_mean *= 1 - momentum
    running_mean += momentum * mean
    running_var *= 1 - momentum
    running_var += momentum * (m / (m - 1)) * var
