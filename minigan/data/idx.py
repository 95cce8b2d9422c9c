"""IDX files, the format that MNIST is published in: a short header, then the numbers, row by row.

two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of axes,
four bytes for the length of each axis (the most significant first), the numbers
"""

import gzip
import math
import zlib

import numpy as np

from minigan.errors import DataError

UNSIGNED_BYTES = 8


def read_idx(path, axes):
    """The array of an IDX file of unsigned bytes, plain or gzip, with that many axes.

    Raises DataError where the file cannot be read, is cut short or too long, or holds something else.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            header = file.read(4)
            if header != bytes((0, 0, UNSIGNED_BYTES, axes)):
                raise DataError(
                    f"{path}: expected an IDX file of unsigned bytes with {axes} axes, got one that begins with "
                    f"{header.hex(' ') or 'nothing'}; replace it"
                )
            shape = np.frombuffer(file.read(4 * axes), ">u4")
            expected = math.prod(shape.tolist()) if len(shape) == axes else 0
            content = file.read(min(expected, 2**31) + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read or is cut short ({error}); replace it") from error
    if len(shape) != axes or len(content) != expected:
        got = f"{len(content):,}" if len(content) <= expected else "more"
        raise DataError(f"{path}: expected {expected:,} numbers, as its header says, got {got}; replace it")
    return np.frombuffer(content, np.uint8).reshape(shape.tolist())
