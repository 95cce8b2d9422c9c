"""Random numbers: reproducible streams that give the same numbers on the CPU and on a GPU."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.backend import Array, asarray, on_cpu, to_numpy, xp


class RandomStream:
    """A stream of random numbers from a seed, the same on both backends: Philox 4×64 (Salmon et al. 2011).

    The generator is a function of a key, which is derived from the seed, and of a counter: block i holds four 64-bit
    numbers that depend on nothing else. On the CPU NumPy's own Philox computes them, on a GPU a kernel of ours, bit for
    bit the same; the counter is kept on the device, so a CUDA graph draws new numbers every time it is replayed. Normal
    numbers are computed from pairs of uniform ones (Box and Muller 1958) in float64 and rounded to `dtype`: float32 and
    float64 networks start from the same weights and see the same noise, up to that rounding.

    seed: an integer of at least 0, or a sequence of them. Two streams never affect each other: a training run has one
    of its own, so several runs can share a process.
    """

    def __init__(self, seed: int | Sequence[int] = 0) -> None:
        self._state = xp.zeros(3, "uint64")  # key, key, number of blocks used: one array, as a CUDA graph refers to it
        self.seed(seed)

    def seed(self, seed: int | Sequence[int]) -> None:
        """Restart the stream from `seed`."""
        self._set(np.random.SeedSequence(seed).generate_state(2, np.uint64), 0)

    def normal(self, shape: int | Sequence[int], dtype: npt.DTypeLike = np.float32) -> Array:
        """Standard normal numbers, N(0, 1): √(−2·log u)·cos 2πv and √(−2·log u)·sin 2πv, with u in (0, 1]."""
        if not on_cpu:
            return self._draw_on_device("normal", shape, dtype)
        count = math.prod(np.atleast_1d(shape))
        raw = self._raw(count)
        u, v = ((raw[0::2] >> np.uint64(11)) + np.uint64(1)) * 2.0**-53, (raw[1::2] >> np.uint64(11)) * 2.0**-53
        radius, angle = np.sqrt(-2 * np.log(u)), 2 * math.pi * v
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return pairs.reshape(-1)[:count].astype(dtype).reshape(shape)

    def uniform(self, shape: int | Sequence[int], dtype: npt.DTypeLike = np.float32) -> Array:
        """Uniform numbers in [0, 1), multiples of 2⁻²⁴."""
        if not on_cpu:
            return self._draw_on_device("uniform", shape, dtype)
        count = math.prod(np.atleast_1d(shape))
        return ((self._raw(count)[:count] >> np.uint64(40)) * 2.0**-24).astype(dtype).reshape(shape)

    def state(self) -> dict[str, Any]:
        """The state as a dictionary that JSON can hold."""
        *key, counter = to_numpy(self._state).tolist()
        return {"generator": "Philox 4x64", "key": key, "counter": counter}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state()` saved earlier."""
        self._set(state["key"], state["counter"])

    def _set(self, key: Any, counter: int) -> None:
        self._state[...] = asarray(np.array([*key, counter], np.uint64))

    def _raw(self, count: int) -> npt.NDArray[np.uint64]:
        """At least `count` 64-bit numbers, in whole blocks of four."""
        blocks = -(-count // 4)
        raw = np.random.Philox(key=self._state[:2], counter=int(self._state[2])).random_raw(4 * blocks)
        self._state[2] += np.uint64(blocks)
        return raw

    def _draw_on_device(self, distribution: str, shape: int | Sequence[int], dtype: npt.DTypeLike) -> Array:
        from minigan.ops.gpu.launch import draw

        return draw(distribution, self._state, shape, dtype)


default_stream = RandomStream()  # used wherever no stream is passed in; `minigan.backend.random` is the same object


def seed(seed: int | Sequence[int]) -> None:
    """Restart the default stream: weights, noise and dropout masks come from it unless another stream is passed in."""
    default_stream.seed(seed)
