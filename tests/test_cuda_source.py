"""kernels.cu without a GPU: NVIDIA's compiler takes it for three generations; the emulator notices what is wrong."""

import ctypes
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cuda_emulator
import pytest

from minigan import backend

TESTS = Path(__file__).parent
pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="once is enough, and the CPU's run is the one")


def nvrtc():
    """The compiler's library, from the package nvidia-cuda-nvrtc, or None."""
    found = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (found.submodule_search_locations or [])] if found else []
    libraries = sorted(path for folder in folders for path in folder.glob("*/lib/libnvrtc.so.*"))
    return ctypes.CDLL(str(libraries[-1])) if libraries else None


@pytest.mark.skipif(nvrtc() is None, reason="pip install nvidia-cuda-nvrtc")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100"])
def test_nvrtc_compiles_the_kernels(architecture):
    compiler, program = nvrtc(), ctypes.c_void_p()
    code = cuda_emulator.KERNELS.read_bytes()
    assert compiler.nvrtcCreateProgram(ctypes.byref(program), code, b"kernels.cu", 0, None, None) == 0
    options = [f"-arch={architecture}".encode(), b"-std=c++17"]
    status = compiler.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    compiler.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()
    assert "warning" not in log.value.decode()
    assert compiler.nvrtcGetCUBINSize(program, ctypes.byref(size)) == 0
    assert size.value > 100_000


needs_compiler = pytest.mark.skipif(cuda_emulator.compiler is None, reason="the emulator needs g++")

PRODUCT = """
import sys
sys.path.insert(0, {tests!r})
import os
os.environ["MINIGAN_BACKEND"] = "cupy"
import strict_cupy
import cuda_emulator
{change}
import numpy as np
from minigan.backend import asarray, to_numpy
from minigan.ops import convolution, cupy_ops
x, w = (asarray(np.random.default_rng(0).standard_normal(s)) for s in ((4, 4, 4, 40), (4, 4, 40, 20)))
settings = (2, 2), ((1, 1), (1, 1))
print(np.abs(to_numpy(cupy_ops.conv2d(x, w, *settings)) - to_numpy(convolution.conv2d(x, w, *settings))).max() < 1e-10)
"""


def run_product(old="", new=""):
    """A convolution under the emulator, with one line of kernels.cu changed."""
    change = (
        "from pathlib import Path\nimport tempfile\n"
        f"text = cuda_emulator.KERNELS.read_text()\nassert {old!r} in text\n"
        "cuda_emulator.KERNELS = Path(tempfile.mkdtemp()) / 'kernels.cu'\n"
        f"cuda_emulator.KERNELS.write_text(text.replace({old!r}, {new!r}))\n"
        "from minigan.ops import cupy_kernels\n"
        "cupy_kernels.module = lambda: strict_cupy.RawModule(cuda_emulator.KERNELS.read_text())\n"
        if old
        else ""
    )
    return subprocess.run(
        [sys.executable, "-c", PRODUCT.format(tests=str(TESTS), change=change)],
        env=os.environ | {"PYTHONPATH": str(TESTS.parent)},
        capture_output=True,
        text=True,
    )


@needs_compiler
def test_the_emulator_agrees_with_the_unchanged_kernel():
    done = run_product()
    assert done.stdout.strip() == "True", done.stderr


@needs_compiler
@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        ("    wait_for_all_but<Tile::STAGES - 2>();\n", "", "False"),  # multiplied before the copies arrived
        ("  grid_wait(meetings + 2 * tile, splits);\n", "", "False"),  # added up before the other blocks were done
        ("    __syncthreads();\n    load(step", "    load(step", "False"),  # overwritten while it is read
        ("VECTOR * sizeof(T)>(tile + tall * A_LEAD", "16>(tile + 1 + tall * A_LEAD", "unaligned"),
    ],
)
def test_the_emulator_notices_a_broken_kernel(old, new, seen):
    done = run_product(old, new)
    assert "True" not in done.stdout
    assert seen in done.stdout + done.stderr, done.stderr[-2000:]
