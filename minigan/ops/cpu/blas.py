"""NumPy's BLAS library: which one it is, and whether its kernels use all that the processor offers."""

import os
from pathlib import Path
from typing import Any

# The kernels of OpenBLAS that use AVX-512. On a processor with AVX-512, any others run at about half the speed.
AVX512_CORES = {"SkylakeX", "Cooperlake", "SapphireRapids", "Zen4", "Zen5"}


def blas() -> dict[str, Any]:
    """threadpoolctl's description of NumPy's BLAS; an empty dictionary if it is not recognized."""
    import numpy  # noqa: F401, threadpoolctl sees only libraries that are loaded
    from threadpoolctl import threadpool_info

    return next((pool for pool in threadpool_info() if pool["user_api"] == "blas"), {})


def has_avx512() -> bool | None:
    """Whether the processor has AVX-512; None if the system does not say (only Linux does)."""
    cpuinfo = Path("/proc/cpuinfo")
    return " avx512f " in cpuinfo.read_text() if cpuinfo.is_file() else None


def slow_kernels_warning() -> str | None:
    """A one-line warning if OpenBLAS runs slower kernels than the processor allows, otherwise None."""
    core = blas().get("architecture")
    if not has_avx512() or core is None or core in AVX512_CORES:
        return None
    forced = os.environ.get("OPENBLAS_CORETYPE")
    cause = f"OPENBLAS_CORETYPE={forced} in the environment; unset it" if forced else "its own detection"
    return f"the processor has AVX-512, but OpenBLAS runs its {core} kernels, about half as fast ({cause})"
