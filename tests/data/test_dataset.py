"""A Dataset describes itself and checks its arrays."""

import numpy as np
import pytest

from minigan.data.dataset import Dataset
from minigan.data.shapes import load_shapes
from minigan.errors import DataError


def dataset(**changes):
    fields = {
        "name": "toy",
        "split": "train",
        "images": np.zeros((3, 4, 5, 1), np.uint8),
        "labels": np.array([0, 1, 1]),
        "class_names": ("a", "b"),
        "source": "nowhere",
    }
    return Dataset(**{**fields, **changes})


def test_the_repr_says_what_a_data_set_is():
    assert len(dataset()) == 3
    text = repr(load_shapes(count=1000, seed=5))
    assert text == "Dataset(shapes, train: 1,000 images of 32×32×3 uint8, 10 classes; generated with seed 5)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": np.zeros((3, 4, 5), np.uint8)},
            "toy: expected images uint8 (N, H, W, C), got uint8 (3, 4, 5)",
        ),
        (
            {"images": np.zeros((3, 4, 5, 1))},
            "toy: expected images uint8 (N, H, W, C), got float64 (3, 4, 5, 1)",
        ),
        ({"labels": np.array([0, 1])}, "toy: expected labels int64 (3,), got int64 (2,)"),
        ({"labels": np.zeros(3, np.int32)}, "toy: expected labels int64 (3,), got int32 (3,)"),
        ({"labels": np.array([0, 1, 2])}, "toy: expected labels from 0 to 1, got 0 to 2"),
        ({"labels": np.array([-1, 1, 0])}, "toy: expected labels from 0 to 1, got -1 to 1"),
        ({"split": "valid"}, "unknown split 'valid': expected 'train' or 'test'"),
    ],
)
def test_a_data_set_refuses_arrays_and_labels_that_do_not_fit(changes, message):
    with pytest.raises(DataError) as refused:
        dataset(**changes)
    assert str(refused.value) == message
