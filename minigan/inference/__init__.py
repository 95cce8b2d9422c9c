"""Trained networks at work: sampling from a generator, and classifying images with the scoring classifier."""

from minigan.inference.sampler import Sampler, sample

__all__ = ["Sampler", "sample"]
