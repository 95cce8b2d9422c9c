"""An exponential moving average of a network: what it has been like of late, without the last steps' swings."""

import copy

from minigan.backend import xp


class MovingAverage:
    """θ̄ ← θ̄ + (1 − βₜ)·(θ − θ̄) with βₜ = min(β, (1 + t) / (10 + t)).

    The generator circles around the equilibrium rather than standing still in it; the mean of its weights lies closer
    to the middle (Yazıcı et al. 2019). βₜ grows to β, so that the first weights are soon forgotten. Running statistics
    of batch normalization are averaged like weights.

    network: what is averaged; decay: β in (0, 1). `average` is the network of the means; t: the step count on the
    device, as Adam keeps it.
    """

    def __init__(self, network, decay):
        self.network, self.decay = network, decay
        self.average = copy.deepcopy(network)

    def update(self, t):
        """Move the average towards the network, after its optimizer's step t."""
        share = 1 - xp.minimum(self.decay, (1 + t) / (10 + t))
        for mean, value in zip(_arrays(self.average), _arrays(self.network), strict=True):
            mean += share.astype(mean.dtype) * (value - mean)


def _arrays(network):
    """Weights and running statistics, in a fixed order."""
    return [param.value for param in network.parameters()] + [array for _, array in network.named_buffers()]
