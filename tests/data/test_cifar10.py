"""CIFAR-10 in each of its formats: complete, incomplete and altered; and the real data, if it is available.

The files written here have the official layouts and sizes, and images made of random numbers.
"""

import gzip
import io
import os
import pickle
import shutil
import struct
import tarfile
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from real_data import ROOT as REAL
from real_data import needs_real_data
from systems import posix

import minigan.data
from minigan.data.cifar10 import CLASS_NAMES, LOCATIONS, find_cifar10, load_cifar10
from minigan.errors import DataError

NAMES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
FORMS = ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-10-binary.tar.gz", "cifar-10-python.tar.gz")


def python2_pickle(labels, pixels):
    """A pickle as Python 2 wrote it: protocol 2, 8-bit strings, numpy.core, as in the official files."""

    def string(text):
        return b"U" + bytes([len(text)]) + text

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07K\x00\x85q\x08U\x01bq\x09\x87q\nRq\x0b"
        b"(K\x01M" + struct.pack("<H", pixels.shape[0]) + b"M" + struct.pack("<H", pixels.shape[1]) + b"\x86q\x0c"
        b"cnumpy\ndtype\nq\rU\x02u1q\x0eK\x00K\x01\x87q\x0fRq\x10"
        b"(K\x03U\x01|q\x11NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x12b"
        b"\x89T" + struct.pack("<i", pixels.size) + pixels.tobytes() + b"q\x13tq\x14b"
    )
    return (
        b"\x80\x02}q\x01("
        + string(b"batch_label") + b"q\x02" + string(b"training batch 1 of 5") + b"q\x03"
        + string(b"labels") + b"q\x04]q\x05(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
        + string(b"data") + b"q\x15" + array
        + string(b"filenames") + b"q\x16]q\x17(" + string(b"leptodactylus_pentadactylus_s_000004.png") + b"e"
        + b"u."
    )  # fmt: skip


def python3_pickle(labels, pixels):
    return pickle.dumps({b"labels": labels.tolist(), b"data": pixels, b"batch_label": b"testing"}, protocol=2)


def add(archive, name, raw):
    member = tarfile.TarInfo(name)
    member.size = len(raw)
    archive.addfile(member, io.BytesIO(raw))


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """(a root with all four forms, {name: (labels uint8 (10000,), pixels uint8 (10000, 3072))})."""
    root = tmp_path_factory.mktemp("cifar10")
    random = np.random.default_rng(0)
    pattern = random.integers(0, 256, 3072, dtype=np.uint8)
    files = {}
    for form in FORMS[:2]:
        (root / form).mkdir()
    for name in NAMES:
        labels = random.integers(0, 10, 10_000, dtype=np.uint8)
        pixels = pattern + random.integers(0, 8, (10_000, 1), dtype=np.uint8)  # few different rows: they compress fast
        files[name] = labels, pixels
        binary = np.concatenate([labels[:, None], pixels], axis=1).tobytes()
        (root / FORMS[0] / f"{name}.bin").write_bytes(binary)
        write_pickle = python3_pickle if name in ("data_batch_2", "test_batch") else python2_pickle
        (root / FORMS[1] / name).write_bytes(write_pickle(labels, pixels))
    for folder, archive in zip(FORMS[:2], FORMS[2:], strict=True):
        with tarfile.open(root / archive, "w:gz", compresslevel=1) as tar:
            for file in sorted((root / folder).iterdir(), key=lambda file: file.name[::-1]):  # not in order
                tar.add(file, f"{folder}/{file.name}")
    yield root, files
    shutil.rmtree(root)  # half a gigabyte, and pytest keeps its last three folders


@pytest.fixture
def only(written, tmp_path):
    """A function that creates a root with nothing but a link to one form, and returns the root."""

    def link(form, location=None):
        target = tmp_path / (location or form)
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.name == "posix":
            target.symlink_to(written[0] / form)
        else:  # where links need a privilege
            (shutil.copytree if (written[0] / form).is_dir() else shutil.copy)(written[0] / form, target)
        return tmp_path

    return link


def message_of(root, split="test"):
    with pytest.raises(DataError) as refused:
        load_cifar10(split, root)
    message = str(refused.value)
    assert "\n" not in message
    assert "`minigan data fetch cifar10`" in message or "download it again" in message
    return message


# Reading


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_images(written, form):
    root, files = written
    for split, names in (("train", NAMES[:5]), ("test", NAMES[5:])):
        data = load_cifar10(split, root / form)
        assert data.images.shape == (10_000 * len(names), 32, 32, 3)
        assert data.images.dtype == np.uint8
        assert data.images.flags.c_contiguous
        assert data.labels.dtype == np.int64
        assert data.source == str(root / form)
        assert data.class_names == CLASS_NAMES
        for k, name in enumerate(names):
            labels, pixels = files[name]
            rows = slice(10_000 * k, 10_000 * (k + 1))
            np.testing.assert_array_equal(data.labels[rows], labels)
            for channel in range(3):  # the red plane first, each row by row
                plane = pixels[:, 1024 * channel : 1024 * (channel + 1)]
                np.testing.assert_array_equal(data.images[rows, :, :, channel].reshape(-1, 1024), plane)


def test_the_python_2_pickles_written_here_are_valid():
    labels, pixels = np.array([3, 9], np.uint8), np.arange(2 * 300, dtype=np.uint8).reshape(2, 300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy has renamed numpy.core
        content = pickle.loads(python2_pickle(labels, pixels), encoding="bytes")
    assert content[b"labels"] == [3, 9]
    np.testing.assert_array_equal(content[b"data"], pixels)


def test_only_the_files_of_the_requested_split_are_read(only):
    root = only(f"{FORMS[0]}/test_batch.bin")
    (root / FORMS[0] / "data_batch_1.bin").write_bytes(b"altered")
    assert len(load_cifar10("test", root)) == 10_000
    assert "data_batch_1.bin" in message_of(root, "train")


# Finding


@pytest.mark.parametrize("location", LOCATIONS)
def test_it_is_found_in_every_location_below_a_root(only, location):
    form = next(form for form in FORMS if location.endswith(form) or form == FORMS[3])
    root = only(form, location)
    assert find_cifar10(root) == root / location
    assert find_cifar10(root / location) == root / location
    assert minigan.data.locate("cifar10", root) == str(root / location)


@pytest.mark.parametrize("form", FORMS)
def test_a_renamed_folder_or_archive_can_be_the_root(only, form):
    root = only(form, "renamed")
    assert find_cifar10(root / "renamed") == root / "renamed"
    assert len(load_cifar10("test", root / "renamed")) == 10_000


def test_without_a_root_three_folders_are_searched_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert minigan.data.locate("cifar10") is None
    folders = [Path("data"), tmp_path / "home" / ".keras" / "datasets", tmp_path / "cache"]
    for folder in folders:  # the last one has priority
        (folder / FORMS[1]).mkdir(parents=True)
        assert find_cifar10() == folder / FORMS[1]
    (tmp_path / "given").mkdir()
    assert find_cifar10(tmp_path / "given") is None  # with a root, only the root is searched


def test_a_tilde_in_a_root_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "images" / FORMS[0]).mkdir(parents=True)
    assert find_cifar10("~/images") == tmp_path / "images" / FORMS[0]


def test_if_it_is_not_found_the_error_lists_the_search_paths(tmp_path):
    message = message_of(tmp_path)
    assert all(location in message for location in LOCATIONS)
    assert message.endswith(f"in {tmp_path}; run `minigan data fetch cifar10` or give --root FOLDER")
    assert f"{tmp_path / 'nowhere'} (does not exist)" in message_of(tmp_path / "nowhere")


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="unknown split 'valid': expected 'train' or 'test'"):
        load_cifar10("valid", tmp_path)


# Incomplete and altered


@posix
@pytest.mark.parametrize(("form", "suffix"), [(FORMS[0], ".bin"), (FORMS[1], "")])
def test_an_incomplete_folder_is_named_even_if_another_form_is_complete(written, only, form, suffix):
    root = only(FORMS[2])
    (root / form).mkdir()
    for name in NAMES:
        if name != "data_batch_4":
            (root / form / (name + suffix)).symlink_to(written[0] / form / (name + suffix))
    assert f"{root / form}: incomplete, data_batch_4{suffix} is missing" in message_of(root, "train")


def test_an_empty_folder_is_incomplete(tmp_path):
    (tmp_path / FORMS[1]).mkdir()
    assert f"{tmp_path / FORMS[1]}: incomplete, test_batch is missing" in message_of(tmp_path)


def test_a_folder_that_is_called_like_a_file_cannot_be_read(tmp_path):
    (tmp_path / FORMS[0] / "test_batch.bin").mkdir(parents=True)
    assert f"{tmp_path / FORMS[0] / 'test_batch.bin'}: expected a file, found a folder" in message_of(tmp_path)


@pytest.fixture
def binary_test_batch(written):
    return (written[0] / FORMS[0] / "test_batch.bin").read_bytes()


@pytest.mark.parametrize("change", [-1, -3073, 1])
def test_a_binary_file_of_another_size_is_refused(tmp_path, binary_test_batch, change):
    file = tmp_path / "test_batch.bin"
    file.write_bytes(binary_test_batch[:change] if change < 0 else binary_test_batch + b"x")
    assert f"{file}: expected 30,730,000 bytes, got {30_730_000 + change:,}" in message_of(tmp_path)


def test_a_binary_file_with_an_impossible_label_is_refused(tmp_path, binary_test_batch):
    file = tmp_path / "test_batch.bin"
    altered = bytearray(binary_test_batch)
    altered[3073 * 5000] = 10
    file.write_bytes(altered)
    assert f"{file}: expected labels from 0 to 9, got 10" in message_of(tmp_path)


def test_a_file_of_absurd_size_is_not_read(tmp_path):
    for name in ("test_batch", "test_batch.bin"):
        file = tmp_path / name
        with file.open("wb") as sparse:
            sparse.truncate(2**40)
        assert f"{file}: expected at most 67,108,864 bytes, found 1,099,511,627,776" in message_of(tmp_path)
        file.unlink()


LABELS = np.zeros(10_000, np.uint8)
PIXELS = np.zeros((10_000, 3072), np.uint8)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            {b"labels": LABELS.tolist(), b"data": PIXELS[:, :-1]},
            "data of shape (10000, 3072), got (10000, 3071)",
        ),
        (
            {b"labels": LABELS.tolist(), b"data": PIXELS[:9999]},
            "data of shape (10000, 3072), got (9999, 3072)",
        ),
        ({b"labels": LABELS.tolist(), b"data": b"text"}, "data of shape (10000, 3072), got none"),
        ({b"labels": LABELS.tolist()}, "data of shape (10000, 3072), got none"),
        ({b"labels": LABELS.tolist()[1:], b"data": PIXELS}, "10,000 labels, got 9999"),
        ({b"data": PIXELS}, "10,000 labels, got none"),
        ({b"labels": b"0" * 10_000, b"data": PIXELS}, "10,000 labels, got none"),
        ({b"labels": [0] * 9999 + [10], b"data": PIXELS}, "labels from 0 to 9, got 10"),
        ({b"labels": [0] * 9999 + [-1], b"data": PIXELS}, "labels from 0 to 9, got -1"),
        ({b"labels": [0] * 9999 + [b"cat"], b"data": PIXELS}, "labels from 0 to 9, got b'cat'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pickle_with_other_content_is_refused(tmp_path, content, problem):
    file = tmp_path / "test_batch"
    file.write_bytes(pickle.dumps(content, protocol=2))
    assert f"{file}: expected {problem}" in message_of(tmp_path)


def test_a_pickle_cut_short_is_refused(tmp_path):
    whole = python2_pickle(LABELS, PIXELS)
    (tmp_path / "test_batch").write_bytes(whole[: len(whole) // 2])
    assert f"{tmp_path / 'test_batch'}: cut short" in message_of(tmp_path)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    (tmp_path / "test_batch").write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "marker") + b"'\ntR.")
    with pytest.raises(DataError, match=r"test_batch: refused 'os\.system'.* delete this file"):
        load_cifar10("test", tmp_path)
    assert not (tmp_path / "marker").exists()


# Archives


@pytest.fixture
def archive(tmp_path, binary_test_batch):
    """An archive with only the test file, which is all that the test split needs."""
    path = tmp_path / FORMS[2]
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        add(tar, f"./{FORMS[0]}/test_batch.bin", binary_test_batch)
    return path


def test_an_archive_whose_paths_begin_with_a_dot_is_read(archive, written):
    np.testing.assert_array_equal(load_cifar10("test", archive).labels, written[1]["test_batch"][0])


def test_files_missing_from_an_archive_are_named(archive):
    message = message_of(archive, "train")
    assert f"{archive}: incomplete, {', '.join(NAMES[:5])} missing" in message


@pytest.mark.parametrize(
    ("alter", "problem"),
    [
        (lambda raw: raw[: len(raw) // 2], "Compressed file ended"),
        (lambda raw: raw[:-1], "Compressed file ended"),
        (lambda raw: raw[:-8] + bytes([raw[-8] ^ 1]) + raw[-7:], "CRC check failed"),
        (lambda raw: raw[:1000] + bytes(1000) + raw[2000:], "cannot be read ("),
        (lambda raw: gzip.compress(b"not a tar" * 1000), "cannot be read (ReadError"),
        (lambda raw: gzip.decompress(raw), "cannot be read (BadGzipFile: Not a gzipped file"),
        (lambda raw: b"", "expected a .tar.gz with the files of CIFAR-10, but it cannot be read"),
    ],
    ids=["half", "last byte", "checksum", "middle", "not a tar", "not gzip", "empty"],
)
def test_an_altered_archive_is_refused(archive, alter, problem):
    archive.write_bytes(alter(archive.read_bytes()))
    message = message_of(archive)
    assert message.startswith(f"{archive}: ")
    assert problem in message


def test_an_altered_file_in_an_archive_is_named(tmp_path, binary_test_batch):
    for name, raw in (
        (f"{FORMS[0]}/test_batch.bin", binary_test_batch[:-1]),
        (f"{FORMS[1]}/test_batch", b"}"),
    ):
        with tarfile.open(tmp_path / FORMS[2], "w:gz", compresslevel=1) as tar:
            add(tar, name, raw)
        assert message_of(tmp_path).startswith(f"{tmp_path / FORMS[2]}: {name}: ")


def test_other_members_of_an_archive_are_neither_read_nor_extracted(tmp_path, binary_test_batch):
    path = tmp_path / "in" / FORMS[2]
    path.parent.mkdir()
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name in (
            "../escaped",
            str(tmp_path / "escaped"),
            "test_batch.bin",
            f"../{FORMS[0]}/test_batch.bin",
        ):
            add(tar, name, b"other")
        link = tarfile.TarInfo(f"{FORMS[0]}/test_batch.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        add(tar, f"{FORMS[0]}/test_batch.bin", binary_test_batch)
    assert len(load_cifar10("test", path)) == 10_000
    assert [file.name for file in tmp_path.iterdir()] == ["in"]
    assert list(path.parent.iterdir()) == [path]


# The real data


# Bombs and other hostile files


def doubled(times):
    """A list whose repr has 2^times characters, in a few hundred bytes of a pickle."""
    content = []
    for _ in range(times):
        content = [content, content]
    return content


ENDLESS = {
    "list": lambda: doubled(80),
    "tuple": lambda: (doubled(80),),
    "dictionary": lambda: {b"a": doubled(80)},
    "text": lambda: "x" * 10**6,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_label_is_never_printed_whole(tmp_path, kind):
    labels = [0] * 9999 + [ENDLESS[kind]()]
    (tmp_path / "test_batch").write_bytes(pickle.dumps({b"labels": labels, b"data": PIXELS}, protocol=2))
    message = message_of(tmp_path)
    assert "labels from 0 to 9, got " in message
    assert len(message) < 300


def test_a_shape_of_doubled_lists_is_refused(tmp_path):
    raw = python2_pickle(LABELS, PIXELS)
    shape = b"M" + struct.pack("<H", 10_000) + b"M" + struct.pack("<H", 3072) + b"\x86q\x0c"
    assert shape in raw
    nested = pickle.dumps(doubled(80), protocol=2)[2:-1]
    (tmp_path / "test_batch").write_bytes(raw.replace(shape, nested))
    assert "a shape that is not of integers" in message_of(tmp_path)


@posix
@pytest.mark.parametrize("name", ["test_batch", "test_batch.bin", *FORMS[2:]])
def test_a_device_is_not_read(tmp_path, name):
    folder = tmp_path / FORMS[name.endswith("batch")] if name.startswith("test") else tmp_path
    folder.mkdir(exist_ok=True)
    (folder / name).symlink_to("/dev/zero")
    assert f"{folder / name}: expected a file, found a device or pipe" in message_of(tmp_path)


def bomb(header_size, kind=tarfile.REGTYPE, name="zeros"):
    """A tar of one member that says that it has `header_size` bytes, and its content, compressed."""
    member = tarfile.TarInfo(name)
    member.size, member.type = header_size, kind
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(header_size // 2**20 + 1):
            file.write(bytes(2**20))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: bomb(2**30), "expected at most 536,870,912 bytes of content, got more"),
        (lambda: bomb(2**27, tarfile.GNUTYPE_LONGNAME), "no file or name of more than 67,108,864 bytes"),
        (lambda: bomb(2**27, tarfile.XHDTYPE), "no file or name of more than 67,108,864 bytes"),
        (lambda: bomb(2**27, name=f"{FORMS[0]}/test_batch.bin"), "expected about 30,730,000 bytes, got 134,217,728"),
        (lambda: gzip.compress(tarfile.TarInfo("x").tobuf() * 200), "expected nine files, got more than 100"),
    ],
    ids=["content", "name", "pax header", "file", "members"],
)
def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, make, problem):
    path = tmp_path / FORMS[2]
    path.write_bytes(make())
    assert path.stat().st_size < 2**23
    tracemalloc.start()
    assert problem in message_of(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26  # half of which is for the images


@pytest.mark.parametrize("size", [-1, -512, -1024, -(2**40)])
def test_an_archive_whose_reader_would_go_back_for_ever_is_refused(tmp_path, size):
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" + (256**11 + size).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / FORMS[2]).write_bytes(gzip.compress(bytes(header) * 2 + bytes(1024)))
    message_of(tmp_path)


@needs_real_data
def test_the_real_data_has_the_published_counts_and_statistics():
    train, test = (minigan.data.load("cifar10", REAL, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (50_000, 10_000)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    mean, std = (f(train.images, axis=(0, 1, 2)) / 255 for f in (np.mean, np.std))
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-3)
    np.testing.assert_allclose(std, [0.2470, 0.2435, 0.2616], atol=1e-3)


@needs_real_data
def test_all_forms_of_the_real_data_are_equal(tmp_path):
    """The forms that exist, and two more that are written from them: even a single form has others to agree with."""
    forms = [Path(REAL) / location for location in LOCATIONS if (Path(REAL) / location).exists()]
    rewritten = [tmp_path / form for form in FORMS[:2]]
    for folder in rewritten:
        folder.mkdir()
    for split, names in (("train", NAMES[:5]), ("test", NAMES[5:])):
        original = minigan.data.load("cifar10", REAL, split)
        planes = original.images.transpose(0, 3, 1, 2).reshape(-1, 10_000, 3072)
        for name, labels, pixels in zip(
            names, original.labels.astype(np.uint8).reshape(-1, 10_000), planes, strict=True
        ):
            binary = np.concatenate([labels[:, None], pixels], axis=1).tobytes()
            (rewritten[0] / f"{name}.bin").write_bytes(binary)
            (rewritten[1] / name).write_bytes(python2_pickle(labels, pixels))
        for form in [*forms, *rewritten]:
            other = load_cifar10(split, form)
            np.testing.assert_array_equal(other.images, original.images, err_msg=str(form))
            np.testing.assert_array_equal(other.labels, original.labels, err_msg=str(form))
    shutil.rmtree(tmp_path)  # a third of a gigabyte, and pytest keeps its last three folders
