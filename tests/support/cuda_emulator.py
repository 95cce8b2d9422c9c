"""The CUDA kernels on the CPU: g++ compiles their text together with cuda_emulator.h, once for each state of both."""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
HEADER = HERE / "cuda_emulator.h"
# Without optimization, the many fibers take minutes; with fused multiply-adds, sums would differ from NumPy's.
OPTIONS = ("-std=c++17", "-O1", "-w", "-fPIC", "-U_FORTIFY_SOURCE", "-ffp-contract=off")
compiler = shutil.which("g++")


def kernel_names(text, options=()):
    """The names of all kernels in CUDA source code, with macros expanded."""
    command = [compiler, "-E", "-P", "-x", "c++", "-D__global__=__global__", *options, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return re.findall(r"__global__\s+void\s+(?:__launch_bounds__\(.*?\)\s+)?(\w+)\s*\(", done.stdout)


class Library:
    """Compiled kernels. text: CUDA source code; options: of a compiler, such as -DPRECISION=FP32."""

    def __init__(self, text, options=()):
        self.names = kernel_names(text, options)
        self._library = ctypes.CDLL(str(_compiled(text, options, self.names)))

    def launch(self, name, grid, block, arguments, shared_bytes):
        """Run one kernel. arguments: NumPy arrays, whose memory it uses, and NumPy scalars of the kernel's types."""
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
        self._library.emulate(name.encode(), *three, ctypes.c_size_t(shared_bytes), pointers)


@cache
def library(text, options=()):
    """The Library of a text, compiled when it is first used."""
    return Library(text, options)


def _compiled(text, options, names):
    """The shared library, kept next to the compiled tests: never load code from a folder that others may write to."""
    state = "\n".join([text, HEADER.read_text(encoding="utf-8"), *OPTIONS, *options])
    path = HERE / "__pycache__" / f"kernels-{hashlib.sha256(state.encode()).hexdigest()[:16]}.so"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            source, built = Path(folder) / "kernels.cpp", Path(folder) / "kernels.so"
            registered = "\n".join(f"REGISTER_KERNEL({name})" for name in names)
            source.write_text(f'#include "{HEADER}"\n{text}\n{registered}\n', encoding="utf-8")
            subprocess.run([compiler, *OPTIONS, *options, "-shared", "-o", built, source], check=True)
            fresh = path.with_suffix(f".{os.getpid()}")
            shutil.move(built, fresh)
        fresh.replace(path)  # in one step: other tests may be building the same file
    return path
