"""Every layer and loss against finite differences: each parameter, both modes, random shapes and layouts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    convolutions,
    in_layout,
    layouts,
    off_zero,
    randoms,
    small_shapes,
    spread,
    transposed_convolutions,
)

import minigan as mg
from minigan import layers, losses
from minigan.backend import asarray
from minigan.gradcheck import check

both_modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


@both_modes
@given(randoms, layouts, st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_dense(train, random, layout, n, in_features, out_features, bias):
    x = in_layout(random.standard_normal((n, in_features)), layout)
    check(layers.Dense(in_features, out_features, bias=bias), x, train=train)


@both_modes
@given(randoms, layouts, convolutions(), st.booleans())
def test_conv2d(train, random, layout, c, bias):
    x = in_layout(random.standard_normal((c.batch, *c.size, c.in_channels)), layout)
    layer = layers.Conv2D(c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding, bias)
    check(layer, x, train=train)


@both_modes
@pytest.mark.parametrize("definition", layers.ConvTranspose2D.definitions)
@given(randoms, layouts, transposed_convolutions(), st.booleans())
def test_conv_transpose2d(definition, train, random, layout, transposed, bias):
    c, output_padding = transposed
    x = in_layout(random.standard_normal((c.batch, *c.size, c.in_channels)), layout)
    layer = layers.ConvTranspose2D(
        c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding, output_padding, bias, definition
    )
    check(layer, x, train=train)


@both_modes
@given(randoms, layouts, small_shapes)
def test_batch_norm(train, random, layout, shape):
    if np.prod(shape[:-1]) < 2:
        shape = (2, *shape[1:])
    layer = layers.BatchNorm(shape[-1], eps=1e-3)
    layer.load_state_dict(
        {
            "gamma": random.uniform(0.5, 2, shape[-1]),
            "beta": random.standard_normal(shape[-1]),
            "running_mean": random.standard_normal(shape[-1]),
            "running_var": random.uniform(0.3, 2, shape[-1]),
        }
    )
    check(layer, in_layout(spread(random, shape), layout), train=train)


@given(randoms, st.integers(2, 4), small_shapes)
def test_batch_norm_of_two_groups(random, n, shape):
    """Each half is normalized with its own statistics; their variances differ, so neither can stand for the other."""
    halves = [scale * spread(random, (n, *shape[1:])) for scale in (1, 3)]
    layer = layers.BatchNorm(shape[-1], eps=1e-3)
    check(layer, asarray(np.concatenate(halves)), groups=2)
    check(layer, asarray(np.concatenate(halves)), train=False, groups=2)


@both_modes
@pytest.mark.parametrize(
    "layer",
    [
        layers.LeakyReLU(0.2),
        layers.LeakyReLU(1.0),
        layers.ReLU(),
        layers.Tanh(),
        layers.Sigmoid(),
        layers.Dropout(0.4),
        layers.Flatten(),
    ],
    ids=repr,
)
@given(randoms, layouts, small_shapes)
def test_element_wise(layer, train, random, layout, shape):
    check(layer, in_layout(off_zero(random, shape), layout), train=train)


@both_modes
@given(randoms, layouts, small_shapes)
def test_reshape(train, random, layout, shape):
    x = in_layout(random.standard_normal(shape), layout)
    check(layers.Reshape(*reversed(shape[1:]), 1), x, train=train)


@both_modes
@given(randoms, st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_embedding(train, random, n, num_embeddings, embedding_dim):
    check(layers.Embedding(num_embeddings, embedding_dim), random.integers(0, num_embeddings, n), train=train)


@both_modes
@given(randoms, st.integers(2, 4), st.integers(1, 3))
def test_a_network_of_many_kinds_of_layers(train, random, n, channels):
    mg.backend.seed(int(random.integers(1000)))
    network = layers.Sequential(
        layers.Conv2D(channels, 3, 3, stride=2, padding="same"),
        layers.BatchNorm(3),
        layers.Tanh(),
        layers.ConvTranspose2D(3, 2, 4, stride=2, padding="same"),
        layers.Sequential(layers.Sigmoid(), layers.Flatten()),
        layers.Dense(2 * 6 * 4, 5),
        layers.Reshape(5, 1),
        layers.Dropout(0.3),
    )
    check(network, asarray(spread(random, (n, 6, 4, channels))), train=train)


@given(randoms, st.integers(1, 7), st.integers(1, 3))
def test_losses(random, n, columns):
    shape = (n, columns)
    logits, targets = asarray(random.normal(0, 3, shape)), asarray(random.uniform(0, 1, shape))
    check(losses.bce_with_logits, logits, targets)
    check(losses.bce, asarray(random.uniform(0.1, 0.9, shape)), targets)
    check(losses.least_squares, logits, targets)


@given(randoms, st.integers(1, 6), st.integers(1, 6))
def test_softmax_cross_entropy(random, n, classes):
    check(losses.softmax_cross_entropy, random.normal(0, 3, (n, classes)), random.integers(0, classes, n))


@pytest.mark.parametrize(
    "objective",
    [losses.NonSaturating(), losses.Minimax(), losses.LeastSquares(), losses.LeastSquares(-1, 1, 0)],
    ids=["non-saturating", "minimax", "least-squares 0 1 1", "least-squares -1 1 0"],
)
@given(randoms, st.integers(1, 9))
def test_objectives(objective, random, n):
    real, fake = asarray(random.normal(0, 2, (n, 1))), asarray(random.normal(0, 2, (n, 1)))
    check(objective.discriminator, real, fake)
    check(objective.generator, fake)
