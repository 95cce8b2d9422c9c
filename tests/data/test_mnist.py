"""MNIST and Fashion-MNIST: each of their forms and locations, and damaged files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from real_data import ROOT as REAL
from real_data import needs_real_data

from minigan import data
from minigan.data.mnist import FASHION_MNIST, MNIST
from minigan.errors import DataError

COUNTS = {"train": 30, "t10k": 12}


def idx(array):
    """The array as the content of an IDX file."""
    return struct.pack(">4B", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def arrays(prefix):
    """Random (images, labels) for the files whose names begin with `prefix`."""
    random, count = np.random.default_rng(COUNTS[prefix]), COUNTS[prefix]
    return random.integers(0, 256, (count, 28, 28), np.uint8), random.integers(0, 10, count).astype(np.uint8)


def write(folder, packed):
    folder.mkdir(parents=True)
    for prefix in COUNTS:
        for kind, array, ndim in zip(("images", "labels"), arrays(prefix), (3, 1), strict=True):
            name = f"{prefix}-{kind}-idx{ndim}-ubyte"
            content = idx(array)
            (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("variant", [MNIST, FASHION_MNIST], ids=lambda variant: variant.name)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("location", ["MNIST/raw", "FashionMNIST/raw", "mnist", "fashion-mnist", "."])
def test_it_is_read_in_each_form_and_from_each_of_its_locations(tmp_path, variant, packed, location):
    root, name = tmp_path / "root", variant.name
    write(root / location, packed)
    belongs = location == "." or location.lower().startswith("fashion") == (name == "fashion-mnist")
    if not belongs:
        assert data.locate(name, root) is None
        with pytest.raises(DataError, match=f"{name} not found: searched for .* in .*minigan data fetch {name}"):
            data.load(name, root)
        return
    for split, prefix in (("train", "train"), ("test", "t10k")):
        loaded = data.load(name, root, split)
        images, labels = arrays(prefix)
        np.testing.assert_array_equal(loaded.images, images[..., None])
        np.testing.assert_array_equal(loaded.labels, labels)
        assert loaded.labels.dtype == np.int64
        assert loaded.class_names == variant.class_names
    assert data.locate(name, root) == str(root / location)


def test_the_file_of_keras_is_read(tmp_path):
    (x_train, y_train), (x_test, y_test) = arrays("train"), arrays("t10k")
    np.savez(tmp_path / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    for root in (tmp_path, tmp_path / "mnist.npz"):
        loaded = data.load("mnist", root, "test")
        np.testing.assert_array_equal(loaded.images[..., 0], x_test)
    (tmp_path / "mnist.npz").write_bytes(b"PK not a zip")
    with pytest.raises(DataError, match=r"expected Keras' mnist\.npz"):
        data.load("mnist", tmp_path)


def damaged(content):
    """(damaged content, the message about it) of an IDX file."""
    yield b"", "one that begins with nothing"
    yield content[:40], "expected 23,520 numbers according to its header, got 24"
    yield content[:6], "cannot be read or is cut short"
    yield content + b"x", "got more"
    yield b"\0\0\x0d\x03" + content[4:], "begins with 00 00 0d 03"  # numbers of another type
    yield (
        content[:4] + struct.pack(">I", 2**31) + content[8:],
        "according to its header",
    )  # and no memory is allocated for it


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("case", range(6))
def test_a_damaged_file_is_named(tmp_path, packed, case):
    folder = write(tmp_path / "MNIST" / "raw", packed)
    path = next(folder.glob("train-images*"))
    content, message = list(damaged(idx(arrays("train")[0])))[case]
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message) as error:
        data.load("mnist", tmp_path)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).count("replace it") == 1
    assert data.load("mnist", tmp_path, "test")


def test_a_file_that_is_cut_short_missing_or_of_another_size_is_refused(tmp_path):
    folder = write(tmp_path / "MNIST" / "raw", True)
    path = folder / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read or is cut short"):
        data.load("mnist", tmp_path)
    path.write_bytes(gzip.compress(idx(arrays("train")[0][:20])))
    with pytest.raises(
        DataError, match=r"expected images \(N, 28, 28\) and labels \(N,\), got \(20, 28, 28\) and \(30,\)"
    ):
        data.load("mnist", tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="incomplete, the images to train on are missing"):
        data.load("mnist", tmp_path)


@needs_real_data
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_data_has_the_published_statistics(name):
    train, test = (data.load(name, REAL, split) for split in ("train", "test"))
    assert train.images.shape == (60_000, 28, 28, 1)
    assert test.images.shape == (10_000, 28, 28, 1)
    # As published: MNIST's mean and standard deviation are 0.1307 and 0.3081, Fashion-MNIST's 0.2860 and 0.3530.
    mean, std = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}[name]
    assert train.images.mean() / 255 == pytest.approx(mean, abs=5e-4)
    assert train.images.std() / 255 == pytest.approx(std, abs=5e-4)
    counts = np.bincount(test.labels)
    assert counts.sum() == 10_000
    if name == "fashion-mnist":
        assert (counts == 1000).all()
    assert Path(train.source).name == "raw"
