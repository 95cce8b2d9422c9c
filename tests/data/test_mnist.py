"""MNIST and Fashion-MNIST: each of their forms and locations, and damaged files."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_data import ROOT as REAL
from real_data import needs_real_data
from systems import posix

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
    with pytest.raises(
        DataError, match=r"expected a \.npz file with the arrays x_train, y_train, but it cannot be read"
    ):
        data.load("mnist", tmp_path)


def damaged(content):
    """(damaged content, the message about it) of an IDX file."""
    yield b"", "one that begins with nothing"
    yield content[:40], "expected 23,520 numbers according to its header, got 24"
    yield content[:6], "cut short in its header"
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
    with pytest.raises(DataError, match=r"cannot be read \(EOFError"):
        data.load("mnist", tmp_path)
    path.write_bytes(gzip.compress(idx(arrays("train")[0][:20])))
    with pytest.raises(
        DataError, match=r"expected images \(N, 28, 28\) and labels \(N,\), got \(20, 28, 28\) and \(30,\)"
    ):
        data.load("mnist", tmp_path)
    path.unlink()
    with pytest.raises(
        DataError, match=r"incomplete, train-images-idx3-ubyte \(or \.gz\), the images of .* is missing"
    ):
        data.load("mnist", tmp_path)


# Names


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("layout", ["dots", "a folder for each file", "a folder for each file, dots inside"])
def test_names_with_a_dot_and_folders_called_like_the_files_are_read(tmp_path, packed, layout):
    folder = write(tmp_path / "given", packed)
    for path in list(folder.iterdir()):
        dotted = path.name.replace("-idx", ".idx")
        if layout == "dots":
            path.rename(folder / dotted)
        else:
            path.rename(tmp_path / "moved")
            path.mkdir()
            (tmp_path / "moved").rename(path / (path.name if layout == "a folder for each file" else dotted))
    for split, prefix in (("train", "train"), ("test", "t10k")):
        np.testing.assert_array_equal(data.load("mnist", folder, split).labels, arrays(prefix)[1])


@pytest.mark.parametrize(("variant", "location"), [("mnist", "MNIST/raw"), ("fashion-mnist", "FashionMNIST/raw")])
def test_the_folder_of_torchvision_is_read_from_each_of_its_levels(tmp_path, variant, location):
    folder = write(tmp_path / location, False)
    for root in (tmp_path, folder.parent, folder):
        assert data.locate(variant, root) == str(folder)
        assert len(data.load(variant, root)) == COUNTS["train"]


def test_the_errors_name_the_files_that_are_expected(tmp_path):
    with pytest.raises(DataError) as error:
        data.load("mnist", tmp_path)
    names = [f"{prefix}-{kind}-ubyte" for prefix in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    assert all(name in str(error.value) for name in [*names, "mnist.npz", "MNIST/raw"])
    (write(tmp_path / "raw", True) / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"incomplete, t10k-labels-idx1-ubyte \(or \.gz\), .* is missing"):
        data.load("mnist", tmp_path, "test")


# Bombs and other hostile files


def peak(load):
    """Bytes of memory at most, while `load` raises a DataError of one line."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            load()
        assert str(error.value).isprintable()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def header(*shape):
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "shape",
    [(0, 2**32 - 1, 2**32 - 1), (2**31, 28, 28), (1500, 1000, 1000), (60_001, 28, 28), (0, 28, 28), (30, 28, 27)],
)
def test_a_header_with_other_sizes_is_refused_before_anything_is_read(tmp_path, packed, shape):
    path = next(write(tmp_path / "raw", packed).glob("train-images*"))
    content = header(*shape) + bytes(2**24)
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    assert peak(lambda: data.load("mnist", tmp_path)) < 2**21
    with pytest.raises(DataError, match="according to its header"):
        data.load("mnist", tmp_path)


def test_no_more_is_read_than_the_header_says(tmp_path):
    path = next(write(tmp_path / "raw", True).glob("train-images*"))
    path.write_bytes(gzip.compress(header(30, 28, 28) + bytes(2**28), 1))
    assert path.stat().st_size < 2**21
    assert peak(lambda: data.load("mnist", tmp_path)) < 2**21


@posix
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "mnist.npz"])
def test_a_device_is_not_read(tmp_path, name):
    if name != "mnist.npz":
        write(tmp_path / "raw", False)
        (tmp_path / "raw" / name).unlink()
        (tmp_path / "raw" / name).symlink_to("/dev/zero")
        match = "incomplete"
    else:
        (tmp_path / name).symlink_to("/dev/zero")
        match = "not found"
    with pytest.raises(DataError, match=match):
        data.load("mnist", tmp_path)


def npz(images, labels, write=np.savez_compressed):
    file = io.BytesIO()
    write(file, x_train=images, y_train=labels)
    return file.getvalue()


def zipped(member, **options):
    """A zip whose arrays are the bytes `member`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name in "xy":
            archive.writestr(f"{name}_train.npy", member)
    return file.getvalue()


def npy(description):
    text = description.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


IMAGES, LABELS = arrays("train")
NPZ = npz(IMAGES, LABELS)
HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s,), }"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06" + bytes(18),
        npz(IMAGES.astype(np.float64), LABELS),
        npz(IMAGES, LABELS.astype(object)),
        npz(IMAGES, LABELS + 200),
        npz(IMAGES, LABELS[:-1]),
        npz(IMAGES[:0], LABELS[:0]),
        npz(IMAGES.astype(np.int32), LABELS),
        npz(np.zeros((300_000, 28, 28), np.uint8), LABELS),
        zipped(npy(HUGE % 10**12)),
        zipped(npy(HUGE % -1)),
        zipped(npy("-" * 9000 + "1")),
        zipped(npy("(" * 900)),
        zipped(npy("{'descr': 'u1")),
        zipped(b"\x93NUMPY\x09\x00" + bytes(20)),
        zipped(npy(HUGE % 10), compression=zipfile.ZIP_LZMA),
        zipped(npy(HUGE % 10), compression=zipfile.ZIP_BZIP2),
    ],
    ids=lambda content: str(len(content)),
)
def test_an_npz_with_other_content_is_one_line_and_takes_little_memory(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    assert peak(lambda: data.load("mnist", tmp_path)) < 2**22


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(">i8"), LABELS.astype(np.uint64)])
@pytest.mark.parametrize("images", [IMAGES, np.asfortranarray(IMAGES)])
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_an_npz_of_any_order_and_integers_is_read(tmp_path, images, labels, write):
    (tmp_path / "mnist.npz").write_bytes(npz(images, labels, write))
    loaded = data.load("mnist", tmp_path)
    np.testing.assert_array_equal(loaded.images[..., 0], IMAGES)
    np.testing.assert_array_equal(loaded.labels, LABELS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["raw/train-images-idx3-ubyte", "raw/train-images-idx3-ubyte.gz", "mnist.npz"]),
    st.integers(0),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1),
)
def test_a_damaged_file_is_read_or_one_line(tmp_path, name, cut, flips):
    plain = idx(IMAGES)
    content = bytearray(NPZ if name == "mnist.npz" else gzip.compress(plain) if name.endswith(".gz") else plain)
    for position, byte in flips:
        content[position % len(content)] = byte
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content[: cut % len(content)] if cut % 2 else content)
    (tmp_path / "raw").mkdir(exist_ok=True)
    (tmp_path / "raw" / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    try:
        outcome = data.load("mnist", path if name == "mnist.npz" else tmp_path / "raw").name
    except DataError as error:
        outcome = str(error)
    assert outcome.isprintable()
    path.unlink()


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
