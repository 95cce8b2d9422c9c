"""Every operation against its definition in ops/reference.py, over random shapes and layouts.

The table PAIRS is complete by test: a new function in the reference, or a new operation in ops, fails until it
has its line here.
"""

import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import convolutions, in_layout, off_zero, spread, transposed_convolutions

from minigan import layers, losses, ops, optim
from minigan.backend import asarray, to_numpy
from minigan.ops import reference
from minigan.ops.geometry import conv_output_size, conv_transpose_output, resolve_padding

# Both sides add the same float64 products in another order: a few hundred of them, each off by 1e-16.
TOLERANCE = 1e-11


def convolution(draw):
    """(random, layout, Convolution, padding, output size) of a drawn convolution."""
    c = draw(convolutions())
    padding = resolve_padding(c.padding, c.size, c.kernel_size, c.stride)
    return c, padding, conv_output_size(c.size, c.kernel_size, c.stride, padding)


def random_and_layout(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layout = draw(st.sampled_from(["C", "F", "every other", "reversed"]))
    return random, lambda array: in_layout(array, layout)


def conv2d(draw):
    random, lay = random_and_layout(draw)
    c, padding, _ = convolution(draw)
    x = random.standard_normal((c.batch, *c.size, c.in_channels))
    w = random.standard_normal((*c.kernel_size, c.in_channels, c.out_channels))
    return ops.conv2d(lay(x), lay(w), c.stride, padding), reference.conv2d(x, w, c.stride, padding)


def conv2d_grad_input(draw):
    random, lay = random_and_layout(draw)
    c, padding, size = convolution(draw)
    dy = random.standard_normal((c.batch, *size, c.out_channels))
    w = random.standard_normal((*c.kernel_size, c.in_channels, c.out_channels))
    return (
        ops.conv2d_grad_input(lay(dy), lay(w), c.size, c.stride, padding),
        reference.conv2d_grad_input(dy, w, c.size, c.stride, padding),
    )


def conv2d_grad_weight(draw):
    random, lay = random_and_layout(draw)
    c, padding, size = convolution(draw)
    x = random.standard_normal((c.batch, *c.size, c.in_channels))
    dy = random.standard_normal((c.batch, *size, c.out_channels))
    return (
        ops.conv2d_grad_weight(lay(x), lay(dy), c.kernel_size, c.stride, padding),
        reference.conv2d_grad_weight(x, dy, c.kernel_size, c.stride, padding),
    )


def transposed(draw):
    random, lay = random_and_layout(draw)
    c, output_padding = draw(transposed_convolutions())
    size, padding = conv_transpose_output(c.size, c.kernel_size, c.stride, c.padding, output_padding)
    x = random.standard_normal((c.batch, *c.size, c.in_channels))
    w = random.standard_normal((*c.kernel_size, c.out_channels, c.in_channels))
    return random, lay, c, x, w, size, padding


def conv_transpose2d_scatter(draw):
    _, lay, c, x, w, size, padding = transposed(draw)
    return (
        ops.conv2d_grad_input(lay(x), lay(w), size, c.stride, padding),
        reference.conv_transpose2d_scatter(x, w, size, c.stride, padding),
    )


def conv_transpose2d_by_zeros(draw):
    _, lay, c, x, w, size, padding = transposed(draw)
    return (
        ops.conv_transpose2d_by_zeros(lay(x), lay(w), size, c.stride, padding),
        reference.conv_transpose2d_zero_insertion(x, w, size, c.stride, padding),
    )


def conv_transpose2d_by_zeros_grad_input(draw):
    random, lay, c, _x, w, size, padding = transposed(draw)
    dy = random.standard_normal((c.batch, *size, c.out_channels))
    return (
        ops.conv_transpose2d_by_zeros_grad_input(lay(dy), lay(w), c.size, c.stride, padding),
        reference.conv2d(dy, w, c.stride, padding)[:, : c.size[0], : c.size[1]],
    )


def conv_transpose2d_by_zeros_grad_weight(draw):
    random, lay, c, x, _, size, padding = transposed(draw)
    dy = random.standard_normal((c.batch, *size, c.out_channels))
    return (
        ops.conv_transpose2d_by_zeros_grad_weight(lay(x), lay(dy), c.kernel_size, c.stride, padding),
        reference.conv2d_grad_weight(dy, x, c.kernel_size, c.stride, padding),
    )


def dense(draw):
    random, lay = random_and_layout(draw)
    n, a, b = (draw(st.integers(1, 6)) for _ in range(3))
    x, layer = random.standard_normal((n, a)), layers.Dense(a, b).astype("float64")
    layer.bias.value[...] = asarray(random.standard_normal(b))
    w, bias = to_numpy(layer.weight.value), to_numpy(layer.bias.value)
    return layer.forward(lay(x))[0], reference.dense(x, w, bias)


def normalization(draw):
    random, lay = random_and_layout(draw)
    shape = (draw(st.integers(2, 4)), *draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    x, gamma, beta = spread(random, shape), random.uniform(0.5, 2, shape[-1]), random.standard_normal(shape[-1])
    layer = layers.BatchNorm(shape[-1]).astype("float64")
    layer.gamma.value[...], layer.beta.value[...] = asarray(gamma), asarray(beta)
    return random, lay, x, gamma, beta, layer


def batch_norm(draw):
    _, lay, x, gamma, beta, layer = normalization(draw)
    y, _ = layer.forward(lay(x))
    expected, mean, var = reference.batch_norm(x, gamma, beta, layer.eps)
    m = x.size // x.shape[-1]
    running = np.concatenate([to_numpy(layer.running_mean), to_numpy(layer.running_var)])
    moved = np.concatenate([0.1 * mean, 0.9 + 0.1 * var * m / (m - 1)])
    return np.append(to_numpy(y).ravel(), running), np.append(expected.ravel(), moved)


def batch_norm_grad(draw):
    random, lay, x, gamma, _, layer = normalization(draw)
    dy = random.standard_normal(x.shape)
    _, cache = layer.forward(lay(x))
    dx = layer.backward(lay(dy), cache)
    return [dx, layer.gamma.grad, layer.beta.grad], list(reference.batch_norm_grad(x, dy, gamma, layer.eps))


def batch_norm_eval(draw):
    random, lay, x, gamma, beta, layer = normalization(draw)
    mean, var = random.standard_normal(x.shape[-1]), random.uniform(0.5, 2, x.shape[-1])
    layer.running_mean[...], layer.running_var[...] = asarray(mean), asarray(var)
    y, _ = layer.forward(lay(x), train=False)
    return y, reference.batch_norm_eval(x, gamma, beta, mean, var, layer.eps)


def element_wise(layer_of, definition):
    def case(draw):
        random, lay = random_and_layout(draw)
        x = off_zero(random, tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))))
        slope = draw(st.floats(0, 1))
        layer = layer_of(slope)
        return layer.forward(lay(x))[0], definition(x, slope)

    return case


leaky_relu = element_wise(layers.LeakyReLU, reference.leaky_relu)
tanh = element_wise(lambda slope: layers.Tanh(), lambda x, slope: reference.tanh(x))
sigmoid = element_wise(lambda slope: layers.Sigmoid(), lambda x, slope: reference.sigmoid(x))


def embedding(draw):
    random, _ = random_and_layout(draw)
    count, dim, n = (draw(st.integers(1, 5)) for _ in range(3))
    layer, labels = layers.Embedding(count, dim).astype("float64"), random.integers(0, count, n)
    return layer.forward(labels)[0], reference.embedding(labels, to_numpy(layer.weight.value))


def loss(function, definition, of_probabilities=False):
    def case(draw):
        random, lay = random_and_layout(draw)
        shape = (draw(st.integers(1, 6)), draw(st.integers(1, 3)))
        a = random.uniform(0.05, 0.95, shape) if of_probabilities else random.normal(0, 3, shape)
        t = random.uniform(0, 1, shape)
        return function(lay(a), lay(t))[0], definition(a, t)

    return case


bce_with_logits = loss(losses.bce_with_logits, reference.bce_with_logits)
bce = loss(losses.bce, reference.bce, of_probabilities=True)
least_squares = loss(losses.least_squares, reference.least_squares)


def softmax_cross_entropy(draw):
    random, lay = random_and_layout(draw)
    n, classes = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    logits, labels = random.normal(0, 3, (n, classes)), random.integers(0, classes, n)
    return (
        losses.softmax_cross_entropy(lay(logits), asarray(labels))[0],
        reference.softmax_cross_entropy(logits, labels),
    )


def adam(draw):
    random, _ = random_and_layout(draw)
    shapes = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3))
    values = [random.standard_normal(shape) for shape in shapes]
    steps = [[random.normal(0, 10 ** random.uniform(-4, 2), shape) for shape in shapes] for _ in range(4)]
    settings = {"lr": 10 ** draw(st.floats(-4, -1)), "betas": (draw(st.floats(0, 0.95)), draw(st.floats(0, 0.9999)))}
    params = [layers.Param(value) for value in values]
    optimizer = optim.Adam(params, **settings)
    for gradients in steps:
        optimizer.zero_grad()
        for param, gradient in zip(params, gradients, strict=True):
            param.grad += asarray(gradient)
        optimizer.step()
    expected = [
        reference.adam(value, [gradients[i] for gradients in steps], eps=1e-8, **settings)
        for i, value in enumerate(values)
    ]
    return [param.value for param in params], expected


PAIRS = [
    conv2d, conv2d_grad_input, conv2d_grad_weight, conv_transpose2d_scatter, conv_transpose2d_by_zeros,
    conv_transpose2d_by_zeros_grad_input, conv_transpose2d_by_zeros_grad_weight, dense, batch_norm, batch_norm_grad,
    batch_norm_eval, leaky_relu, tanh, sigmoid, embedding, bce_with_logits, bce, least_squares,
    softmax_cross_entropy, adam,
]  # fmt: skip
NAMES = [name for name, value in list(globals().items()) if any(value is pair for pair in PAIRS)]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_agrees_with_the_reference(name, data):
    actual, expected = globals()[name](data.draw)
    actual, expected = (value if isinstance(value, list) else [value] for value in (actual, expected))
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), e, rtol=TOLERANCE, atol=TOLERANCE)


def test_every_reference_function_and_every_operation_is_in_the_table():
    definitions = {name for name, f in inspect.getmembers(reference, inspect.isfunction)}
    other_names = {"conv_transpose2d_zero_insertion": "conv_transpose2d_by_zeros"}
    assert {other_names.get(name, name) for name in definitions} <= set(NAMES)
    # These are parts of a layer or of Adam, and are held against the reference with it.
    parts = {
        "matmul": "dense",
        "sum_rows": "batch_norm_grad",
        "normalize": "batch_norm_eval",
        "leaky_relu_grad": "leaky_relu",
        "tanh_grad": "tanh",
        "adam_update": "adam",
        "next_images": "",
        "add_score_means": "",
    }
    assert {parts.get(name, name) for name in ops.__all__} - {""} <= set(NAMES)


def test_only_tests_and_documentation_import_the_reference():
    code = (
        "import sys, minigan\n"
        "for name in minigan.__all__: getattr(minigan, name)\n"
        "print('minigan.ops.reference' in sys.modules)"
    )
    environment = os.environ | {"MINIGAN_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
