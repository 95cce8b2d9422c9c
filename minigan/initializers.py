"""Initial weights. They come from a RandomStream, so both backends start from the same numbers.

An initializer is called as `initializer(shape, fan_in, fan_out)` and returns a float32 array of `shape`.
"""

from collections.abc import Callable

from minigan.backend import Array, xp
from minigan.random import RandomStream, default_stream

Initializer = Callable[[tuple[int, ...], int, int], Array]


def normal(std: float = 0.02, random: RandomStream | None = None) -> Initializer:
    """w ~ N(0, std²). DCGAN uses std = 0.02 (Radford, Metz and Chintala 2016, section 3).

    random: the stream the weights are drawn from; the default stream if None.
    """
    random = random or default_stream

    def draw(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return random.normal(shape) * std

    return draw


def glorot_uniform(random: RandomStream | None = None) -> Initializer:
    """w ~ U(−a, a) with a = √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16).

    random: the stream the weights are drawn from; the default stream if None.
    """
    random = random or default_stream

    def draw(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        limit = (6 / (fan_in + fan_out)) ** 0.5
        return (2 * random.uniform(shape) - 1) * limit

    return draw


def zeros(shape: int | tuple[int, ...]) -> Array:
    """Zeros, float32: the initial biases, and the initial β and running mean of batch normalization."""
    return xp.zeros(shape, "float32")


def ones(shape: int | tuple[int, ...]) -> Array:
    """Ones, float32: the initial γ and running variance of batch normalization."""
    return xp.ones(shape, "float32")
