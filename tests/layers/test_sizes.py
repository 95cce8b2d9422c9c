"""Settings that no layer can have are refused when it is created, and the message names the argument."""

import numpy as np
import pytest

from minigan import layers

NOT_A_SIZE = [0, -2, 2.5, 2.0, None, True, "3", float("nan")]
NOT_A_NUMBER = [None, True, "0.2", float("nan"), 1j, [0.2]]

# (make a layer with one argument replaced, the name of that argument)
SIZES = [
    (lambda n: layers.Dense(n, 3), "in_features"),
    (lambda n: layers.Dense(3, n), "out_features"),
    (lambda n: layers.Conv2D(n, 3, 3), "in_channels"),
    (lambda n: layers.Conv2D(3, n, 3), "out_channels"),
    (lambda n: layers.Conv2D(3, 3, n), "kernel_size"),
    (lambda n: layers.Conv2D(3, 3, (3, n)), "kernel_size"),
    (lambda n: layers.Conv2D(3, 3, 3, stride=n), "stride"),
    (lambda n: layers.ConvTranspose2D(n, 3, 3), "in_channels"),
    (lambda n: layers.ConvTranspose2D(3, n, 3), "out_channels"),
    (lambda n: layers.ConvTranspose2D(3, 3, n), "kernel_size"),
    (lambda n: layers.ConvTranspose2D(3, 3, 3, stride=(n, 1)), "stride"),
    (lambda n: layers.BatchNorm(n), "num_features"),
    (lambda n: layers.Embedding(n, 3), "num_embeddings"),
    (lambda n: layers.Embedding(3, n), "embedding_dim"),
    (lambda n: layers.Reshape(n), "shape"),
    (lambda n: layers.Reshape(2, n, 5), "shape"),
    (lambda n: layers.Sequential(layers.Tanh(), input_shape=(4, n)), "input_shape"),
    (
        lambda n: layers.Conditional(layers.Tanh(), layers.Embedding(3, 2), layers.Tanh(), input_shape=(n,)),
        "input_shape",
    ),
]


@pytest.mark.parametrize("value", NOT_A_SIZE, ids=repr)
@pytest.mark.parametrize(("make", "name"), SIZES, ids=lambda entry: entry if isinstance(entry, str) else "")
def test_a_size_is_an_int_of_at_least_1(make, name, value):
    with pytest.raises(ValueError, match=rf"\b{name}\b.*expected|expected {name}\b"):
        make(value)


@pytest.mark.parametrize("shape", [(-2, 5), (-1, -1, 5), (-1,), ((2, 2),), (0,)], ids=str)
def test_reshape_infers_no_size(shape):
    with pytest.raises(ValueError, match="Reshape: expected shape to be ints of at least 1"):
        layers.Reshape(*shape)


@pytest.mark.parametrize("value", [-1, 1.0, None, True, (0, -1), "zero"], ids=repr)
def test_paddings_are_ints_of_at_least_0(value):
    for make in (layers.Conv2D, layers.ConvTranspose2D):
        with pytest.raises(ValueError, match="padding: expected"):
            make(1, 1, 3, padding=value)
    with pytest.raises(ValueError, match="output_padding: expected"):
        layers.ConvTranspose2D(1, 1, 3, stride=2, output_padding=value)


@pytest.mark.parametrize(
    ("make", "name", "outside"),
    [
        (layers.LeakyReLU, "slope", [-0.1, 1.5]),
        (layers.Dropout, "rate", [-0.5, 1]),
        (lambda eps: layers.BatchNorm(3, eps=eps), "eps", [-1e-5, float("inf")]),
        (lambda momentum: layers.BatchNorm(3, momentum=momentum), "momentum", [-0.1, 1.5]),
    ],
)
def test_a_number_is_real_and_in_its_interval(make, name, outside):
    for value in [*NOT_A_NUMBER, *outside]:
        with pytest.raises(ValueError, match=f"expected {name} to be a number"):
            make(value)


def test_sizes_and_numbers_of_numpy_are_taken():
    assert layers.Dense(np.int64(3), np.uint8(2)).weight.value.shape == (3, 2)
    assert layers.LeakyReLU(np.float32(0.25)).slope == 0.25


@pytest.mark.parametrize("groups", [0, -1, None, True, 1.0], ids=repr)
def test_groups_is_a_number_of_batches(groups):
    with pytest.raises(ValueError, match="expected groups to be an int of at least 1"):
        layers.BatchNorm(3).forward(np.ones((4, 3), "float32"), groups=groups)
