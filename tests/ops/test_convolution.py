"""Properties of every convolution: adjoints, two equal definitions, output sizes, and clear errors."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import Convolution, convolutions, randoms, transposed_convolutions

from minigan import layers, ops
from minigan.backend import asarray, to_numpy
from minigan.ops.geometry import conv_output_size, resolve_padding


def inner_product(a, b):
    return float((a * b).sum())


@given(randoms, convolutions())
def test_the_transposed_convolution_is_the_adjoint(random, c):
    """⟨conv(x, w), y⟩ = ⟨x, convᵀ(y, w)⟩ = ⟨w, grad_weight(x, y)⟩: one trilinear form, written in three ways."""
    padding = resolve_padding(c.padding, c.size, c.kernel_size, c.stride)
    size = conv_output_size(c.size, c.kernel_size, c.stride, padding)
    x = asarray(random.standard_normal((c.batch, *c.size, c.in_channels)))
    w = asarray(random.standard_normal((*c.kernel_size, c.in_channels, c.out_channels)))
    y = asarray(random.standard_normal((c.batch, *size, c.out_channels)))
    by_output = inner_product(ops.conv2d(x, w, c.stride, padding), y)
    by_input = inner_product(x, ops.conv2d_grad_input(y, w, c.size, c.stride, padding))
    by_weight = inner_product(w, ops.conv2d_grad_weight(x, y, c.kernel_size, c.stride, padding))
    assert by_input == pytest.approx(by_output, rel=1e-9, abs=1e-9)
    assert by_weight == pytest.approx(by_output, rel=1e-9, abs=1e-9)


# The padding crops more rows at the top than the input has, and output_padding adds rows at the bottom.
@example(np.random.default_rng(0), (Convolution(1, (1, 1), 1, 1, (1, 1), (3, 1), ((2, 0), (0, 0))), (2, 0)))
@given(randoms, transposed_convolutions())
def test_the_two_definitions_agree(random, transposed):
    """Forward pass, input gradient, weight gradient and bias gradient."""
    c, output_padding = transposed
    x = asarray(random.standard_normal((c.batch, *c.size, c.in_channels)))
    results = []
    state = None  # the weights of the first layer, copied to the second
    for definition in layers.ConvTranspose2D.definitions:
        layer = layers.ConvTranspose2D(
            c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding, output_padding, definition=definition
        ).astype("float64")
        state = state or layer.state_dict()
        layer.load_state_dict(state)
        y, cache = layer.forward(x)
        dy = asarray(np.random.default_rng(0).standard_normal(y.shape))
        dx = layer.backward(dy, cache)
        results.append([to_numpy(a) for a in (y, dx, layer.weight.grad, layer.bias.grad)])
    for scattered, inserted in zip(*results, strict=True):
        np.testing.assert_allclose(inserted, scattered, rtol=1e-11, atol=1e-11)


@given(st.integers(1, 20), st.integers(1, 6), st.integers(1, 5))
def test_same_padding_gives_the_sizes_of_tensorflow(size, kernel_size, stride):
    """⌈H/s⌉ for a convolution and H·s for a transposed one, for every kernel size."""
    x = asarray(np.ones((1, size, size, 1), np.float32))
    y, _ = layers.Conv2D(1, 1, kernel_size, stride, "same").forward(x)
    assert y.shape == (1, -(-size // stride), -(-size // stride), 1)
    y, _ = layers.ConvTranspose2D(1, 1, kernel_size, stride, "same").forward(x)
    assert y.shape == (1, size * stride, size * stride, 1)


def test_same_padding_puts_the_odd_column_at_the_right():
    """As in TensorFlow: width 5, kernel 2 and stride 1 need one column of zeros, which is added at the right."""
    x = asarray(np.arange(1.0, 6.0).reshape(1, 1, 5, 1))
    layer = layers.Conv2D(1, 1, (1, 2), padding="same").astype("float64")
    layer.weight.value[...] = asarray(np.array([1.0, 10.0]).reshape(1, 2, 1, 1))
    assert to_numpy(layer.forward(x)[0]).ravel().tolist() == [21, 32, 43, 54, 5]


def test_scatter_gives_the_2x2_example_of_the_textbook():
    """[[0, 1], [2, 3]] with kernel [[0, 1], [2, 3]]: four scaled kernels, added where they overlap.

    Source: Zhang et al., Dive into Deep Learning, section 14.10.
    """
    x = asarray(np.arange(4.0).reshape(1, 2, 2, 1))
    layer = layers.ConvTranspose2D(1, 1, 2).astype("float64")
    layer.weight.value[...] = asarray(np.arange(4.0).reshape(2, 2, 1, 1))
    y = to_numpy(layer.forward(x)[0])[0, :, :, 0]
    assert y.tolist() == [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
    assert to_numpy(with_settings(layer, stride=2).forward(x)[0])[0, :, :, 0].tolist() == [
        [0, 0, 0, 1],
        [0, 0, 2, 3],
        [0, 2, 0, 3],
        [4, 6, 6, 9],
    ]
    assert to_numpy(with_settings(layer, padding=1).forward(x)[0])[0, :, :, 0].tolist() == [[4]]


def with_settings(layer, stride=1, padding=0):
    """A layer with the weights of `layer` and other settings."""
    other = layers.ConvTranspose2D(1, 1, 2, stride, padding).astype("float64")
    other.load_state_dict(layer.state_dict())
    return other


def test_errors_name_the_expected_and_the_actual_shape():
    x = asarray(np.zeros((8, 3, 32, 32), np.float32))
    with pytest.raises(
        ValueError, match=r"Conv2D\(in_channels=3\): expected x of shape \(N, H, W, 3\), got \(8, 3, 32, 32\)"
    ):
        layers.Conv2D(3, 8, 4).forward(x)
    with pytest.raises(ValueError, match=r"ConvTranspose2D\(in_channels=5\): expected x of shape \(N, H, W, 5\)"):
        layers.ConvTranspose2D(5, 8, 4).forward(x)
    with pytest.raises(ValueError, match=r"at least as large as the kernel \(5, 5\), got \(3, 32\)"):
        layers.Conv2D(32, 8, 5).forward(x)
    layer = layers.Conv2D(32, 8, 3)
    _, cache = layer.forward(x)
    with pytest.raises(ValueError, match=r"expected dy of shape \(8, 1, 30, 8\), got \(8, 3, 32, 32\)"):
        layer.backward(x, cache)


@pytest.mark.parametrize("padding", ["full", -1, (1,), ((1, 2, 3), (0, 0)), 1.5, None, (1, "a")])
def test_a_bad_padding_raises_when_the_layer_is_created(padding):
    with pytest.raises(ValueError, match="padding: expected"):
        layers.Conv2D(1, 1, 3, padding=padding)
    with pytest.raises(ValueError, match="padding: expected"):
        layers.ConvTranspose2D(1, 1, 3, padding=padding)


def test_bad_settings_raise():
    with pytest.raises(ValueError, match="kernel_size: expected an int of at least 1"):
        layers.Conv2D(1, 1, 0)
    with pytest.raises(ValueError, match="stride: expected"):
        layers.Conv2D(1, 1, 3, stride=(1, 2, 3))
    with pytest.raises(ValueError, match="output_padding below the stride"):
        layers.ConvTranspose2D(1, 1, 3, stride=2, output_padding=2)
    with pytest.raises(ValueError, match="output_padding=0 with"):
        layers.ConvTranspose2D(1, 1, 3, stride=2, padding="same", output_padding=1)
    with pytest.raises(ValueError, match="definition"):
        layers.ConvTranspose2D(1, 1, 3, definition="dilated")
    with pytest.raises(ValueError, match="at least 1×1"):
        layers.ConvTranspose2D(1, 1, 3, padding=3).forward(asarray(np.zeros((1, 2, 2, 1), np.float32)))
