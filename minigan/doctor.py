"""`minigan doctor`: what minigan runs on, and what could be better."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from minigan import __version__
from minigan.errors import UserError

PACKAGES = ("numpy", "matplotlib", "pillow", "requests", "safetensors", "threadpoolctl", "tqdm")
CUPY_PACKAGES = ("cupy-cuda13x", "cupy-cuda12x", "cupy")


def report() -> list[str]:
    """The whole report, as lines."""
    backend = _backend()
    return [
        f"minigan      {__version__}",
        f"python       {platform.python_version()} ({sys.executable})",
        f"system       {platform.platform()}",
        *_packages(),
        *_processor(),
        f"backend      {backend}",
        f"GPU          {_gpu()}",
        *_data(),
    ]


def _backend() -> str:
    """The name of the backend, or why it cannot be used: then the rest of the report is written with NumPy."""
    try:
        from minigan import backend
    except UserError as error:
        chosen = os.environ.pop("MINIGAN_BACKEND")
        from minigan import backend  # NumPy, since nothing else is chosen

        os.environ["MINIGAN_BACKEND"] = chosen
        return f"none: {error}"
    return backend.name


def _packages() -> list[str]:
    return [f"{name:12} {_version(name) or 'not installed: pip install ' + name}" for name in PACKAGES]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> list[str]:
    from minigan.ops.cpu.blas import blas, slow_kernels_warning
    from minigan.ops.cpu.threads import num_threads, usable_cores

    library = blas()
    lines = [
        f"processor    {_processor_name()}, {usable_cores()} usable of {os.cpu_count()} cores",
        f"workers      {num_threads} (set by MINIGAN_NUM_THREADS), each with single-threaded BLAS",
    ]
    if not library:
        return [*lines, "BLAS         not recognized by threadpoolctl"]
    lines.append(
        f"BLAS         {library['internal_api']} {library.get('version') or ''}, "
        f"{library.get('architecture', 'unknown')} kernels, {library['num_threads']} threads"
    )
    warning = slow_kernels_warning()
    return [*lines, f"  warning: {warning}"] if warning else lines


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gpu() -> str:
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
    except Exception as error:  # a broken driver can fail in many ways, and all of them belong in the report
        return f"none: {installed} cannot be used ({type(error).__name__}: {error})"


def _data() -> list[str]:
    from minigan import data

    return [
        f"data         {name}: {data.locate(name) or f'not found; {data.how_to_get(name)}'}" for name in data.DATASETS
    ]
