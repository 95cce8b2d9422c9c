"""A folder of images: resized, cropped and labelled by subfolder; other files are skipped and named."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image
from systems import posix

from minigan import data
from minigan.errors import DataError


def save_image(path, size=(40, 30), colour=(200, 30, 60), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


def test_images_of_every_size_and_mode_become_colour_squares(tmp_path):
    for number, (size, mode) in enumerate([((40, 30), "RGB"), ((9, 50), "L"), ((64, 64), "RGBA"), ((5, 5), "P")]):
        save_image(tmp_path / f"{number}.png", size, mode=mode)
    loaded = data.load("folder", tmp_path, image_size=16)
    assert loaded.images.shape == (4, 16, 16, 3)
    assert loaded.images.dtype == np.uint8
    np.testing.assert_allclose(loaded.images[0].reshape(-1, 3).mean(axis=0), (200, 30, 60), atol=1)
    assert loaded.class_names == ("image",)
    assert data.load("folder", tmp_path).images.shape == (4, 64, 64, 3)


def test_the_centre_is_kept(tmp_path):
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 255
    Image.fromarray(image).save(tmp_path / "image.png")
    assert (data.load("folder", tmp_path, image_size=10).images > 250).mean() > 0.9


def test_subfolders_are_classes_and_splits(tmp_path):
    for name in ("train/cat/1.png", "train/dog/1.jpg", "train/dog/deep/2.png", "test/cat/1.png"):
        save_image(tmp_path / name)
    train, test = (data.load("folder", tmp_path, split, image_size=8) for split in ("train", "test"))
    assert train.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 1, 1]
    assert len(test) == 1
    with pytest.raises(DataError, match="expected a subfolder 'test'"):
        data.load("folder", tmp_path / "train", "test")


def test_files_that_are_not_images_are_counted_and_named(tmp_path):
    save_image(tmp_path / "good.png")
    save_image(tmp_path / "cut.png", (300, 300))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:200])
    for name in ("notes.txt", "readme.md", "x.bin"):
        (tmp_path / name).write_text("not an image")
    (tmp_path / ".hidden").write_text("not read")
    with pytest.warns(
        UserWarning, match=r"skipped 4 of 5 files, .*: cut.png, notes.txt, readme.md and 1 more"
    ) as caught:
        loaded = data.load("folder", tmp_path)
    assert len(loaded) == 1
    assert caught[0].filename == __file__


def test_a_missing_folder_and_a_bad_image_size_are_refused(tmp_path):
    for root, message in (
        (None, "expected --root FOLDER, a folder of images, got none"),
        (tmp_path / "nowhere", "found nothing"),
        (tmp_path, "found none among 0 files"),
    ):
        with pytest.raises(DataError, match=message):
            data.load("folder", root)
    save_image(tmp_path / "a.png")
    with pytest.raises(DataError, match="found a file"):
        data.load("folder", tmp_path / "a.png")
    for size in (3, 2000, 16.5):
        with pytest.raises(DataError, match="expected a number of pixels from 4 to 1024"):
            data.load("folder", tmp_path, image_size=size)


# What is left out


def test_images_of_an_unknown_range_are_left_out_with_the_reason(tmp_path):
    save_image(tmp_path / "good.png")
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "float.tif")
    with pytest.warns(
        UserWarning, match=r"skipped 1 of 2 files, .*: float.tif \(expected pixels of 8 or 16 bits, found F"
    ):
        assert len(data.load("folder", tmp_path)) == 1


def test_one_damaged_image_among_many_is_left_out(tmp_path):
    for number in range(3):
        save_image(tmp_path / f"{number}.jpg", (64, 64))
    content = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    with pytest.warns(UserWarning, match="skipped 2 of 4 files, .*: 1.jpg, x.png"):
        assert len(data.load("folder", tmp_path)) == 2


def test_names_in_a_warning_are_escaped_and_the_warning_is_short(tmp_path):
    save_image(tmp_path / "good.png")
    for number in range(40):
        (tmp_path / f"{number:02}{'x' * 200}").write_bytes(b"no image")
    (tmp_path / "0\x1b[2J\n").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="skipped 41 of 42 files") as caught:
        data.load("folder", tmp_path)
    message = str(caught[0].message)
    assert message.isprintable()
    assert len(message) <= 400


@posix
def test_what_is_neither_a_file_nor_a_folder_is_left_out_and_named(tmp_path):
    save_image(tmp_path / "good.png")
    (tmp_path / "dead.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "own.png").symlink_to(tmp_path / "own.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.warns(UserWarning, match=r"skipped 4 of 5 files, .*: dead.png, own.png, pipe.png and 1 more"):
        assert len(data.load("folder", tmp_path)) == 1


# Links to folders, and hidden ones


@posix
def test_class_folders_that_are_links_are_read(tmp_path):
    for number in range(3):
        save_image(tmp_path / "store" / "deep" / f"{number}.png")
        save_image(tmp_path / "root" / "dog" / f"{number}.png")
    (tmp_path / "root" / "cat").symlink_to(tmp_path / "store")
    (tmp_path / "root" / "dog" / "3.png").symlink_to(tmp_path / "store" / "deep" / "0.png")
    loaded = data.load("folder", tmp_path / "root", image_size=8)
    assert loaded.class_names == ("cat", "dog")
    assert np.bincount(loaded.labels).tolist() == [3, 4]


@posix
def test_a_folder_is_read_for_each_class_that_links_to_it(tmp_path):
    save_image(tmp_path / "store" / "1.png")
    for name in ("cat", "dog"):
        (tmp_path / "root").mkdir(exist_ok=True)
        (tmp_path / "root" / name).symlink_to(tmp_path / "store")
    assert data.load("folder", tmp_path / "root", image_size=8).labels.tolist() == [0, 1]


@posix
@pytest.mark.parametrize("target", ["root", "root/cat", "root/cat/deep"])
def test_loops_of_links_end_and_are_named(tmp_path, target):
    save_image(tmp_path / "root" / "cat" / "deep" / "1.png")
    (tmp_path / "root" / "cat" / "deep" / "loop").symlink_to(tmp_path / target)
    with pytest.warns(UserWarning, match=r"skipped 1 of 2 files, .*: cat/deep/loop \(a link to a folder that is read"):
        assert len(data.load("folder", tmp_path / "root", image_size=8)) == 1


@posix
def test_many_paths_to_one_folder_are_not_followed_one_by_one(tmp_path):
    """Thirty folders with two links to the next one make a billion paths."""
    for number in range(30):
        folder = tmp_path / f"f{number}"
        folder.mkdir()
        for name in "ab":
            (folder / name).symlink_to(tmp_path / f"f{number + 1}")
    save_image(tmp_path / "f30" / "1.png")
    with pytest.warns(UserWarning, match="skipped"):
        assert len(data.load("folder", tmp_path / "f0", image_size=8)) == 2  # one for each class


def test_hidden_folders_and_files_are_ignored(tmp_path):
    for name in ("cat/1.png", "dog/1.png", ".ipynb_checkpoints/1.png", "cat/.thumbnails/1.png", "cat/.hidden.png"):
        save_image(tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = data.load("folder", tmp_path, image_size=8)
    assert loaded.class_names == ("cat", "dog")
    assert len(loaded) == 2


@posix
def test_a_class_name_that_is_not_utf8_is_escaped(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102
    save_image(tmp_path / os.fsdecode(b"caf\xe9") / "1.png")
    assert data.load("folder", tmp_path, image_size=8).class_names == (r"caf\udce9",)


# Splits


def test_classes_are_numbered_by_the_training_split(tmp_path):
    for name in ("train/cat/1.png", "train/dog/1.png", "train/fox/1.png", "test/cat/1.png", "test/fox/1.png"):
        save_image(tmp_path / name)
    (tmp_path / "train" / "ant").mkdir()
    (tmp_path / "train" / "ant" / "1.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="ant"):
        train = data.load("folder", tmp_path, image_size=8)
    test = data.load("folder", tmp_path, "test", image_size=8)
    assert train.class_names == test.class_names == ("cat", "dog", "fox")
    assert test.labels.tolist() == [0, 2]


def test_a_class_that_only_the_test_split_has_is_an_error(tmp_path):
    for name in ("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/emu/1.png"):
        save_image(tmp_path / name)
    with pytest.raises(DataError, match="expected the classes of the training split, cat, dog, found emu too"):
        data.load("folder", tmp_path, "test", image_size=8)
    (tmp_path / "test" / "emu" / "1.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="skipped 1 of 2 files"):
        assert len(data.load("folder", tmp_path, "test", image_size=8)) == 1


def test_a_test_split_without_a_training_split_is_an_error(tmp_path):
    save_image(tmp_path / "test" / "cat" / "1.png")
    save_image(tmp_path / "cat" / "1.png")
    for split in ("train", "test"):
        with pytest.raises(DataError, match="expected a subfolder 'train' beside 'test', found none"):
            data.load("folder", tmp_path, split)


def test_folders_beside_the_training_split_are_counted_and_named(tmp_path):
    for name in ("train/1.png", "test/1.png", "val/1.png", "car/1.png", "ship/1.png", ".git/1.png"):
        save_image(tmp_path / name)
    with pytest.warns(
        UserWarning, match="only the subfolder 'train' is read, and 2 beside it left out: car, ship"
    ) as caught:
        assert len(data.load("folder", tmp_path)) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("function", [data.load, data.locate])
@pytest.mark.parametrize("name", [name for name, source in data.DATASETS.items() if not source.synthetic])
@pytest.mark.parametrize("root", ["", "a\0b"])
def test_an_empty_root_is_not_the_current_folder(tmp_path, monkeypatch, function, name, root):
    save_image(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="--root: expected a folder, got"):
        function(name, root)


def run_minigan(*arguments):
    command = [sys.executable, "-m", "minigan", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_folder_can_be_trained_on(tmp_path):
    for number in range(8):
        save_image(tmp_path / "images" / f"{number}.png", colour=(30 * number, 100, 50))
    (tmp_path / "images" / "list.txt").write_text("")
    settings = ["--root", tmp_path / "images", "--image-size", 16, "--batch-size", 4, "--width", 4, "--epochs", 1]
    done = run_minigan("train", "--data", "folder", *settings, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "minigan: warning: " in done.stderr
    assert "list.txt" in done.stderr
    assert (tmp_path / "run" / "samples" / "epoch_0001.png").exists()
    assert run_minigan("sample", tmp_path / "run", "--count", 4).returncode == 0
    refused = run_minigan("train", "--image-size", 32, "--out", tmp_path / "other")
    assert refused.returncode == 2
    assert "only images of --data folder are resized" in refused.stderr
    assert not (tmp_path / "other").exists()
