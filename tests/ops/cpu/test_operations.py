"""The CPU's operations against the readable ones and the reference, with chunks of normal size and tiny ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import convolutions, in_layout, layouts, off_zero, randoms

from minigan import backend
from minigan.ops import convolution, elementwise, normalization, reference
from minigan.ops.cpu import direct, im2col, operations, threads, winograd
from minigan.ops.cpu import elementwise as cpu_elementwise
from minigan.ops.cpu.normalization import mean_and_variance
from minigan.ops.geometry import conv_output_size, resolve_padding
from minigan.ops.normalization import Statistics

pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="these are the operations of the CPU")

# float64, sums of up to some thousand terms of size one, added in another order.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
READABLE = {
    name: next(getattr(module, name) for module in (convolution, normalization, elementwise) if hasattr(module, name))
    for name in operations.__all__
}
FAST = [name for name in operations.__all__ if getattr(operations, name) is not READABLE[name]]


@pytest.fixture(scope="module", params=["normal chunks", "tiny chunks"])
def chunks(request):
    """Once as it is, once with chunks so small that every loop runs several times and every array is split."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tiny chunks":
            patch.setattr(cpu_elementwise, "CHUNK", 12)
            patch.setattr(cpu_elementwise, "MIN_NUMBERS", 1)
            patch.setattr(cpu_elementwise, "MIN_MULTIPLY_ADDS", 1)
            patch.setattr(im2col, "MIN_MULTIPLY_ADDS", 1)
            patch.setattr(im2col, "CHUNK_BYTES", 1)
            patch.setattr(im2col, "MIN_ROWS", 1)
            patch.setattr(winograd, "CHUNK_BYTES", 1)
            patch.setattr(winograd, "MIN_ROWS", 1)
            patch.setattr(threads, "num_threads", 3)
        yield


def check_three(x, w, dy, stride, padding, forward, grad_input, grad_weight):
    """Compare the three primitives, called without arguments, with the reference."""
    np.testing.assert_allclose(forward(), reference.conv2d(x, w, stride, padding), **CLOSE)
    expected = reference.conv2d_grad_input(dy, w, x.shape[1:3], stride, padding)
    np.testing.assert_allclose(grad_input(), expected, **CLOSE)
    expected = reference.conv2d_grad_weight(x, dy, w.shape[:2], stride, padding)
    np.testing.assert_allclose(grad_weight(), expected, **CLOSE)


@pytest.mark.parametrize("module", [im2col, direct, operations, convolution], ids=lambda module: module.__name__)
@given(random=randoms, layout=layouts, c=convolutions())
def test_convolutions_of_any_shape(chunks, module, random, layout, c):
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
    tile_rows=st.integers(1, 3),
    tile_columns=st.integers(1, 3),
    channels=st.integers(1, 3),
    out_channels=st.integers(1, 3),
)
def test_winograd(chunks, random, layout, n, tile_rows, tile_columns, channels, out_channels):
    x = random.standard_normal((n, 4 * tile_rows, 4 * tile_columns, channels))
    w = random.standard_normal((4, 4, channels, out_channels))
    dy = random.standard_normal((n, 2 * tile_rows, 2 * tile_columns, out_channels))
    lx, lw, ldy = (in_layout(a, layout) for a in (x, w, dy))
    check_three(
        x, w, dy, winograd.STRIDE, winograd.PADDING,
        lambda: winograd.conv2d(lx, lw),
        lambda: winograd.conv2d_grad_input(ldy, lw),
        lambda: winograd.conv2d_grad_weight(lx, ldy),
    )  # fmt: skip


@pytest.mark.parametrize("size", [4, 6, 8, 12])
@pytest.mark.parametrize("channels", [128, 150])
def test_each_algorithm_is_chosen_for_its_shapes_and_agrees(chunks, size, channels):
    """Shapes for winograd.py and direct.py, in float32: errors of about 10⁻⁶."""
    random, batch = np.random.default_rng(0), 64
    x = random.standard_normal((batch, size, size, channels)).astype("float32")
    w = random.standard_normal((4, 4, channels, 24)).astype("float32")
    dy = random.standard_normal((batch, size // 2, size // 2, 24)).astype("float32")
    geometry = (2, 2), ((1, 1), (1, 1))
    kind = (size, size), (4, 4), *geometry, channels
    assert direct.is_applicable(*kind) == (size == 4)
    assert winograd.is_applicable(batch, *kind) == (size > 6)
    assert not winograd.is_applicable(1, *kind)
    for name, arguments in [
        ("conv2d", (x, w, *geometry)),
        ("conv2d_grad_input", (dy, w, (size, size), *geometry)),
        ("conv2d_grad_weight", (x, dy, (4, 4), *geometry)),
    ]:
        actual, expected = getattr(operations, name)(*arguments), getattr(convolution, name)(*arguments)
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def arguments_of(name, random, m, channels):
    rows, d_rows = off_zero(random, (m, channels)), random.standard_normal((m, channels))
    x, y, dy = (
        off_zero(random, (2, m + 1, channels)),
        off_zero(random, (2, m + 1, channels)),
        random.standard_normal((2, m + 1, channels)),
    )
    statistics = Statistics(*random.uniform(0.5, 2, (2, 2, channels)))
    vectors = random.uniform(0.5, 2, (4, channels))
    flat = [random.uniform(0.1, 1, m * channels) for _ in range(4)]
    return {
        "matmul": (rows, d_rows.T, random.standard_normal(m), random.standard_normal((m, m))),
        "sum_rows": (rows, vectors[0]),
        "batch_norm": (x, *vectors, 1e-5, 0.1, 0.2),
        "normalize": (x, statistics, *vectors[:2], 0.2),
        "batch_norm_grad": (x, dy, statistics, vectors[0], bool(m % 2), (y, 0.2), (vectors[1], vectors[2])),
        "leaky_relu": (rows, 0.2),
        "leaky_relu_grad": (rows, d_rows, 0.2),
        "tanh": (rows,),
        "tanh_grad": (rows, d_rows),
        "bce_with_logits": (rows, (d_rows > 0).astype(rows.dtype)),
        "adam_update": (*flat, np.array(3.0), np.array(1e-3), (0.5, 0.999), 1e-8),
    }[name]


def copied(value, layout):
    """A copy of an argument: matrices in the memory layout, tuples item by item."""
    if isinstance(value, Statistics):
        return Statistics(*(copied(item, layout) for item in value))
    if isinstance(value, tuple):
        return tuple(copied(item, layout) for item in value)
    if isinstance(value, np.ndarray):
        return in_layout(value.copy(), layout) if value.ndim > 1 else value.copy()
    return value


def flattened(value):
    """All items of nested tuples and lists."""
    if isinstance(value, (tuple, list)):
        return [item for nested in value for item in flattened(nested)]
    return [value]


@pytest.mark.parametrize("name", [name for name in FAST if not name.startswith("conv2d")])
@given(random=randoms, m=st.integers(1, 40), channels=st.integers(1, 9), layout=layouts)
def test_operations_on_rows(chunks, name, random, m, channels, layout):
    """Results and arguments updated in place: the fast operation and the readable one, with equal arguments."""
    arguments = arguments_of(name, random, m, channels)
    outcomes = []
    for function in (getattr(operations, name), READABLE[name]):
        own_arguments = copied(arguments, layout)
        result = function(*own_arguments)
        outcomes.append(flattened([result, own_arguments]))
    for actual, expected in zip(*outcomes, strict=True):
        if isinstance(expected, np.ndarray):
            assert actual.shape == expected.shape
            np.testing.assert_allclose(actual, expected, **CLOSE)


@given(random=randoms, m=st.integers(2, 2000), offset=st.floats(-1e3, 1e3))
def test_variance_far_from_zero(random, m, offset):
    """Combined from chunks, each centred on its own mean: no catastrophic cancellation, even in float32."""
    rows = (random.standard_normal((m, 3)) + offset).astype("float32")
    mean, variance = mean_and_variance(rows)
    np.testing.assert_allclose(mean, rows.astype("float64").mean(axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(variance, rows.astype("float64").var(axis=0), rtol=2e-2, atol=1e-5)
