"""Metrics of generated images, computed from the probabilities and features of any network, or from pixels."""

from minigan.metrics.diversity import diversity
from minigan.metrics.frechet import frechet_distance, mean_and_covariance
from minigan.metrics.inception_score import inception_score
from minigan.metrics.modes import class_histogram, mode_coverage
from minigan.metrics.neighbours import nearest_neighbours

__all__ = [
    "class_histogram",
    "diversity",
    "frechet_distance",
    "inception_score",
    "mean_and_covariance",
    "mode_coverage",
    "nearest_neighbours",
]
