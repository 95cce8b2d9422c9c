"""`minigan doctor`: what minigan runs on, and what could be better."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from minigan import __version__
from minigan.errors import UserError
from minigan.parallel import threads, usable_cores

PACKAGES = ("numpy", "matplotlib", "pillow", "pooch", "safetensors", "threadpoolctl", "tqdm")
CUPY_PACKAGES = ("cupy-cuda13x", "cupy-cuda12x", "cupy")

# Kernels of OpenBLAS that use AVX-512; another one on a processor that has it runs at about half speed.
AVX512_CORES = {"SkylakeX", "Cooperlake", "SapphireRapids", "Zen4", "Zen5"}


def report():
    """The whole report, as lines."""
    return [
        f"minigan      {__version__}",
        f"python       {platform.python_version()} ({sys.executable})",
        f"system       {platform.platform()}",
        *_packages(),
        *_processor(),
        *_backend(),
        *_data(),
    ]


def _packages():
    return [f"{name:12} {_version(name) or 'not installed: pip install ' + name}" for name in PACKAGES]


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def blas():
    """NumPy's BLAS as threadpoolctl sees it: a dictionary, empty where it is not recognized."""
    import numpy  # noqa: F401, the library must be loaded to be seen
    from threadpoolctl import threadpool_info

    return next((pool for pool in threadpool_info() if pool["user_api"] == "blas"), {})


def has_avx512():
    """Whether the processor has AVX-512; None where the system does not say."""
    cpuinfo = Path("/proc/cpuinfo")
    return " avx512f " in cpuinfo.read_text() if cpuinfo.is_file() else None


def slow_kernels_warning():
    """One line where OpenBLAS runs lesser kernels than the processor has, or None."""
    core = blas().get("architecture")
    if not has_avx512() or core is None or core in AVX512_CORES:
        return None
    forced = os.environ.get("OPENBLAS_CORETYPE")
    cause = f"OPENBLAS_CORETYPE={forced} in the environment; unset it" if forced else "its own detection"
    return f"the processor has AVX-512, but OpenBLAS runs its {core} kernels, about half as fast ({cause})"


def _processor():
    found = blas()
    lines = [
        f"processor    {_processor_name()}, {usable_cores()} usable of {os.cpu_count()} cores",
        f"workers      {threads} (MINIGAN_NUM_THREADS sets them), each with single-threaded BLAS",
    ]
    if not found:
        return [*lines, "BLAS         not recognized by threadpoolctl"]
    lines.append(
        f"BLAS         {found['internal_api']} {found.get('version') or ''}, "
        f"{found.get('architecture', 'unknown')} kernels, {found['num_threads']} threads"
    )
    warning = slow_kernels_warning()
    return [*lines, f"  warning: {warning}"] if warning else lines


def _processor_name():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _backend():
    try:
        from minigan.backend import name as backend
    except UserError as error:
        backend = f"none: {error}"
    return [f"backend      {backend}", f"GPU          {_gpu()}"]


def _gpu():
    """The GPU that CuPy sees, or why there is none."""
    installed = next((f"{name} {_version(name)}" for name in CUPY_PACKAGES if _version(name)), None)
    if installed is None:
        return "none: CuPy is not installed; pip install 'minigan[cuda13x]' (CUDA 12: 'minigan[cuda12x]')"
    try:
        import cupy

        if not cupy.cuda.is_available():
            return f"none: {installed} finds no CUDA device; see nvidia-smi"
        properties = cupy.cuda.runtime.getDeviceProperties(0)
        memory = properties["totalGlobalMem"] / 2**30
        return f"{properties['name'].decode()}, {memory:.0f} GiB, with {installed}"
    except Exception as error:  # a broken driver shows itself in many ways, and all of them belong in the report
        return f"none: {installed} cannot be used ({type(error).__name__}: {error})"


def _data():
    from minigan import data

    return [
        f"data         {name}: {data.locate(name) or f'not found; minigan data fetch {name}'}" for name in data.NAMES
    ]
