"""IDX files, the format that MNIST is published in: a short header, then the numbers, row by row.

The header: two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of axes, then four bytes for
the length of each axis, the most significant byte first.
"""

import gzip
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minigan.errors import DataError
from minigan.foreign import printable, reading, require_regular

UNSIGNED_BYTES = 8
OVERHEAD = 2**16  # bytes that gzip may add to numbers that cannot be compressed, and its header


def read_idx(path: Path, max_count: int, item_shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """The array (count, *item_shape) of an IDX file of unsigned bytes, plain or gzip, with 1 to `max_count` items.

    The header is compared with what is expected before anything else is read, and no more is read than it says.

    Raises DataError if the file cannot be read, is cut short or too long, or has other axes or more items.
    """
    name, ndim = printable(path, 200), 1 + len(item_shape)
    expected = f"an intact IDX file of at most {' × '.join(f'{n:,}' for n in (max_count, *item_shape))} bytes"
    with reading(path, expected, "replace it"):
        require_regular(path, max_count * math.prod(item_shape) + OVERHEAD, remedy="replace it")
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            header = file.read(4)
            if header != bytes((0, 0, UNSIGNED_BYTES, ndim)):
                raise DataError(
                    f"{name}: expected an IDX file of unsigned bytes with {ndim} axes, got one that begins with "
                    f"{header.hex(' ') or 'nothing'}; replace it"
                )
            lengths = file.read(4 * ndim)
            if len(lengths) != 4 * ndim:
                raise DataError(f"{name}: expected {expected}, got one that is cut short in its header; replace it")
            count, *rest = np.frombuffer(lengths, ">u4").tolist()
            if tuple(rest) != item_shape or not 1 <= count <= max_count:
                shape = " × ".join(f"{n:,}" for n in (count, *rest))
                raise DataError(f"{name}: expected {expected}, got {shape} according to its header; replace it")
            size = count * math.prod(item_shape)
            content = file.read(size + 1)  # one byte more, to notice a file that is too long
    if len(content) != size:
        got = f"{len(content):,}" if len(content) <= size else "more"
        raise DataError(f"{name}: expected {size:,} numbers according to its header, got {got}; replace it")
    return np.frombuffer(content, np.uint8).reshape(count, *item_shape)
