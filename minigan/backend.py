"""The array library under everything: NumPy on the CPU, CuPy on a GPU.

`MINIGAN_BACKEND=numpy|cupy` chooses it, read once when this module is imported. `xp` is the chosen array
module. This is the only file that asks which backend it is; all others are written in terms of `xp`.
"""

import math
import os

import numpy as np

from minigan.errors import UserError, unknown_name

NAMES = ("numpy", "cupy")
name = os.environ.get("MINIGAN_BACKEND", "").strip().lower() or "numpy"


def _import_array_module():
    if name == "numpy":
        return np
    if name != "cupy":
        raise unknown_name("MINIGAN_BACKEND", name, NAMES)
    try:
        import cupy
    except ImportError as error:
        raise UserError(
            "MINIGAN_BACKEND=cupy, but CuPy cannot be imported: pip install 'minigan[cuda13x]' (CUDA 12: "
            f"'minigan[cuda12x]'), or unset MINIGAN_BACKEND to run on NumPy ({error})"
        ) from None
    if not cupy.cuda.is_available():
        raise UserError(
            "MINIGAN_BACKEND=cupy, but CuPy finds no GPU: check the driver with nvidia-smi, "
            "or unset MINIGAN_BACKEND to run on NumPy"
        )
    # One stream for everything: the default stream cannot be recorded as a CUDA graph.
    cupy.cuda.Stream(non_blocking=True).use()
    return cupy


xp = _import_array_module()
on_cpu = xp is np
precision = "fp32"  # how a GPU multiplies float32 matrices; set_precision changes it

PRECISIONS = {"fp32": "float32", "tf32": "float32", "bf16": "float32", "fp64": "float64"}


def set_precision(name):
    """Choose how products are made; returns the dtype of arrays that goes with it.

    "fp32" multiplies float32 numbers as they are. "tf32" and "bf16" round the factors to 10 and 7 bits of mantissa and
    use the tensor cores of a GPU; sums, weights and everything else stay float32. "fp64" is float64 throughout.
    Raises UserError for tf32 and bf16 on the CPU.
    """
    global precision
    if name not in PRECISIONS:
        raise unknown_name("precision", name, list(PRECISIONS))
    if on_cpu and name in ("tf32", "bf16"):
        raise UserError(f"--precision {name}: a GPU's (MINIGAN_BACKEND=cupy); on the CPU take fp32 or fp64")
    precision = name
    return np.dtype(PRECISIONS[name])


def asarray(array, dtype=None):
    """`array` (NumPy, a list, or already ours) as an array of this backend; copied only where it must be."""
    return xp.asarray(array, dtype=dtype)


def to_numpy(array):
    """`array` as a NumPy array on the host. On a GPU this waits for the device: never inside a step."""
    return array.get() if hasattr(array, "get") else np.asarray(array)


def synchronize():
    """Wait until the device has done all that was asked of it (a clock is read after this)."""
    if name == "cupy":
        xp.cuda.get_current_stream().synchronize()


class RandomStream:
    """Random numbers from a seed, the same on both backends: Philox 4×64 (Salmon et al. 2011).

    The generator is a function of a key, made of the seed, and a counter: block i is four numbers of 64 bits that
    depend on nothing else. On the CPU NumPy's own Philox computes them, on a GPU a kernel of ours, bit for bit the
    same; the counter lives on the device, so that a CUDA graph draws new numbers each time it is replayed.
    Normal numbers are made from pairs of uniform ones (Box and Muller 1958) in float64 and rounded to `dtype`:
    float32 and float64 networks start from the same weights and see the same noise, up to that rounding.
    """

    def __init__(self, seed=0):
        self._state = xp.zeros(3, "uint64")  # key, key, blocks used so far: one array, which a CUDA graph refers to
        self.seed(seed)

    def seed(self, seed):
        self._set(np.random.SeedSequence(seed).generate_state(2, np.uint64), 0)

    def normal(self, shape, dtype=np.float32):
        """Standard normal numbers, N(0, 1): √(−2·log u)·cos 2πv and √(−2·log u)·sin 2πv, with u in (0, 1]."""
        if not on_cpu:
            return self._draw_on_device("normal", shape, dtype)
        count = math.prod(np.atleast_1d(shape))
        raw = self._raw(count)
        u, v = ((raw[0::2] >> np.uint64(11)) + np.uint64(1)) * 2.0**-53, (raw[1::2] >> np.uint64(11)) * 2.0**-53
        radius, angle = np.sqrt(-2 * np.log(u)), 2 * math.pi * v
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return pairs.reshape(-1)[:count].astype(dtype).reshape(shape)

    def uniform(self, shape, dtype=np.float32):
        """Uniform numbers in [0, 1), multiples of 2⁻²⁴."""
        if not on_cpu:
            return self._draw_on_device("uniform", shape, dtype)
        count = math.prod(np.atleast_1d(shape))
        return ((self._raw(count)[:count] >> np.uint64(40)) * 2.0**-24).astype(dtype).reshape(shape)

    def state(self):
        """The state as a dictionary of integers; JSON can hold it."""
        *key, counter = to_numpy(self._state).tolist()
        return {"generator": "Philox 4x64", "key": key, "counter": counter}

    def restore(self, state):
        """Go on from a `state()` taken earlier."""
        self._set(state["key"], state["counter"])

    def _set(self, key, counter):
        self._state[...] = asarray(np.array([*key, counter], np.uint64))

    def _raw(self, count):
        """At least `count` numbers of 64 bits, whole blocks of four."""
        blocks = -(-count // 4)
        raw = np.random.Philox(key=self._state[:2], counter=int(self._state[2])).random_raw(4 * blocks)
        self._state[2] += np.uint64(blocks)
        return raw

    def _draw_on_device(self, distribution, shape, dtype):
        from minigan.ops.cupy_kernels import draw

        return draw(distribution, self._state, shape, dtype)


random = RandomStream()


def seed(seed):
    """Start the shared stream anew: initial weights, noise and dropout masks all come from it."""
    random.seed(seed)
