"""Initial weights. Drawn by NumPy (see backend.RandomStream), so both backends start equal.

An initializer is called as `initializer(shape, fan_in, fan_out)` and returns a float32 array of `shape`.
"""

from minigan.backend import random, xp


def normal(std=0.02):
    """w ~ N(0, std²). DCGAN's choice is std = 0.02 (Radford, Metz and Chintala 2016, section 3)."""

    def draw(shape, fan_in, fan_out):
        return random.normal(shape) * std

    return draw


def glorot_uniform(shape, fan_in, fan_out):
    """w ~ U(−a, a) with a = √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16)."""
    limit = (6 / (fan_in + fan_out)) ** 0.5
    return (2 * random.uniform(shape) - 1) * limit


def zeros(shape):
    """Where biases start."""
    return xp.zeros(shape, "float32")


def ones(shape):
    """Where the scale of batch normalization starts."""
    return xp.ones(shape, "float32")
