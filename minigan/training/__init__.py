"""Training runs: the loop, the trainers of GANs and of classifiers, their metrics, and the EMA of the weights."""

from minigan.training.loop import Interrupted, make_trainer, train
from minigan.training.trainer import Diverged

__all__ = ["Diverged", "Interrupted", "make_trainer", "train"]
