"""Images that stand for a data set are chosen by the seed: the first ones of many data sets are all of one class."""

import numpy as np
import pytest
from command import minigan
from PIL import Image

from minigan import metrics, plots
from minigan.data import Dataset
from minigan.data.dataset import choose
from minigan.evaluation import scores
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import make_trainer

SIZE = 2000


@pytest.fixture
def sorted_by_class():
    """2000 images, sorted: those of each of 10 classes are equal, and grey level 25·c is class c."""
    labels = np.arange(SIZE) // (SIZE // 10)
    images = np.broadcast_to((25 * labels)[:, None, None, None], (SIZE, 16, 16, 1)).astype(np.uint8)
    return Dataset("sorted", "train", images, labels.astype(np.int64), tuple("0123456789"), "generated for a test")


def test_the_seed_determines_the_choice(sorted_by_class):
    images, labels = sorted_by_class.images, sorted_by_class.labels
    chosen = choose(labels, 1000, 3)
    np.testing.assert_array_equal(chosen, labels[np.random.default_rng(3).permutation(SIZE)[:1000]])
    np.testing.assert_array_equal(choose(images, 1000, 3)[:, 0, 0, 0], 25 * chosen)  # images and labels stay together
    assert set(chosen) == set(range(10))
    assert (choose(labels, 1000, 4) != chosen).any()
    assert sorted(choose(labels, 5000, 3)) == sorted(labels)  # all, each once


@pytest.mark.parametrize("model", ["dense-gan", "cgan", "classifier"])
def test_real_images_are_of_all_classes(sorted_by_class, model, monkeypatch):
    monkeypatch.setattr("minigan.training.classifier.load", lambda *_, **__: sorted_by_class)
    trainer = make_trainer(Config.of_run(model=model, width=4, latent_dim=8, seed=5), sorted_by_class)
    expected = plots.image_grid(choose(sorted_by_class.images, 64, 5))
    np.testing.assert_array_equal(trainer.real_grid(), expected)
    assert len(np.unique(expected)) == 11  # ten levels of grey, and the border


def test_the_diversity_of_an_epoch_is_relative_to_all_classes(sorted_by_class, tmp_path, monkeypatch):
    trainer = make_trainer(Config.of_run(model="dense-gan", width=4, latent_dim=8, batch_size=32), sorted_by_class)
    monkeypatch.setattr(trainer, "samples", lambda count: sorted_by_class.images[:: SIZE // count][:count])
    found = trainer.end_epoch(RunFolder.create(tmp_path / "run"), 1)["diversity"]
    # As diverse as the data, since every class is in turn; relative to the first 1000, five classes, it was about 2.
    assert found == pytest.approx(1, abs=0.05)


def test_the_standard_scores_are_computed_from_images_of_all_classes(sorted_by_class, monkeypatch):
    seen = []
    monkeypatch.setattr("minigan.metrics.inception.inception_scores", lambda images, *_: seen.append(images) or {})
    scores.standard_scores(sorted_by_class.images[:50], sorted_by_class, sorted_by_class, 100, 10, seed=7)
    np.testing.assert_array_equal(seen[1], choose(sorted_by_class.images, 100, 7))
    assert len(np.unique(seen[1])) == 10
    assert metrics.diversity(seen[1], sorted_by_class.images) == pytest.approx(1, abs=0.2)


def test_a_data_set_is_shown_by_images_of_all_classes(tmp_path, sorted_by_class, monkeypatch):
    monkeypatch.setattr("minigan.data.load", lambda *_, **__: sorted_by_class)
    assert minigan("data", "show", "digits", "--count", 100, "--out", tmp_path / "grid.png") == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert len(np.unique(np.asarray(grid))) == 11
