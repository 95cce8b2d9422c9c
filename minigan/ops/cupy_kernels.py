"""The kernels of kernels.cu on CuPy arrays: compiled at first use, launched with a grid that fits.

Every launch is legal inside a stream capture: no allocation, no reading back. The scratch memory is made once.
"""

from functools import cache
from pathlib import Path

import numpy as np

from minigan import backend
from minigan.backend import xp

ROWS, THREADS, STAGES = 128, 256, 3  # of a block's tile, as in kernels.cu (struct Tiles)
NULL = np.uint64(0)  # a pointer to nothing
MOST_SHARED = 48 * 1024  # a kernel that needs more has to ask


@cache
def kernel(name):
    """The compiled kernel; the first call compiles the file, for some seconds, and CuPy keeps the result on disk."""
    return module().get_function(name)


@cache
def module():
    code = Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")
    return xp.RawModule(code=code, options=("-std=c++17",))


@cache
def multiprocessors():
    return int(xp.cuda.Device().attributes["MultiProcessorCount"])


@cache
def scratch():
    """(partial sums, meetings of blocks, tickets): shared by all launches, which come one after another."""
    return (
        xp.empty(multiprocessors() * ROWS * 64 * 8, "uint8"),
        xp.zeros(2 * 1024, "uint32"),
        xp.zeros(1, "uint32"),
    )


def suffix(dtype):
    """The kernels' name for a dtype: "fp32" or "fp64"."""
    try:
        return {"float32": "fp32", "float64": "fp64"}[str(dtype)]
    except KeyError:
        raise TypeError(f"expected float32 or float64, got {dtype}") from None


launches = 0  # so far, for `minigan bench`


def launch(name, grid, block, *arguments, shared=0):
    """Launch one kernel. Python numbers become int32 or float64: a kernel takes `int` and `double`."""
    global launches
    launches += 1
    run = kernel(name)
    if shared > MOST_SHARED and run.max_dynamic_shared_size_bytes < shared:
        run.max_dynamic_shared_size_bytes = shared
        run.preferred_shared_memory_carveout = 100  # percent: else the driver may leave room for one block only
    run(grid, block, tuple(_argument(a) for a in arguments), shared_mem=shared)


def _argument(a):
    if a is None:
        return NULL
    if isinstance(a, (bool, int)):
        return np.int32(a)
    return np.float64(a) if isinstance(a, float) else a


def each(n):
    """(grid, block) for n numbers, several to a thread where they are many."""
    return (max(1, min(-(-n // THREADS), 8 * multiprocessors())),), (THREADS,)


def product(kind, a, b, result, geometry, bias=None, add=False):
    """One matrix product of kernels.cu: kind "forward", "input_gradient" or "weight_gradient".

    geometry: (n, h, w, c, oh, ow, o, kh, kw, sh, sw, top, left). Arrays are contiguous and of one dtype.
    """
    n, h, w, c, oh, ow, o, kh, kw, sh, sw, *_ = geometry
    if result.size == 0:
        return
    phases = sh * sw if kind == "input_gradient" else 1
    rows, depth, columns = {
        "forward": (n * oh * ow, kh * kw * c, o),
        "input_gradient": (n * -(-h // sh) * -(-w // sw), -(-kh // sh) * -(-kw // sw) * o, c),
        "weight_gradient": (kh * kw * c, n * oh * ow, o),
    }[kind]
    if max(a.size, b.size, result.size) >= 2**31:
        raise ValueError(f"a product of more than 2³¹ numbers, got {a.shape} and {b.shape}; take a smaller batch")
    across = 64 if columns > 16 else 16
    step = 16 if result.dtype.itemsize == 8 else 32
    down, wide = -(-rows // ROWS), -(-columns // across)
    # A product of few tiles is shared out along its depth, among as many blocks as run at once: they meet at the end.
    splits = max(1, min(multiprocessors() // (down * wide * phases), -(-depth // step) // 4))
    partial, meetings, _ = scratch()
    vector = 16 // result.dtype.itemsize
    vector_a = (o if kind == "input_gradient" else c) % vector == 0 and a.data.ptr % 16 == 0
    vector_b = o % vector == 0 and b.data.ptr % 16 == 0
    name = suffix(result.dtype)
    launch(
        f"{kind}_{across}_{backend.precision if name == 'fp32' else name}",
        (down, wide, phases * splits),
        (THREADS,),
        a,
        b,
        bias,
        result,
        add,
        *map(int, geometry),
        splits,
        vector_a,
        vector_b,
        partial,
        meetings,
        shared=tile_bytes(kind, across, step, result.dtype.itemsize),
    )


def tile_bytes(kind, across, step, itemsize):
    """Shared memory of a product: struct Tiles of kernels.cu."""
    a = step * (ROWS + 8) if kind == "weight_gradient" else ROWS * (step + 4)
    b = across * (step + 4) if kind == "input_gradient" else step * (across + 8)
    return STAGES * (a + b) * itemsize


def by_columns(batches, m, channels, dtype):
    """(grid, block, partial sums, meetings, shared memory) of a kernel that sums over the rows of (batches, m, C).

    No more blocks than multiprocessors: they wait for each other.
    """
    blocks = max(1, multiprocessors() // batches)
    groups = min(-(-channels // 32), blocks)
    chunks = max(1, min(blocks // groups, -(-m // 32)))
    partial, meetings, _ = scratch()
    needed = batches * chunks * 2 * channels * dtype.itemsize
    if needed > partial.size:
        partial = xp.empty(needed, "uint8")
    height = 32 if m >= 1024 else 8  # rows of a block
    return (groups, chunks, batches), (32, height), partial, meetings, 2 * height * 32 * 8


def draw(distribution, stream, shape, dtype):
    """Numbers from Philox, "normal" or "uniform"; stream: {key, key, blocks of four used}, the last moves on."""
    out = xp.empty(shape, dtype)
    n = np.int64(out.size)
    launch(f"{distribution}_{suffix(out.dtype)}", *each(int(n)), out, stream, n, scratch()[2])
    return out
