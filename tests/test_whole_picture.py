"""Kernels about as large as the picture, a row at a time: against the reference, and where it is chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import in_layout, layouts, randoms

from minigan import backend, parallel
from minigan.ops import convolution, numpy_ops, reference, whole_picture
from minigan.ops.geometry import conv_output_size, resolve_padding

pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="this is the CPU's own operation")

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
ONE = (1, 1)
sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@pytest.fixture(scope="module", params=[1, 3])
def threads(request):
    """One worker, and more of them than some pictures have rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "threads", request.param)
        yield


@st.composite
def geometries(draw):
    """(size, kernel_size, padding): odd and even, "same", and any uneven padding that leaves an output."""
    size, kernel_size = draw(sizes), draw(sizes)
    if draw(st.booleans()):
        return size, kernel_size, resolve_padding("same", size, kernel_size, ONE)
    sides = []
    for pixels, taps in zip(size, kernel_size, strict=True):
        before = draw(st.integers(0, 8))  # more than the kernel has taps: windows that meet nothing but padding
        sides.append((before, draw(st.integers(max(0, taps - pixels - before), 8))))
    return size, kernel_size, tuple(sides)


def three_arrays(random, batch, size, kernel_size, padding, channels, out_channels):
    output_size = conv_output_size(size, kernel_size, ONE, padding)
    return (
        random.standard_normal((batch, *size, channels)),
        random.standard_normal((*kernel_size, channels, out_channels)),
        random.standard_normal((batch, *output_size, out_channels)),
    )


counts = st.integers(1, 3)


@given(random=randoms, layout=layouts, geometry=geometries(), batch=counts, channels=counts, out_channels=counts)
def test_any_shape_against_the_reference(threads, random, layout, geometry, batch, channels, out_channels):
    size, kernel_size, padding = geometry
    x, w, dy = three_arrays(random, batch, size, kernel_size, padding, channels, out_channels)
    bias, input_bias = random.standard_normal(out_channels), random.standard_normal(channels)
    lx, lw, ldy = (in_layout(a, layout) for a in (x, w, dy))
    y = whole_picture.conv2d(lx, lw, padding, bias)
    np.testing.assert_allclose(y, reference.conv2d(x, w, ONE, padding) + bias, **CLOSE)
    dx = whole_picture.conv2d_grad_input(ldy, lw, size, padding, input_bias)
    np.testing.assert_allclose(dx, reference.conv2d_grad_input(dy, w, size, ONE, padding) + input_bias, **CLOSE)
    dw = whole_picture.conv2d_grad_weight(lx, ldy, kernel_size, padding)
    np.testing.assert_allclose(dw, reference.conv2d_grad_weight(x, dy, kernel_size, ONE, padding), **CLOSE)


@given(random=randoms, geometry=geometries(), batch=counts, channels=counts, out_channels=counts)
def test_the_gradients_are_the_adjoints(threads, random, geometry, batch, channels, out_channels):
    """⟨conv(x, w), dy⟩ = ⟨x, grad_input(dy, w)⟩ = ⟨w, grad_weight(x, dy)⟩."""
    size, kernel_size, padding = geometry
    x, w, dy = three_arrays(random, batch, size, kernel_size, padding, channels, out_channels)
    inner = np.vdot(whole_picture.conv2d(x, w, padding), dy)
    np.testing.assert_allclose(np.vdot(x, whole_picture.conv2d_grad_input(dy, w, size, padding)), inner, **CLOSE)
    np.testing.assert_allclose(
        np.vdot(w, whole_picture.conv2d_grad_weight(x, dy, kernel_size, padding)), inner, **CLOSE
    )


@pytest.mark.parametrize("side", [7, 8])
def test_one_tap_at_its_place(side):
    """ "same" with a kernel as large as the picture: an odd one in the middle, an even one with a row less above."""
    padding = resolve_padding("same", (side, side), (side, side), ONE)
    before = (side - 1) // 2
    assert padding == ((before, side - 1 - before),) * 2
    x = np.arange(side * side, dtype="float64").reshape(1, side, side, 1)
    w = np.zeros((side, side, 1, 1))
    w[before, before] = 1
    assert np.array_equal(whole_picture.conv2d(x, w, padding), x)
    w = np.roll(w, (1, 2), axis=(0, 1))  # each pixel from one row below and two columns to the right
    expected = np.zeros_like(x)
    expected[:, :-1, :-2] = x[:, 1:, 2:]
    assert np.array_equal(whole_picture.conv2d(x, w, padding), expected)


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
    ({"padding": ((0, 0), (0, 0))}, False),  # one output: a dense layer already
    ({"input_size": (4, 4), "kernel_size": (4, 4), "padding": ((1, 2), (1, 2))}, False),
    ({"input_size": (4, 4), "kernel_size": (4, 4), "stride": (2, 2), "padding": ((1, 1), (1, 1))}, False),  # DCGAN's
    ({"input_size": (32, 32), "kernel_size": (4, 4), "stride": (2, 2), "padding": ((1, 1), (1, 1))}, False),
    ({"kernel_size": (3, 3), "padding": ((1, 1), (1, 1))}, False),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_suits_exactly_what_it_is_for(change, expected):
    assert whole_picture.suits(**(SHAPE | change)) is expected


@pytest.mark.parametrize("channels", [2, 130])
def test_numpy_ops_takes_it_and_agrees_in_float32(threads, monkeypatch, channels):
    random, batch, size, kernel_size = np.random.default_rng(0), 8, (10, 9), (10, 8)
    padding = resolve_padding("same", size, kernel_size, ONE)
    arrays = three_arrays(random, batch, size, kernel_size, padding, channels, 1)
    x, w, dy = (a.astype("float32") for a in arrays)
    taken = []
    for name, arguments in [
        ("conv2d", (x, w, ONE, padding, np.float32([0.5]))),
        ("conv2d_grad_input", (dy, w, size, ONE, padding, np.arange(channels, dtype="float32"))),
        ("conv2d_grad_weight", (x, dy, kernel_size, ONE, padding)),
    ]:
        own = getattr(whole_picture, name)
        monkeypatch.setattr(whole_picture, name, lambda *a, own=own, name=name: (taken.append(name), own(*a))[1])
        actual, expected = getattr(numpy_ops, name)(*arguments), getattr(convolution, name)(*arguments)
        assert taken.pop() == name
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    before = random.standard_normal(w.shape).astype("float32")
    total = before.copy()
    assert numpy_ops.conv2d_grad_weight(x, dy, kernel_size, ONE, padding, add_to=total) is total
    np.testing.assert_allclose(total, before + expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_the_same_bits_every_time(monkeypatch):
    """Slices depend on the number of workers alone, and the workers' sums are added in their order."""
    monkeypatch.setattr(parallel, "threads", 3)
    size = kernel_size = (28, 28)
    padding = resolve_padding("same", size, kernel_size, ONE)
    arrays = three_arrays(np.random.default_rng(0), 16, size, kernel_size, padding, 8, 1)
    x, w, dy = (a.astype("float32") for a in arrays)

    def results():
        yield numpy_ops.conv2d(x, w, ONE, padding).tobytes()
        yield numpy_ops.conv2d_grad_input(dy, w, size, ONE, padding).tobytes()
        yield numpy_ops.conv2d_grad_weight(x, dy, kernel_size, ONE, padding).tobytes()

    first = list(results())
    assert [list(results()) for _ in range(5)] == [first] * 5
