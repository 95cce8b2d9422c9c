"""Convolution by a Toeplitz matrix: against the reference, and for which shapes it is chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import in_layout, layouts, randoms

from minigan import backend
from minigan.ops import convolution, reference
from minigan.ops.cpu import operations, threads, toeplitz
from minigan.ops.geometry import conv_output_size, resolve_padding

pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="this is an operation of the CPU")

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
ONE = (1, 1)
sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@pytest.fixture(scope="module", params=[1, 3])
def workers(request):
    """One worker, and more workers than some images have rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "num_threads", request.param)
        yield


@st.composite
def geometries(draw):
    """(size, kernel_size, padding): odd and even, "same", and any uneven padding for which the output is not empty."""
    size, kernel_size = draw(sizes), draw(sizes)
    if draw(st.booleans()):
        return size, kernel_size, resolve_padding("same", size, kernel_size, ONE)
    sides = []
    for pixels, taps in zip(size, kernel_size, strict=True):
        before = draw(st.integers(0, 8))  # may exceed the kernel: then some windows contain only padding
        sides.append((before, draw(st.integers(max(0, taps - pixels - before), 8))))
    return size, kernel_size, tuple(sides)


def three_arrays(random, batch, size, kernel_size, padding, channels, out_channels):
    """x, w and dy."""
    output_size = conv_output_size(size, kernel_size, ONE, padding)
    return (
        random.standard_normal((batch, *size, channels)),
        random.standard_normal((*kernel_size, channels, out_channels)),
        random.standard_normal((batch, *output_size, out_channels)),
    )


counts = st.integers(1, 3)


@given(random=randoms, layout=layouts, geometry=geometries(), batch=counts, channels=counts, out_channels=counts)
def test_convolutions_of_any_shape_agree_with_the_reference(
    workers, random, layout, geometry, batch, channels, out_channels
):
    size, kernel_size, padding = geometry
    x, w, dy = three_arrays(random, batch, size, kernel_size, padding, channels, out_channels)
    bias, input_bias = random.standard_normal(out_channels), random.standard_normal(channels)
    lx, lw, ldy = (in_layout(a, layout) for a in (x, w, dy))
    y = toeplitz.conv2d(lx, lw, padding, bias)
    np.testing.assert_allclose(y, reference.conv2d(x, w, ONE, padding) + bias, **CLOSE)
    dx = toeplitz.conv2d_grad_input(ldy, lw, size, padding, input_bias)
    np.testing.assert_allclose(dx, reference.conv2d_grad_input(dy, w, size, ONE, padding) + input_bias, **CLOSE)
    dw = toeplitz.conv2d_grad_weight(lx, ldy, kernel_size, padding)
    np.testing.assert_allclose(dw, reference.conv2d_grad_weight(x, dy, kernel_size, ONE, padding), **CLOSE)


@given(random=randoms, geometry=geometries(), batch=counts, channels=counts, out_channels=counts)
def test_the_gradients_are_the_adjoints(workers, random, geometry, batch, channels, out_channels):
    """⟨conv(x, w), dy⟩ = ⟨x, grad_input(dy, w)⟩ = ⟨w, grad_weight(x, dy)⟩."""
    size, kernel_size, padding = geometry
    x, w, dy = three_arrays(random, batch, size, kernel_size, padding, channels, out_channels)
    by_output = np.vdot(toeplitz.conv2d(x, w, padding), dy)
    by_input = np.vdot(x, toeplitz.conv2d_grad_input(dy, w, size, padding))
    by_weight = np.vdot(w, toeplitz.conv2d_grad_weight(x, dy, kernel_size, padding))
    np.testing.assert_allclose(by_input, by_output, **CLOSE)
    np.testing.assert_allclose(by_weight, by_output, **CLOSE)


@pytest.mark.parametrize("side", [7, 8])
def test_a_kernel_with_a_single_tap_shifts_the_image(side):
    """ "same" with a kernel as large as the image: centred if it is odd; if it is even, with one row less above."""
    padding = resolve_padding("same", (side, side), (side, side), ONE)
    before = (side - 1) // 2
    assert padding == ((before, side - 1 - before),) * 2
    x = np.arange(side * side, dtype="float64").reshape(1, side, side, 1)
    w = np.zeros((side, side, 1, 1))
    w[before, before] = 1
    assert np.array_equal(toeplitz.conv2d(x, w, padding), x)
    w = np.roll(w, (1, 2), axis=(0, 1))  # each pixel from one row below and two columns to the right
    expected = np.zeros_like(x)
    expected[:, :-1, :-2] = x[:, 1:, 2:]
    assert np.array_equal(toeplitz.conv2d(x, w, padding), expected)


SHAPE = {
    "batch": 128,
    "input_size": (28, 28),
    "kernel_size": (28, 28),
    "stride": ONE,
    "padding": ((13, 14), (13, 14)),
    "out_channels": 1,
}
CHANGES = [
    ({}, True),
    ({"batch": 8, "out_channels": 4}, True),
    ({"kernel_size": (21, 21), "padding": ((10, 10), (10, 10))}, True),
    ({"input_size": (8, 8), "kernel_size": (8, 8), "padding": ((3, 4), (3, 4))}, True),
    ({"batch": 7}, False),
    ({"out_channels": 5}, False),
    ({"stride": (1, 2)}, False),
    ({"kernel_size": (20, 28), "padding": ((9, 10), (13, 14))}, False),
    ({"kernel_size": (28, 20), "padding": ((13, 14), (9, 10))}, False),
    ({"padding": ((0, 0), (0, 0))}, False),  # one output: already a dense layer
    ({"input_size": (4, 4), "kernel_size": (4, 4), "padding": ((1, 2), (1, 2))}, False),
    ({"input_size": (4, 4), "kernel_size": (4, 4), "stride": (2, 2), "padding": ((1, 1), (1, 1))}, False),  # DCGAN's
    ({"input_size": (32, 32), "kernel_size": (4, 4), "stride": (2, 2), "padding": ((1, 1), (1, 1))}, False),
    ({"kernel_size": (3, 3), "padding": ((1, 1), (1, 1))}, False),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_it_is_applicable_exactly_to_its_shapes(change, expected):
    assert toeplitz.is_applicable(**(SHAPE | change)) is expected


@pytest.mark.parametrize("channels", [2, 130])
def test_it_is_chosen_and_agrees_in_float32(workers, monkeypatch, channels):
    random, batch, size, kernel_size = np.random.default_rng(0), 8, (10, 9), (10, 8)
    padding = resolve_padding("same", size, kernel_size, ONE)
    arrays = three_arrays(random, batch, size, kernel_size, padding, channels, 1)
    x, w, dy = (a.astype("float32") for a in arrays)
    called = []
    for name, arguments in [
        ("conv2d", (x, w, ONE, padding, np.float32([0.5]))),
        ("conv2d_grad_input", (dy, w, size, ONE, padding, np.arange(channels, dtype="float32"))),
        ("conv2d_grad_weight", (x, dy, kernel_size, ONE, padding)),
    ]:
        own = getattr(toeplitz, name)
        monkeypatch.setattr(toeplitz, name, lambda *a, own=own, name=name: (called.append(name), own(*a))[1])
        actual, expected = getattr(operations, name)(*arguments), getattr(convolution, name)(*arguments)
        assert called.pop() == name
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    before = random.standard_normal(w.shape).astype("float32")
    total = before.copy()
    assert operations.conv2d_grad_weight(x, dy, kernel_size, ONE, padding, add_to=total) is total
    np.testing.assert_allclose(total, before + expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_the_same_bits_every_time(monkeypatch):
    """The slices depend only on the number of workers, and the workers' sums are added in order."""
    monkeypatch.setattr(threads, "num_threads", 3)
    size = kernel_size = (28, 28)
    padding = resolve_padding("same", size, kernel_size, ONE)
    arrays = three_arrays(np.random.default_rng(0), 16, size, kernel_size, padding, 8, 1)
    x, w, dy = (a.astype("float32") for a in arrays)

    def results():
        yield operations.conv2d(x, w, ONE, padding).tobytes()
        yield operations.conv2d_grad_input(dy, w, size, ONE, padding).tobytes()
        yield operations.conv2d_grad_weight(x, dy, kernel_size, ONE, padding).tobytes()

    first = list(results())
    assert [list(results()) for _ in range(5)] == [first] * 5
