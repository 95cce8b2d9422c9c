"""A folder of pictures: resized, cropped, sorted into classes; what is no picture is named and left out."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minigan import data
from minigan.errors import DataError


def picture(path, size=(40, 30), colour=(200, 30, 60), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


def test_every_size_and_mode_becomes_a_square_in_colour(tmp_path):
    for number, (size, mode) in enumerate([((40, 30), "RGB"), ((9, 50), "L"), ((64, 64), "RGBA"), ((5, 5), "P")]):
        picture(tmp_path / f"{number}.png", size, mode=mode)
    loaded = data.load("folder", tmp_path, image_size=16)
    assert loaded.images.shape == (4, 16, 16, 3)
    assert loaded.images.dtype == np.uint8
    np.testing.assert_allclose(loaded.images[0].reshape(-1, 3).mean(axis=0), (200, 30, 60), atol=1)
    assert loaded.class_names == ("picture",)
    assert data.load("folder", tmp_path).images.shape == (4, 64, 64, 3)


def test_the_middle_is_kept(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (data.load("folder", tmp_path, image_size=10).images > 250).mean() > 0.9


def test_subfolders_are_classes_and_splits(tmp_path):
    for name in ("train/cat/1.png", "train/dog/1.jpg", "train/dog/deep/2.png", "test/cat/1.png"):
        picture(tmp_path / name)
    train, test = (data.load("folder", tmp_path, split, image_size=8) for split in ("train", "test"))
    assert train.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 1, 1]
    assert len(test) == 1
    with pytest.raises(DataError, match="expected a subfolder 'test'"):
        data.load("folder", tmp_path / "train", "test")


def test_what_is_no_picture_is_counted_and_named(tmp_path):
    picture(tmp_path / "good.png")
    picture(tmp_path / "cut.png", (300, 300))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:200])
    for name in ("notes.txt", "readme.md", "x.bin"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / ".hidden").write_text("is not looked at")
    with pytest.warns(UserWarning, match=r"4 of 5 files are no pictures .*: cut.png, notes.txt, readme.md and 1 more"):
        loaded = data.load("folder", tmp_path)
    assert len(loaded) == 1


def test_what_cannot_work_is_refused(tmp_path):
    for root, message in (
        (None, "expected --root FOLDER, a folder of pictures, got none"),
        (tmp_path / "nowhere", "found nothing"),
        (tmp_path, "found none among 0 files"),
    ):
        with pytest.raises(DataError, match=message):
            data.load("folder", root)
    picture(tmp_path / "a.png")
    with pytest.raises(DataError, match="found a file"):
        data.load("folder", tmp_path / "a.png")
    for size in (3, 2000, 16.5):
        with pytest.raises(DataError, match="expected a number of pixels from 4 to 1024"):
            data.load("folder", tmp_path, image_size=size)


def minigan(*arguments):
    command = [sys.executable, "-m", "minigan", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_run_on_a_folder(tmp_path):
    for number in range(8):
        picture(tmp_path / "pictures" / f"{number}.png", colour=(30 * number, 100, 50))
    (tmp_path / "pictures" / "list.txt").write_text("")
    settings = ["--root", tmp_path / "pictures", "--image-size", 16, "--batch-size", 4, "--width", 4, "--epochs", 1]
    done = minigan("train", "--data", "folder", *settings, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "minigan: warning: " in done.stderr
    assert "list.txt" in done.stderr
    assert (tmp_path / "run" / "samples" / "epoch_0001.png").exists()
    assert minigan("sample", tmp_path / "run", "--count", 4).returncode == 0
    refused = minigan("train", "--image-size", 32, "--out", tmp_path / "other")
    assert refused.returncode == 2
    assert "only pictures of --data folder are resized" in refused.stderr
    assert not (tmp_path / "other").exists()
