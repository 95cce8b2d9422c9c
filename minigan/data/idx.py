"""IDX files, the format that MNIST is published in: a short header, then the numbers, row by row.

The header: two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of axes, then four bytes for
the length of each axis, the most significant byte first.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minigan.errors import DataError

UNSIGNED_BYTES = 8


def read_idx(path: Path, ndim: int) -> npt.NDArray[np.uint8]:
    """The array, with `ndim` axes, of an IDX file of unsigned bytes, plain or gzip.

    Raises DataError if the file cannot be read, is cut short or too long, or holds something else.
    """
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            header = file.read(4)
            if header != bytes((0, 0, UNSIGNED_BYTES, ndim)):
                raise DataError(
                    f"{path}: expected an IDX file of unsigned bytes with {ndim} axes, got one that begins with "
                    f"{header.hex(' ') or 'nothing'}; replace it"
                )
            shape = np.frombuffer(file.read(4 * ndim), ">u4")
            expected = math.prod(shape.tolist()) if len(shape) == ndim else 0
            # One byte more than expected, to notice a file that is too long; never more than 2 GiB, whatever the
            # header says.
            content = file.read(min(expected, 2**31) + 1)
    except DataError:  # a ValueError, too
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read or is cut short ({error}); replace it") from error
    if len(shape) != ndim or len(content) != expected:
        got = f"{len(content):,}" if len(content) <= expected else "more"
        raise DataError(f"{path}: expected {expected:,} numbers according to its header, got {got}; replace it")
    return np.frombuffer(content, np.uint8).reshape(shape.tolist())
