"""A folder of images: resized, cropped and labelled by subfolder; other files are skipped and named."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

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
