"""Runs: of two networks that play against each other, or of a classifier that judges them."""

from minigan.trainers.base import BaseTrainer, Diverged
from minigan.trainers.classifier import ClassifierTrainer, build_classifier, classify
from minigan.trainers.gan import GanTrainer, build_networks, generate

__all__ = [
    "BaseTrainer",
    "ClassifierTrainer",
    "Diverged",
    "GanTrainer",
    "build_classifier",
    "build_networks",
    "classify",
    "generate",
]
