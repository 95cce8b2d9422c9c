"""kernels.cu on the CPU: compiled by g++ with cuda_emulator.h, once for each state of the two files."""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
KERNELS = HERE.parent / "minigan" / "ops" / "kernels.cu"
HEADER = HERE / "cuda_emulator.h"
# Without optimization the many fibers take minutes; with fused multiplications the sums would differ from NumPy's.
OPTIONS = ["-std=c++17", "-O1", "-w", "-fPIC", "-U_FORTIFY_SOURCE", "-ffp-contract=off"]
compiler = shutil.which("g++")


def kernel_names(text):
    """The names of all kernels, macros expanded."""
    command = [compiler, "-E", "-P", "-x", "c++", "-D__global__=__global__", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return re.findall(r"__global__\s+void\s+(?:__launch_bounds__\(.*?\)\s+)?(\w+)\s*\(", done.stdout)


def library():
    """The compiled kernels, kept beside the compiled tests: code is loaded from no folder that others may write to."""
    text = KERNELS.read_text(encoding="utf-8")
    digest = hashlib.sha256((text + HEADER.read_text(encoding="utf-8") + " ".join(OPTIONS)).encode()).hexdigest()[:16]
    path = HERE / "__pycache__" / f"kernels-{digest}.so"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            source, built = Path(folder) / "kernels.cpp", Path(folder) / "kernels.so"
            registered = "\n".join(f"KERNEL({name})" for name in kernel_names(text))
            source.write_text(f'#include "{HEADER}"\n{text}\n{registered}\n', encoding="utf-8")
            subprocess.run([compiler, *OPTIONS, "-shared", "-o", built, source], check=True)
            fresh = path.with_suffix(f".{os.getpid()}")
            shutil.move(built, fresh)
        fresh.replace(path)  # whole or not at all: other tests may be building it too
    return ctypes.CDLL(str(path))


_library = None


def launch(name, grid, block, arguments, shared_bytes):
    """Run one kernel. arguments: NumPy arrays, whose memory it works on, and NumPy scalars, whose width must fit."""
    global _library
    if _library is None:
        _library = library()
    cells = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            cells.append(ctypes.c_void_p(argument.ctypes.data))
        elif isinstance(argument, np.generic):
            cells.append(ctypes.create_string_buffer(argument.tobytes(), argument.nbytes))
        else:
            raise TypeError(f"{name}: a kernel takes arrays and NumPy scalars, got {argument!r}")
    pointers = (ctypes.c_void_p * len(cells))(*(ctypes.cast(ctypes.byref(cell), ctypes.c_void_p) for cell in cells))
    three = [(ctypes.c_uint * 3)(*(*sizes, 1, 1)[:3]) for sizes in (grid, block)]
    _library.emulate(name.encode(), *three, ctypes.c_size_t(shared_bytes), pointers)
