"""MNIST and Fashion-MNIST: every form and place they come in, and every way a file can be wrong."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from test_data_cifar10 import REAL

from minigan import data
from minigan.data.mnist import CLASS_NAMES
from minigan.errors import DataError

random = np.random.default_rng(0)
COUNTS = {"train": 30, "t10k": 12}


def idx(array):
    return struct.pack(">4B", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def pictures(part):
    rng = np.random.default_rng(COUNTS[part])
    return rng.integers(0, 256, (COUNTS[part], 28, 28), np.uint8), rng.integers(0, 10, COUNTS[part]).astype(np.uint8)


def write(folder, packed):
    folder.mkdir(parents=True)
    for part in COUNTS:
        for kind, array, axes in zip(("images", "labels"), pictures(part), (3, 1), strict=True):
            name = f"{part}-{kind}-idx{axes}-ubyte"
            content = idx(array)
            (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["MNIST/raw", "FashionMNIST/raw", "mnist", "fashion-mnist", "."])
def test_each_form_and_place(tmp_path, name, packed, place):
    root = tmp_path / "root"
    write(root / place, packed)
    belongs = place == "." or place.lower().startswith("fashion") == (name == "fashion-mnist")
    if not belongs:
        assert data.locate(name, root) is None
        with pytest.raises(DataError, match=f"{name} not found: looked for .* in .*minigan data fetch {name}"):
            data.load(name, root)
        return
    for split, part in (("train", "train"), ("test", "t10k")):
        loaded = data.load(name, root, split)
        images, labels = pictures(part)
        np.testing.assert_array_equal(loaded.images, images[..., None])
        np.testing.assert_array_equal(loaded.labels, labels)
        assert loaded.labels.dtype == np.int64
        assert loaded.class_names == CLASS_NAMES[name]
    assert data.locate(name, root) == str(root / place)


def test_keras_file(tmp_path):
    (x_train, y_train), (x_test, y_test) = pictures("train"), pictures("t10k")
    np.savez(tmp_path / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    for root in (tmp_path, tmp_path / "mnist.npz"):
        loaded = data.load("mnist", root, "test")
        np.testing.assert_array_equal(loaded.images[..., 0], x_test)
    (tmp_path / "mnist.npz").write_bytes(b"PK not a zip")
    with pytest.raises(DataError, match=r"expected Keras' mnist\.npz"):
        data.load("mnist", tmp_path)


def damaged(content):
    yield b"", "one that begins with nothing"
    yield content[:40], "expected 23,520 numbers, as its header says, got 24"
    yield content[:6], "cannot be read or is cut short"
    yield content + b"x", "got more"
    yield b"\0\0\x0d\x03" + content[4:], "begins with 00 00 0d 03"  # numbers of another type
    yield content[:4] + struct.pack(">I", 2**31) + content[8:], "as its header says"  # no memory is asked for


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("case", range(6))
def test_a_damaged_file_is_named(tmp_path, packed, case):
    folder = write(tmp_path / "MNIST" / "raw", packed)
    path = next(folder.glob("train-images*"))
    content, message = list(damaged(idx(pictures("train")[0])))[case]
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message) as error:
        data.load("mnist", tmp_path)
    assert str(path) in str(error.value)
    assert data.load("mnist", tmp_path, "test")


def test_a_cut_archive_a_missing_file_and_wrong_sizes(tmp_path):
    folder = write(tmp_path / "MNIST" / "raw", True)
    path = folder / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read or is cut short"):
        data.load("mnist", tmp_path)
    path.write_bytes(gzip.compress(idx(pictures("train")[0][:20])))
    with pytest.raises(
        DataError, match=r"expected pictures \(N, 28, 28\) and labels \(N,\), got \(20, 28, 28\) and \(30,\)"
    ):
        data.load("mnist", tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="incomplete, the images to train are missing"):
        data.load("mnist", tmp_path)


@pytest.mark.skipif(REAL is None, reason="MINIGAN_DATA names no folder with the real data sets")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_data(name):
    train, test = (data.load(name, REAL, split) for split in ("train", "test"))
    assert train.images.shape == (60_000, 28, 28, 1)
    assert test.images.shape == (10_000, 28, 28, 1)
    # As published: MNIST's mean and deviation are 0.1307 and 0.3081, Fashion-MNIST's 0.2860 and 0.3530.
    mean, deviation = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}[name]
    assert train.images.mean() / 255 == pytest.approx(mean, abs=5e-4)
    assert train.images.std() / 255 == pytest.approx(deviation, abs=5e-4)
    counts = np.bincount(test.labels)
    assert counts.sum() == 10_000
    if name == "fashion-mnist":
        assert (counts == 1000).all()
    assert Path(train.source).name == "raw"
