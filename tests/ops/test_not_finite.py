"""NaN and infinity: they reach what the definitions say, and no more, by every algorithm and in batches of any size."""

import numpy as np
import pytest

from minigan import ops
from minigan.backend import asarray, on_cpu, to_numpy
from minigan.ops import reference
from minigan.ops.cpu import direct, toeplitz, winograd
from minigan.ops.geometry import conv_output_size, conv_transpose_output

random = np.random.default_rng(6)
ONE, TWO = ((1, 1), (1, 1)), (2, 2)
# algorithm: (image size, channels, out channels, kernel, stride, padding)
CASES = {
    "im2col": ((5, 6), 3, 2, (3, 3), (1, 1), ONE),
    "im2col, stride 2": ((5, 6), 3, 2, (3, 2), TWO, ((1, 0), (0, 1))),
    "toeplitz": ((9, 9), 3, 2, (7, 7), (1, 1), ((3, 3), (3, 3))),
    "toeplitz, even": ((8, 7), 2, 1, (8, 6), (1, 1), ((3, 4), (2, 3))),
    "toeplitz, kernel as large as the image": ((7, 7), 2, 1, (7, 7), (1, 1), ((3, 3), (3, 3))),
    "winograd": ((8, 12), 64, 3, (4, 4), TWO, ONE),
    "direct": ((4, 4), 128, 3, (4, 4), TWO, ONE),
}
each_case = pytest.mark.parametrize("name", CASES)
each_value = pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
BATCHES = 1, 8, 64  # 8: Toeplitz; 64 images have tiles enough for Winograd


def test_the_cases_take_the_algorithms_they_are_named_after():
    for name, (size, channels, out_channels, *geometry) in CASES.items():
        taken = "im2col"
        if direct.is_applicable(size, *geometry, channels):
            taken = "direct"
        elif winograd.is_applicable(max(BATCHES), size, *geometry, channels):
            taken = "winograd"
        elif toeplitz.is_applicable(max(BATCHES), size, *geometry, out_channels):
            taken = "toeplitz"
        assert name.split(",")[0] == taken


def kinds(array, name):
    """0 if finite, 1, 2, 3 if NaN, ∞, −∞; Winograd's differences turn an infinity into NaN."""
    array = to_numpy(array)
    kind = np.isnan(array) + 2 * np.isposinf(array) + 3 * np.isneginf(array)
    return kind > 0 if name == "winograd" else kind


def positions(size):
    return [(0, 0), (size[0] // 2, size[1] // 2), (size[0] - 1, size[1] - 1), (0, size[1] - 1), (1, 2)]


@each_case
@each_value
@np.errstate(invalid="ignore")
def test_a_pixel_that_is_not_finite_spreads_as_the_kernel_does(name, bad):
    size, channels, out_channels, kernel, stride, padding = CASES[name]
    w = random.standard_normal((*kernel, channels, out_channels))
    for row, column in positions(size):
        x = random.standard_normal((max(BATCHES), *size, channels))
        x[0, row, column, 1] = bad
        expected = kinds(reference.conv2d(x[:1], w, stride, padding), name)
        for batch in BATCHES:
            y = ops.conv2d(asarray(x[:batch]), asarray(w), stride, padding)
            assert (kinds(y[:1], name) == expected).all()
            assert np.isfinite(to_numpy(y[1:])).all()


@each_case
@each_value
@np.errstate(invalid="ignore")
def test_a_gradient_that_is_not_finite_reaches_the_pixels_of_its_window(name, bad):
    size, channels, out_channels, kernel, stride, padding = CASES[name]
    w = random.standard_normal((*kernel, channels, out_channels))
    output_size = conv_output_size(size, kernel, stride, padding)
    for row, column in positions(output_size):
        if row >= output_size[0] or column >= output_size[1]:
            continue
        dy = random.standard_normal((max(BATCHES), *output_size, out_channels))
        dy[0, row, column, -1] = bad
        expected = kinds(reference.conv2d_grad_input(dy[:1], w, size, stride, padding), name)
        for batch in BATCHES:
            dx = ops.conv2d_grad_input(asarray(dy[:batch]), asarray(w), size, stride, padding)
            assert (kinds(dx[:1], name) == expected).all()
            assert np.isfinite(to_numpy(dx[1:])).all()


@pytest.mark.skipif(not on_cpu, reason="a batch of one size on a GPU")
@each_case
@np.errstate(invalid="ignore")
def test_a_pixel_that_is_nan_reaches_the_weights_it_meets(name):
    size, channels, out_channels, kernel, stride, padding = CASES[name]
    output_size = conv_output_size(size, kernel, stride, padding)
    for row, column in positions(size):
        x = random.standard_normal((max(BATCHES), *size, channels))
        x[0, row, column, 1] = np.nan
        dy = random.standard_normal((max(BATCHES), *output_size, out_channels))
        expected = np.isnan(reference.conv2d_grad_weight(x[:1], dy[:1], kernel, stride, padding))
        for batch in BATCHES:
            dw = ops.conv2d_grad_weight(asarray(x[:batch]), asarray(dy[:batch]), kernel, stride, padding)
            assert (np.isnan(to_numpy(dw)) == expected).all()


@each_value
@np.errstate(invalid="ignore")
def test_both_definitions_of_the_transposed_convolution_spread_alike(bad):
    size, kernel, stride = (4, 3), (4, 3), (2, 2)
    output_size, padding = conv_transpose_output(size, kernel, stride, "same", (0, 0))
    w = random.standard_normal((*kernel, 2, 3))
    for row, column in positions(size):
        x = random.standard_normal((9, *size, 3))
        x[0, row, column % size[1], 1] = bad
        scattered = ops.conv2d_grad_input(asarray(x), asarray(w), output_size, stride, padding)
        inserted = ops.conv_transpose2d_by_zeros(asarray(x), asarray(w), output_size, stride, padding)
        expected = kinds(reference.conv_transpose2d_scatter(x[:1], w, output_size, stride, padding), "")
        assert (kinds(scattered[:1], "") == expected).all()
        assert (kinds(inserted[:1], "") == expected).all()
        assert np.isfinite(to_numpy(scattered[1:])).all()
        assert np.isfinite(to_numpy(inserted[1:])).all()
