"""Compile the kernels of products.cu, normalization.cu and elementwise.cu, and launch them on CuPy arrays.

A kernel is called "file.name", such as "elementwise.adam". Its file is compiled for a precision when a kernel of it is
first launched; CuPy keeps the result on disk. A launch reads nothing back from the device, so it can be recorded in a
CUDA graph. Launches share scratch memory, so they must run one after another, on streams that are ordered.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigan import backend
from minigan.backend import Array, xp

TILE_ROWS, STAGES = 128, 3  # as in tiles.cuh, struct Tile
BLOCK_THREADS = 256
MIN_STEPS = 4  # of a product's depth, for each block that shares it
MAX_DEFAULT_SHARED = 48 * 1024  # bytes of shared memory; a kernel must be set up to use more
NULL_POINTER = np.uint64(0)

launches = 0  # of our kernels so far, for `minigan bench`


def source(file: str) -> str:
    """The text of a .cu file with its headers: CuPy recompiles when the text changes, but it does not read headers."""

    def read(name: str) -> str:
        return Path(__file__).with_name(name).read_text(encoding="ascii")

    return re.sub(r'^#include "(\w+\.cuh)"$', lambda line: read(line[1]), read(f"{file}.cu"), flags=re.MULTILINE)


@cache
def module(file: str, precision: str) -> Any:
    """A .cu file, compiled for one precision; the first time on a machine, that takes some seconds."""
    return xp.RawModule(code=source(file), options=("-std=c++17", f"-DPRECISION={precision.upper()}"))


@cache
def kernel(name: str, precision: str) -> Any:
    """A compiled kernel, called "file.name"."""
    file, function = name.split(".")
    return module(file, precision).get_function(function)


def precision_of(dtype: npt.DTypeLike, file: str) -> str:
    """ "fp32" or "fp64", as the dtype says; "tf32" or "bf16" for float32 products if the backend is set to that."""
    try:
        precision = {"float32": "fp32", "float64": "fp64"}[str(dtype)]
    except KeyError:
        raise TypeError(f"expected float32 or float64, got {dtype}") from None
    if file == "products" and precision == "fp32" and backend.precision in ("tf32", "bf16"):
        return backend.precision
    return precision


@cache
def multiprocessors() -> int:
    """Multiprocessors of the device. That many blocks run at the same time, whatever the kernel."""
    return int(xp.cuda.Device().attributes["MultiProcessorCount"])


class Scratch(NamedTuple):
    """Memory that all kernels share, allocated once."""

    partial: Array  # sums of single blocks, in bytes
    barriers: Array  # {arrivals, generation} of each grid barrier, 0 at first
    ticket: Array  # the counter of last_block in elementwise.cu, 0 between launches


@cache
def scratch() -> Scratch:
    """The scratch memory of the device."""
    return Scratch(
        xp.empty(multiprocessors() * TILE_ROWS * 64 * 8, "uint8"),
        xp.zeros(2 * 1024, "uint32"),
        xp.zeros(1, "uint32"),
    )


def launch(
    name: str,
    dtype: npt.DTypeLike,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    *arguments: Any,
    shared: int = 0,
) -> None:
    """Launch the kernel "file.name" for arrays of a dtype. Raises TypeError for one that kernels are not made for.

    arguments: arrays, or None for a null pointer; Python numbers become int32 or float64 (the kernel takes `int` or
    `double`). shared: bytes of shared memory.
    """
    global launches
    launches += 1
    run = kernel(name, precision_of(dtype, name.split(".")[0]))
    if shared > MAX_DEFAULT_SHARED and run.max_dynamic_shared_size_bytes < shared:
        run.max_dynamic_shared_size_bytes = shared
        run.preferred_shared_memory_carveout = 100  # percent; otherwise the driver may leave room for one block only
    run(grid, block, tuple(_argument(a) for a in arguments), shared_mem=shared)


def _argument(a: Any) -> Any:
    if a is None:
        return NULL_POINTER
    if isinstance(a, (bool, int)):
        return np.int32(a)
    return np.float64(a) if isinstance(a, float) else a


def grid_for(n: int) -> tuple[tuple[int], tuple[int]]:
    """(grid, block) of a loop over n numbers, several of them for each thread if there are many."""
    return (max(1, min(-(-n // BLOCK_THREADS), 8 * multiprocessors())),), (BLOCK_THREADS,)


class Geometry(NamedTuple):
    """A convolution: x (n, h, w, c), y (n, oh, ow, o), kernel (kh, kw, c, o), strides, padding (operands.cuh)."""

    n: int
    h: int
    w: int
    c: int
    oh: int
    ow: int
    o: int
    kh: int
    kw: int
    sh: int
    sw: int
    top: int
    left: int


def implicit_gemm(
    kind: str, a: Array, b: Array, result: Array, geometry: Geometry, bias: Array | None = None, add: bool = False
) -> None:
    """result = a·b + bias, or with `add` result += a·b, where a and b stand for the matrices of operands.cuh.

    The arrays are contiguous and of one dtype.
    kind: "forward" (a, b are x, w), "input_gradient" (dy, w) or "weight_gradient" (x, dy).
    Raises ValueError for an array of 2³¹ numbers or more.
    """
    if result.size == 0:
        return
    if max(a.size, b.size, result.size) >= 2**31:
        raise ValueError(f"expected arrays of fewer than 2³¹ numbers, got {a.shape} and {b.shape}; use a smaller batch")
    g, itemsize = geometry, result.dtype.itemsize
    phases = g.sh * g.sw if kind == "input_gradient" else 1
    rows, depth, columns = {
        "forward": (g.n * g.oh * g.ow, g.kh * g.kw * g.c, g.o),
        "input_gradient": (g.n * -(-g.h // g.sh) * -(-g.w // g.sw), -(-g.kh // g.sh) * -(-g.kw // g.sw) * g.o, g.c),
        "weight_gradient": (g.kh * g.kw * g.c, g.n * g.oh * g.ow, g.o),
    }[kind]
    tile_columns = 64 if columns > 16 else 16
    tile_depth = 16 if itemsize == 8 else 32
    tiles_down, tiles_across = -(-rows // TILE_ROWS), -(-columns // tile_columns)
    # Split-K: if there are few tiles, several blocks share the depth of each, as many as run at the same time.
    free_blocks = multiprocessors() // (tiles_down * tiles_across * phases)
    splits = max(1, min(free_blocks, -(-depth // tile_depth) // MIN_STEPS))
    vector = 16 // itemsize
    vector_a = (g.o if kind == "input_gradient" else g.c) % vector == 0 and is_aligned(a)
    vector_b = g.o % vector == 0 and is_aligned(b)
    launch(
        f"products.{kind}_{tile_columns}",
        result.dtype,
        (tiles_down, tiles_across, phases * splits),
        (BLOCK_THREADS,),
        a,
        b,
        bias,
        result,
        add,
        *map(int, geometry),
        splits,
        vector_a,
        vector_b,
        scratch().partial,
        scratch().barriers,
        shared=tile_bytes(kind, tile_columns, tile_depth, itemsize),
    )


def is_aligned(array: Any) -> bool:
    """Whether 16 bytes at a time can be copied from the start of the array."""
    return array.data.ptr % 16 == 0


def tile_bytes(kind: str, tile_columns: int, tile_depth: int, itemsize: int) -> int:
    """Bytes of shared memory that a product's tiles take (tiles.cuh, struct Tile)."""
    a = tile_depth * (TILE_ROWS + 8) if kind == "weight_gradient" else TILE_ROWS * (tile_depth + 4)
    b = tile_columns * (tile_depth + 4) if kind == "input_gradient" else tile_depth * (tile_columns + 8)
    return STAGES * (a + b) * itemsize


class RowSums(NamedTuple):
    """How a kernel of normalization.cu is launched, which sums over the rows of (groups, m, C)."""

    grid: tuple[int, int, int]
    block: tuple[int, int]
    partial: Array
    barrier: Array
    shared: int


def row_sums(groups: int, m: int, channels: int, dtype: np.dtype[Any]) -> RowSums:
    """The launch for (groups, m, C): no more blocks than multiprocessors, since they wait at a grid barrier."""
    blocks = max(1, multiprocessors() // groups)
    strips = min(-(-channels // 32), blocks)
    chunks = max(1, min(blocks // strips, -(-m // 32)))
    partial, barrier, _ = scratch()
    needed = groups * chunks * 2 * channels * dtype.itemsize
    if needed > partial.size:
        partial = xp.empty(needed, "uint8")
    height = 32 if m >= 1024 else 8  # rows of a block
    return RowSums((strips, chunks, groups), (32, height), partial, barrier, 2 * height * 32 * 8)


def draw(distribution: str, stream: Array, shape: Any, dtype: npt.DTypeLike) -> Array:
    """Random numbers, "normal" or "uniform". stream: {key, key, blocks of four numbers used}; the kernel counts on."""
    out = xp.empty(shape, dtype)
    n = out.size
    launch(f"elementwise.{distribution}", out.dtype, *grid_for(n), out, stream, np.int64(n), scratch().ticket)
    return out
