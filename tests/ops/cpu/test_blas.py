"""The description of NumPy's BLAS, and the warning about slow kernels."""

import pytest

from minigan.ops.cpu import blas


def test_the_blas_of_numpy_is_described():
    found = blas.blas()
    assert found == {} or found["user_api"] == "blas"


@pytest.mark.parametrize(
    ("has_avx512", "core", "forced", "expected"),
    [
        (True, "Haswell", None, "OpenBLAS runs its Haswell kernels, about half as fast (its own detection)"),
        (True, "Haswell", "Haswell", "(OPENBLAS_CORETYPE=Haswell in the environment; unset it)"),
        (True, "SkylakeX", None, None),
        (True, None, None, None),  # another BLAS, which does not name its kernels
        (False, "Haswell", None, None),
        (None, "Haswell", None, None),  # a system that does not describe its processor
    ],
)
def test_slow_kernels_are_reported_if_the_processor_has_better_ones(monkeypatch, has_avx512, core, forced, expected):
    monkeypatch.setattr(blas, "has_avx512", lambda: has_avx512)
    monkeypatch.setattr(blas, "blas", lambda: {"architecture": core} if core else {})
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if forced:
        monkeypatch.setenv("OPENBLAS_CORETYPE", forced)
    warning = blas.slow_kernels_warning()
    assert warning is None if expected is None else expected in warning
