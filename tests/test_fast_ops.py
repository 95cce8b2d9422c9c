"""The CPU's fast operations against the readable ones and the reference: whole, in pieces, and bit for bit again."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import convolutions, in_layout, layouts, off_zero, randoms

from minigan import backend, parallel
from minigan.ops import (
    convolution,
    elementwise,
    normalization,
    numpy_convolution,
    numpy_elementwise,
    numpy_normalization,
    numpy_ops,
    positions,
    reference,
    winograd,
)
from minigan.ops.geometry import conv_output_size, resolve_padding

pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="these are the CPU's own operations")

# float64, sums of at most some thousand terms of size one, in another order.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
READABLE = {
    name: next(getattr(module, name) for module in (convolution, normalization, elementwise) if hasattr(module, name))
    for name in numpy_ops.__all__
}
HELPERS = {"im2col", "col2im", "inside", "pad", "move_running_statistics", "sigmoid", "adam_corrections"}
FAST = [name for name in numpy_ops.__all__ if getattr(numpy_ops, name) is not READABLE[name]]


@pytest.fixture(scope="module", params=["whole", "in pieces"])
def pieces(request):
    """Once as it is, once with pieces so small that every loop over chunks turns and every array is cut."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "in pieces":
            patch.setattr(numpy_elementwise, "PIECE", 12)
            patch.setattr(numpy_elementwise, "LEAST", 1)
            patch.setattr(numpy_elementwise, "LEAST_PRODUCTS", 1)
            patch.setattr(numpy_convolution, "LEAST_PRODUCTS", 1)
            patch.setattr(numpy_convolution, "CHUNK_BYTES", 1)
            patch.setattr(numpy_convolution, "CHUNK_ROWS", 1)
            patch.setattr(winograd, "CHUNK_BYTES", 1)
            patch.setattr(winograd, "LEAST_ROWS", 1)
            patch.setattr(parallel, "threads", 3)
        yield


def check_three(x, w, dy, stride, padding, forward, grad_input, grad_weight):
    np.testing.assert_allclose(forward(), reference.conv2d(x, w, stride, padding), **CLOSE)
    expected = reference.conv2d_grad_input(dy, w, x.shape[1:3], stride, padding)
    np.testing.assert_allclose(grad_input(), expected, **CLOSE)
    expected = reference.conv2d_grad_weight(x, dy, w.shape[:2], stride, padding)
    np.testing.assert_allclose(grad_weight(), expected, **CLOSE)


@pytest.mark.parametrize("module", [numpy_convolution, positions, numpy_ops, convolution])
@given(random=randoms, layout=layouts, c=convolutions())
def test_convolutions_of_any_shape(pieces, module, random, layout, c):
    padding = resolve_padding(c.padding, c.size, c.kernel_size, c.stride)
    size = conv_output_size(c.size, c.kernel_size, c.stride, padding)
    x = random.standard_normal((c.batch, *c.size, c.in_channels))
    w = random.standard_normal((*c.kernel_size, c.in_channels, c.out_channels))
    dy = random.standard_normal((c.batch, *size, c.out_channels))
    lx, lw, ldy = (in_layout(a, layout) for a in (x, w, dy))
    check_three(
        x, w, dy, c.stride, padding,
        lambda: module.conv2d(lx, lw, c.stride, padding),
        lambda: module.conv2d_grad_input(ldy, lw, c.size, c.stride, padding),
        lambda: module.conv2d_grad_weight(lx, ldy, c.kernel_size, c.stride, padding),
    )  # fmt: skip


@given(
    random=randoms,
    layout=layouts,
    n=st.integers(1, 3),
    tall=st.integers(1, 3),
    wide=st.integers(1, 3),
    channels=st.integers(1, 3),
    out_channels=st.integers(1, 3),
)
def test_winograd(pieces, random, layout, n, tall, wide, channels, out_channels):
    x = random.standard_normal((n, 4 * tall, 4 * wide, channels))
    w = random.standard_normal((4, 4, channels, out_channels))
    dy = random.standard_normal((n, 2 * tall, 2 * wide, out_channels))
    lx, lw, ldy = (in_layout(a, layout) for a in (x, w, dy))
    check_three(
        x, w, dy, winograd.STRIDE, winograd.PADDING,
        lambda: winograd.conv2d(lx, lw),
        lambda: winograd.conv2d_grad_input(ldy, lw),
        lambda: winograd.conv2d_grad_weight(lx, ldy),
    )  # fmt: skip


@pytest.mark.parametrize("size", [4, 6, 8, 12])
@pytest.mark.parametrize("channels", [128, 150])
def test_the_chosen_way_agrees_where_each_way_is_chosen(pieces, size, channels):
    """numpy_ops on the shapes that winograd.py and positions.py are for, in float32: errors of some 10⁻⁶."""
    random, batch = np.random.default_rng(0), 64
    x = random.standard_normal((batch, size, size, channels)).astype("float32")
    w = random.standard_normal((4, 4, channels, 24)).astype("float32")
    dy = random.standard_normal((batch, size // 2, size // 2, 24)).astype("float32")
    geometry = (2, 2), ((1, 1), (1, 1))
    kind = (size, size), (4, 4), *geometry, channels
    assert positions.suits(*kind) == (size == 4)
    assert winograd.suits(batch, *kind) == (size > 6)
    assert not winograd.suits(1, *kind)
    for name, arguments in [
        ("conv2d", (x, w, *geometry)),
        ("conv2d_grad_input", (dy, w, (size, size), *geometry)),
        ("conv2d_grad_weight", (x, dy, (4, 4), *geometry)),
    ]:
        actual, expected = getattr(numpy_ops, name)(*arguments), getattr(convolution, name)(*arguments)
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def arguments_of(name, random, m, channels):
    rows, d_rows = off_zero(random, (m, channels)), random.standard_normal((m, channels))
    x, y, dy = (
        off_zero(random, (2, m + 1, channels)),
        off_zero(random, (2, m + 1, channels)),
        random.standard_normal((2, m + 1, channels)),
    )
    statistics = random.uniform(0.5, 2, (2, 2, channels))
    vectors = random.uniform(0.5, 2, (4, channels))
    flat = [random.uniform(0.1, 1, m * channels) for _ in range(4)]
    return {
        "matmul": (rows, d_rows.T, random.standard_normal(m), random.standard_normal((m, m))),
        "sum_rows": (rows, vectors[0]),
        "batch_norm": (x, *vectors, 1e-5, 0.1, 0.2),
        "normalize": (x, *statistics, *vectors[:2], 0.2),
        "batch_norm_grad": (x, y, dy, *statistics, vectors[0], 0.2, bool(m % 2), *vectors[1:3]),
        "leaky_relu": (rows, 0.2),
        "leaky_relu_grad": (rows, d_rows, 0.2),
        "tanh": (rows,),
        "tanh_grad": (rows, d_rows),
        "adam_update": (*flat, np.array(3.0), np.array(1e-3), (0.5, 0.999), 1e-8),
    }[name]


@pytest.mark.parametrize("name", [name for name in FAST if not name.startswith("conv2d")])
@given(random=randoms, m=st.integers(1, 40), channels=st.integers(1, 9), layout=layouts)
def test_element_wise_operations(pieces, name, random, m, channels, layout):
    """Results and what was changed in place: the fast operation and the readable one from equal arguments."""
    arguments = arguments_of(name, random, m, channels)
    results = []
    for function in (getattr(numpy_ops, name), READABLE[name]):
        given_arrays = [
            (in_layout(a, layout) if a.ndim > 1 else np.array(a)) if isinstance(a, np.ndarray) else a for a in arguments
        ]
        result = function(*given_arrays)
        results.append([*(result if isinstance(result, tuple) else [result]), *given_arrays])
    for actual, expected in zip(*results, strict=True):
        if isinstance(expected, np.ndarray):
            assert actual.shape == expected.shape
            np.testing.assert_allclose(actual, expected, **CLOSE)


def test_every_fast_operation_has_its_readable_one():
    import inspect

    assert set(numpy_ops.__all__) == {
        name
        for module in (convolution, normalization, elementwise)
        for name, f in inspect.getmembers(module, inspect.isfunction)
        if f.__module__ == module.__name__ and name not in HELPERS
    }
    for name in numpy_ops.__all__:
        assert inspect.signature(getattr(numpy_ops, name)) == inspect.signature(READABLE[name])


@given(random=randoms, m=st.integers(2, 2000), offset=st.floats(-1e3, 1e3))
def test_variance_far_from_zero(random, m, offset):
    """Joined from pieces, each centred on its own mean: no catastrophic cancellation, also in float32."""
    assume(m > 1)
    rows = (random.standard_normal((m, 3)) + offset).astype("float32")
    mean, variance = numpy_normalization.mean_and_variance(rows)
    np.testing.assert_allclose(mean, rows.astype("float64").mean(axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(variance, rows.astype("float64").var(axis=0), rtol=2e-2, atol=1e-5)


STEP = """
import hashlib, numpy as np, minigan as mg
mg.backend.seed(0)
g, d = mg.models.dcgan(width=32)
og, od = mg.optim.Adam(g.parameters()), mg.optim.Adam(d.parameters())
real = mg.backend.random.uniform((16, 32, 32, 3)) * 2 - 1
for _ in range(3):
    mg.gan.discriminator_step(g, d, real, mg.backend.random.normal((16, 128)), mg.losses.NonSaturating(), od)
    mg.gan.generator_step(g, d, mg.backend.random.normal((16, 128)), mg.losses.NonSaturating(), og)
print(hashlib.sha256(og.values.tobytes() + od.values.tobytes()).hexdigest(), float(og.values.std()))
"""


def run_step(**environment):
    done = subprocess.run(
        [sys.executable, "-c", STEP], env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    digest, deviation = done.stdout.split()
    return digest, float(deviation)


def test_the_same_number_of_threads_gives_the_same_bits():
    first = run_step(MINIGAN_NUM_THREADS="3")
    assert [run_step(MINIGAN_NUM_THREADS="3") for _ in range(3)] == [first] * 3
    digest, deviation = run_step(MINIGAN_NUM_THREADS="1")
    assert digest != first[0]  # another order of additions
    assert deviation == pytest.approx(first[1], rel=1e-4)


@pytest.mark.parametrize("value", ["0", "many", "-1", "1.5", "99999"])
def test_a_wrong_number_of_threads_is_one_line(value):
    done = subprocess.run(
        [sys.executable, "-m", "minigan", "doctor"],
        env=os.environ | {"MINIGAN_NUM_THREADS": value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == f"minigan: error: MINIGAN_NUM_THREADS={value}: expected a number of threads from 1 to 1024\n"


def test_the_users_blas_threads_are_left_as_they_were():
    from threadpoolctl import threadpool_info, threadpool_limits

    def blas_threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        seen = parallel.over_slices(lambda start, stop: blas_threads(), 1)
        assert set(seen[0]) == {1}
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError):
            parallel.over_slices(lambda start, stop: 1 / 0, 5)
        assert blas_threads() == before


def test_slices_cover_everything_once_and_in_order(monkeypatch):
    for threads in (1, 2, 3, 7):
        monkeypatch.setattr(parallel, "threads", threads)
        for count in (1, 2, 5, 100):
            slices = parallel.over_slices(lambda start, stop: (start, stop), count)
            assert [i for start, stop in slices for i in range(start, stop)] == list(range(count))
            assert len(slices) <= threads
        assert len(parallel.over_slices(lambda start, stop: None, 100, least=60)) == 1


@pytest.mark.parametrize(("batch", "workers"), [(8, 1), (16, 2), (64, 3)])
def test_small_operations_stay_on_one_core(batch, workers, monkeypatch):
    """14×14 pictures, 32 to 64 channels: 2.5 million multiply-adds each, with the copying; 7 of them are a share."""
    parts = []

    def over_slices(function, count, least=1):
        results = own(function, count, least)
        parts.append(len(results))
        return results

    own = parallel.over_slices
    monkeypatch.setattr(parallel, "threads", 3)
    for module in (numpy_convolution, numpy_elementwise):
        monkeypatch.setattr(module, "over_slices", over_slices)
        monkeypatch.setattr(module, "LEAST_PRODUCTS", parallel.LEAST_PRODUCTS)  # `pieces` may still hold
    geometry = (2, 2), ((1, 1), (1, 1))
    x, w, dy = np.ones((batch, 14, 14, 32)), np.ones((4, 4, 32, 64)), np.ones((batch, 7, 7, 64))
    numpy_ops.conv2d(x, w, *geometry)
    numpy_ops.conv2d_grad_input(dy, w, (14, 14), *geometry)
    numpy_ops.conv2d_grad_weight(x, dy, (4, 4), *geometry)
    rows = np.ones((batch * 49, 512))  # the same number of multiply-adds
    numpy_ops.matmul(rows, np.ones((512, 100)))
    assert parts == [workers] * 4
