"""Integer arrays from .npz files, with bounds: numpy.load would take memory for whatever size a header states."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt

from minigan.errors import DataError
from minigan.foreign import printable, reading, require_regular

MAX_HEADER = 1000  # characters; genuine ones have 118
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # NumPy writes no other


def read_npz(path: Path, names: tuple[str, ...], max_bytes: int, remedy: str) -> list[npt.NDArray[Any]]:
    """The arrays called `names`, of integers, at most `max_bytes` bytes each.

    Raises DataError if the file is damaged, lacks one of them, or it has other content or is larger.
    """
    expected = f"a .npz file with the arrays {', '.join(names)}"
    with reading(path, expected, remedy):
        require_regular(path, 2 * len(names) * max_bytes, remedy=remedy)
        with zipfile.ZipFile(path) as archive:
            present = set(archive.namelist())
            missing = [name for name in names if f"{name}.npy" not in present]
            if missing:
                raise DataError(
                    f"{printable(path, 200)}: expected {expected}, found none called {missing[0]}; {remedy}"
                )
            return [_read(archive, name, path, max_bytes, remedy) for name in names]


def _read(archive: zipfile.ZipFile, name: str, path: Path, max_bytes: int, remedy: str) -> npt.NDArray[Any]:
    """The array in the member NAME.npy."""
    where = f"{printable(path, 200)}: {name}"
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in COMPRESSIONS:
        raise DataError(f"{where}: expected it stored or deflated, found another compression; {remedy}")
    with archive.open(member) as file:
        shape, fortran_order, dtype = _header(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.kind not in "iu" or any(length < 0 for length in shape) or size > max_bytes:
            raise DataError(
                f"{where}: expected integers, at most {max_bytes:,} bytes, found {printable(dtype, 20)} "
                f"{printable(shape, 40)}; {remedy}"
            )
        content = file.read(size + 1)  # one byte more: then the checksum is verified, and an excess is noticed
    if len(content) != size:
        found = "fewer" if len(content) < size else "more"
        raise DataError(f"{where}: expected {size:,} bytes according to its header, found {found}; {remedy}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """(shape, whether the order is Fortran's, dtype)."""
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in read:
        raise ValueError(f"version {version[0]}.{version[1]} of the .npy format")
    shape, fortran_order, dtype = read[version](file, max_header_size=MAX_HEADER)
    return shape, fortran_order, dtype
