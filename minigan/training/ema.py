"""Exponential moving average (EMA) of a network's weights."""

import copy

from minigan.backend import Array, xp
from minigan.layers import Layer


class EMA:
    """θ̄ ← θ̄ + (1 − βₜ)·(θ − θ̄) with βₜ = min(β, (1 + t) / (10 + t)).

    The generator circles around the equilibrium instead of reaching it, and the mean of its weights is closer to the
    centre (Yazıcı et al. 2019). βₜ grows towards β, so the first weights are soon forgotten. Running statistics of
    batch normalization are averaged like weights.

    network: the network to average; decay: β in (0, 1). `average` is a copy of the network that holds the means.
    """

    def __init__(self, network: Layer, decay: float) -> None:
        self.network, self.decay = network, decay
        self.average = copy.deepcopy(network)

    def update(self, t: Array) -> None:
        """Move the average towards the network, after step t of its optimizer; t: a scalar on the device, Adam's t."""
        weight = 1 - xp.minimum(self.decay, (1 + t) / (10 + t))
        for mean, value in zip(_arrays(self.average), _arrays(self.network), strict=True):
            mean += weight.astype(mean.dtype) * (value - mean)


def _arrays(network: Layer) -> list[Array]:
    """Weights and running statistics, in a fixed order."""
    return [param.value for param in network.parameters()] + [array for _, array in network.named_buffers()]
