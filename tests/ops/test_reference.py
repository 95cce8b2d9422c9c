"""Every operation against its definition in ops/reference.py, over random shapes and memory layouts.

The table CASES is complete, and a test makes sure that it stays so: a new function in the reference, or a new operation
in ops, needs a line here. A case draws random inputs and returns (computed, expected), two arrays or two lists of them.
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
from minigan.backend import asarray, to_numpy, xp
from minigan.ops import reference
from minigan.ops.geometry import conv_output_size, conv_transpose_output, resolve_padding
from minigan.ops.normalization import Statistics

# Both sides add the same float64 products in another order: a few hundred of them, each off by 1e-16.
TOLERANCE = 1e-11


def convolution(draw):
    """(Convolution, resolved padding, output size)."""
    c = draw(convolutions())
    padding = resolve_padding(c.padding, c.size, c.kernel_size, c.stride)
    return c, padding, conv_output_size(c.size, c.kernel_size, c.stride, padding)


def random_and_layout(draw):
    """(a generator of random numbers, a function that stores an array in a random memory layout)."""
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
    return random, lay, c, x, w, size, padding  # x: (N, H, W, C), w: (kh, kw, O, C)


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
        reference.conv_transpose2d_by_zeros(x, w, size, c.stride, padding),
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


def matmul(draw):
    """With and without a bias, as a new array and added to an old one."""
    random, lay = random_and_layout(draw)
    m, k, n = (draw(st.integers(1, 6)) for _ in range(3))
    a, b = random.standard_normal((m, k)), random.standard_normal((k, n))
    bias, before = (random.standard_normal(shape) * draw(st.booleans()) for shape in (n, (m, n)))
    computed = ops.matmul(
        lay(a), lay(b), asarray(bias) if bias.any() else None, asarray(before.copy()) if before.any() else None
    )
    return computed, before + reference.dense(a, b, bias)


def sum_rows(draw):
    random, lay = random_and_layout(draw)
    rows = random.standard_normal((draw(st.integers(1, 6)), draw(st.integers(1, 6))))
    before = random.standard_normal(rows.shape[1])
    return (
        [ops.sum_rows(lay(rows)), ops.sum_rows(lay(rows), add_to=asarray(before.copy()))],
        [reference.sum_rows(rows), before + reference.sum_rows(rows)],
    )


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
    return [y, layer.running_mean, layer.running_var], [expected, 0.1 * mean, 0.9 + 0.1 * var * m / (m - 1)]


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


def normalize(draw):
    """Two groups with statistics of their own, and a LeakyReLU after the normalization."""
    random, lay = random_and_layout(draw)
    groups, m, channels = 2, draw(st.integers(1, 4)), draw(st.integers(1, 4))
    x, slope = random.standard_normal((groups, m, channels)), draw(st.sampled_from([1, 0.2]))
    mean, inv_std = random.standard_normal((groups, channels)), random.uniform(0.5, 2, (groups, channels))
    gamma, beta = random.uniform(0.5, 2, channels), random.standard_normal(channels)
    statistics = Statistics(asarray(mean), asarray(inv_std))
    expected = [
        reference.leaky_relu(reference.batch_norm_eval(x[g], gamma, beta, mean[g], inv_std[g] ** -2, eps=0), slope)
        for g in range(groups)
    ]
    return ops.normalize(lay(x), statistics, asarray(gamma), asarray(beta), slope), np.array(expected)


def activation(layer_of, definition):
    def case(draw):
        random, lay = random_and_layout(draw)
        x = off_zero(random, tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))))
        slope = draw(st.floats(0, 1))
        layer = layer_of(slope)
        return layer.forward(lay(x))[0], definition(x, slope)

    return case


def activation_grad(operation, definition):
    def case(draw):
        random, lay = random_and_layout(draw)
        shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=4)))
        y, dy, slope = off_zero(random, shape), random.standard_normal(shape), draw(st.floats(0, 1))
        return operation(lay(y), lay(dy), slope), definition(y, dy, slope)

    return case


leaky_relu = activation(layers.LeakyReLU, reference.leaky_relu)
tanh = activation(lambda slope: layers.Tanh(), lambda x, slope: reference.tanh(x))
sigmoid = activation(lambda slope: layers.Sigmoid(), lambda x, slope: reference.sigmoid(x))
leaky_relu_grad = activation_grad(ops.leaky_relu_grad, reference.leaky_relu_grad)
tanh_grad = activation_grad(lambda y, dy, slope: ops.tanh_grad(y, dy), lambda y, dy, slope: reference.tanh_grad(y, dy))


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


def add_discriminator_metrics(draw):
    """Batches of different sizes; an output that equals the threshold is not above it."""
    random, lay = random_and_layout(draw)
    real, fake = (random.normal(0, 2, (draw(st.integers(1, 6)), 1)) for _ in range(2))
    logistic, before = draw(st.booleans()), random.standard_normal(4)
    threshold = 0.5 if logistic else draw(st.sampled_from([0.0, float(real[0, 0]), float(fake[0, 0])]))
    totals = asarray(before.copy())
    ops.add_discriminator_metrics(totals, lay(real), lay(fake), logistic, threshold)
    return totals, reference.add_discriminator_metrics(before, real, fake, logistic, threshold)


def next_images(draw):
    """Two batches, one after the other, and the cursor after them."""
    random, _ = random_and_layout(draw)
    images = random.integers(0, 256, (draw(st.integers(2, 6)), 2, draw(st.integers(1, 3)), 3), dtype=np.uint8)
    order, count, first = random.permutation(len(images)), len(images) // 2, draw(st.integers(0, len(images) % 2))
    scale, offset = draw(st.sampled_from([(1 / 127.5, -1), (1 / 255, 0)]))
    cursor = asarray(np.array([first]))
    batches = [
        ops.next_images(asarray(images), asarray(order), cursor, count, "float64", scale, offset) for _ in range(2)
    ]
    expected = [reference.next_images(images, order, start, count, scale, offset) for start in (first, first + count)]
    return [*batches, cursor], [*expected, np.array([first + 2 * count])]


def adam_settings(draw):
    return {"lr": 10 ** draw(st.floats(-4, -1)), "betas": (draw(st.floats(0, 0.95)), draw(st.floats(0, 0.9999)))}


def adam(draw):
    """The optimizer, over parameters of several shapes."""
    random, _ = random_and_layout(draw)
    shapes = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3))
    values = [random.standard_normal(shape) for shape in shapes]
    steps = [[random.normal(0, 10 ** random.uniform(-4, 2), shape) for shape in shapes] for _ in range(4)]
    settings = adam_settings(draw)
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


def adam_update(draw):
    """The operation, four times, over flat buffers."""
    random, _ = random_and_layout(draw)
    size, settings = draw(st.integers(1, 9)), adam_settings(draw)
    values = random.standard_normal(size)
    gradients = [random.normal(0, 10 ** random.uniform(-4, 2), size) for _ in range(4)]
    updated, m, v = asarray(values.copy()), xp.zeros(size, "float64"), xp.zeros(size, "float64")
    t, lr = xp.zeros((), "float64"), asarray(np.array(settings["lr"]))
    for gradient in gradients:
        ops.adam_update(updated, asarray(gradient), m, v, t, lr, settings["betas"], 1e-8)
    return [updated, t], [reference.adam(values, gradients, eps=1e-8, **settings), np.array(4.0)]


CASES = {
    "conv2d": conv2d,
    "conv2d_grad_input": conv2d_grad_input,
    "conv2d_grad_weight": conv2d_grad_weight,
    "conv_transpose2d_scatter": conv_transpose2d_scatter,
    "conv_transpose2d_by_zeros": conv_transpose2d_by_zeros,
    "conv_transpose2d_by_zeros_grad_input": conv_transpose2d_by_zeros_grad_input,
    "conv_transpose2d_by_zeros_grad_weight": conv_transpose2d_by_zeros_grad_weight,
    "dense": dense,
    "matmul": matmul,
    "sum_rows": sum_rows,
    "batch_norm": batch_norm,
    "batch_norm_grad": batch_norm_grad,
    "batch_norm_eval": batch_norm_eval,
    "normalize": normalize,
    "leaky_relu": leaky_relu,
    "leaky_relu_grad": leaky_relu_grad,
    "tanh": tanh,
    "tanh_grad": tanh_grad,
    "sigmoid": sigmoid,
    "embedding": embedding,
    "bce_with_logits": bce_with_logits,
    "bce": bce,
    "least_squares": least_squares,
    "softmax_cross_entropy": softmax_cross_entropy,
    "add_discriminator_metrics": add_discriminator_metrics,
    "next_images": next_images,
    "adam": adam,
    "adam_update": adam_update,
}


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_agrees_with_the_reference(name, data):
    computed, expected = CASES[name](data.draw)
    computed, expected = (values if isinstance(values, list) else [values] for values in (computed, expected))
    for c, e in zip(computed, expected, strict=True):
        np.testing.assert_allclose(to_numpy(c), e, rtol=TOLERANCE, atol=TOLERANCE)


def test_every_reference_function_and_every_operation_is_in_the_table():
    definitions = {name for name, _ in inspect.getmembers(reference, inspect.isfunction)}
    operations = set(ops.__all__) - {"prepare_training"}  # which computes nothing
    assert set(CASES) == definitions | operations


def test_only_tests_and_documentation_import_the_reference():
    code = (
        "import sys, minigan\n"
        "for name in minigan.__all__: getattr(minigan, name)\n"
        "print('minigan.ops.reference' in sys.modules)"
    )
    environment = os.environ | {"MINIGAN_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
