"""The CUDA source without a GPU: NVIDIA's compiler accepts it, and the emulator notices planted errors."""

import ctypes
import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import cuda_emulator
import pytest

from minigan import backend
from minigan.ops.gpu import launch

SUPPORT, ROOT = Path(__file__).parents[2] / "support", Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="the run on the CPU tests this")

PRECISIONS = {
    "products": ("fp32", "tf32", "bf16", "fp64"),
    "normalization": ("fp32", "fp64"),
    "elementwise": ("fp32", "fp64"),
}


def test_cuda_files_are_ascii():
    """CuPy writes the source to disk in the encoding of the locale, which may have no other characters."""
    files = [path for pattern in ("*.cu", "*.cuh") for path in Path(launch.__file__).parent.glob(pattern)]
    assert {path.stem for path in files if path.suffix == ".cu"} == set(PRECISIONS)
    for path in files:
        assert path.read_bytes().isascii(), path


def test_headers_are_part_of_the_source():
    """CuPy's cache does not see that an included file has changed."""
    for file in PRECISIONS:
        assert "#include" not in launch.source(file)
        assert "grid_barrier(unsigned* barrier" in launch.source(file)


@cache
def nvrtc():
    """The compiler as a library, from the package nvidia-cuda-nvrtc, or None."""
    found = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (found.submodule_search_locations or [])] if found else []
    libraries = sorted(path for folder in folders for path in folder.glob("*/lib/libnvrtc.so.*"))
    if not libraries:
        return None
    for builtins in libraries[-1].parent.glob("libnvrtc-builtins.so.*"):
        ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)  # the compiler looks for it by name alone
    return ctypes.CDLL(str(libraries[-1]))


@pytest.mark.skipif(nvrtc() is None, reason="pip install nvidia-cuda-nvrtc")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100"])
@pytest.mark.parametrize(
    ("file", "precision"), [(file, precision) for file, precisions in PRECISIONS.items() for precision in precisions]
)
def test_nvrtc_compiles_the_kernels(file, precision, architecture):
    compiler, program = nvrtc(), ctypes.c_void_p()
    code = launch.source(file)
    assert compiler.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None) == 0
    own = ["-std=c++17", f"-DPRECISION={precision.upper()}"]
    cupys = [f"-arch={architecture}", "-ftz=true", "--device-as-default-execution-space"]
    options = [option.encode() for option in (*own, *cupys)]
    status = compiler.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    compiler.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()
    assert "warning" not in log.value.decode()
    assert compiler.nvrtcGetCUBINSize(program, ctypes.byref(size)) == 0
    binary = ctypes.create_string_buffer(size.value)
    assert compiler.nvrtcGetCUBIN(program, binary) == 0
    if cuda_emulator.compiler is not None:
        for name in cuda_emulator.kernel_names(code, (own[1],)):
            assert f".text.{name}\0".encode() in binary.raw, name


needs_compiler = pytest.mark.skipif(cuda_emulator.compiler is None, reason="the emulator needs g++")

PRODUCT = """
import strict_cupy
import numpy as np
from minigan.backend import asarray, to_numpy
from minigan.ops import convolution
from minigan.ops.gpu import launch, operations

old, new = {old!r}, {new!r}
text = launch.source("products")
assert old in text
launch.source = lambda file: text.replace(old, new)
x, w = (asarray(np.random.default_rng(0).standard_normal(s)) for s in ((4, 4, 4, 40), (4, 4, 40, 20)))
settings = (2, 2), ((1, 1), (1, 1))
difference = to_numpy(operations.conv2d(x, w, *settings)) - to_numpy(convolution.conv2d(x, w, *settings))
print("the same" if np.abs(difference).max() < 1e-10 else "different")
"""


def run_product(old, new):
    """A convolution under the emulator, with a part of the source changed."""
    return subprocess.run(
        [sys.executable, "-c", PRODUCT.format(old=old, new=new)],
        env=os.environ | {"MINIGAN_BACKEND": "cupy", "PYTHONPATH": os.pathsep.join([str(SUPPORT), str(ROOT)])},
        capture_output=True,
        text=True,
    )


@needs_compiler
def test_the_emulator_agrees_with_the_unchanged_kernel():
    done = run_product("", "")
    assert done.stdout.strip() == "the same", done.stderr


BROKEN = {  # what goes wrong: (part of the source, its replacement, what the emulator shows)
    "multiplied before the copies arrive": ("wait_for_copies<T::STAGES - 2>();", "", "different"),
    "added up before all sums are there": ("grid_barrier(barriers + 2 * tile, splits);", "", "different"),
    "overwritten while it is read": ("__syncthreads();                   // and so have", "//", "different"),
    "unaligned": ("VECTOR * sizeof(Real)>(slice + row * A_S", "16>(slice + 1 + row * A_S", "unaligned"),
}


@needs_compiler
@pytest.mark.parametrize(("old", "new", "symptom"), BROKEN.values(), ids=BROKEN)
def test_the_emulator_notices_a_broken_kernel(old, new, symptom):
    done = run_product(old, new)
    assert "the same" not in done.stdout
    assert symptom in done.stdout + done.stderr, done.stderr[-2000:]
