"""minigan evaluate: the scores are those of the formulas, the protocol says what was done, mistakes cost one line."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

import minigan as mg
from minigan import cli, evaluation, training
from minigan.config import Config
from minigan.data.dataset import Dataset
from minigan.errors import UserError
from minigan.metrics import diversity, frechet_distance, inception_score, mean_and_covariance, nearest_neighbours
from minigan.run_folder import RunFolder
from minigan.sampling import Sampler
from minigan.trained_classifier import TrainedClassifier, find_classifier

random = np.random.default_rng(4)


def minigan(*arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return stop.value.code


def trained(path, dataset=None, **settings):
    config = Config.of_run(**{"width": 4, "latent_dim": 8, "log_every": 2} | settings)
    folder = RunFolder.create(path)
    trainer = training.trainer_of(config, dataset or mg.data.load("shapes", count=640))
    training.train(trainer, folder)
    return trainer, folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A classifier of the shapes that has learned something, a conditional run and another of a few steps."""
    path = tmp_path_factory.mktemp("runs")
    trained(path / "judge", mg.data.load("shapes", count=3000), model="classifier", width=8, epochs=2, batch_size=32)
    trained(path / "cgan", model="cgan", batch_size=16, max_steps=12, ema=0.5, lr=0.02)
    trained(path / "dcgan", batch_size=16, max_steps=4)
    return path


@pytest.fixture(scope="module")
def classifier(runs):
    return TrainedClassifier(runs / "judge")


def test_a_classifier_learns_and_keeps_its_accuracy(runs, classifier):
    metrics, scores = RunFolder(runs / "judge").read_metrics(), RunFolder(runs / "judge").read_scores()
    assert metrics["loss"][-1] < metrics["loss"][0] / 2
    assert len(scores["test_accuracy"]) == 2
    test = mg.data.load("shapes", split="test")
    probabilities, features = classifier(test.images)
    assert features.shape == (len(test), 128)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (probabilities.argmax(axis=1) == test.labels).mean() == pytest.approx(scores["test_accuracy"][-1], abs=1e-6)
    assert scores["test_accuracy"][-1] > 3 / len(test.class_names)
    assert (runs / "judge" / "curves.png").stat().st_size > 1000


def test_the_classifiers_rate_falls_to_a_tenth(tmp_path):
    trainer, _ = trained(tmp_path / "run", model="classifier", epochs=3, batch_size=64, lr=1e-2)
    assert trainer.optimizer.lr == pytest.approx(1e-3)


def test_the_hash_says_which_weights(runs, classifier):
    arrays = RunFolder(runs / "judge").latest_checkpoint().part("classifier")
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    assert classifier.describe()["sha256"] == digest.hexdigest()


def test_the_scores_are_the_formulas(runs, classifier):
    train, test = mg.data.load("shapes"), mg.data.load("shapes", split="test")
    saved = RunFolder(runs / "cgan").latest_checkpoint()
    report, samples, labels = evaluation.evaluate(saved, classifier, train, test, count=300, splits=5, seed=3)
    sampler = Sampler(saved)
    assert sampler.averaged
    np.testing.assert_array_equal(labels, np.arange(300) % len(test.class_names))
    np.testing.assert_array_equal(samples, sampler.pictures(sampler.noise(300, 3), labels))
    p, features = classifier(samples)
    mean, deviation = inception_score(p, 5, 3)
    assert report["samples"]["classifier_is"] == {"mean": mean, "std": deviation}
    reference = train.images[np.random.default_rng(3).permutation(len(train))[:300]]
    distance = frechet_distance(*mean_and_covariance(features), *mean_and_covariance(classifier(reference)[1]))
    assert report["samples"]["classifier_fd"] == pytest.approx(distance, rel=1e-9)
    assert report["samples"]["class_accuracy"] == (p.argmax(axis=1) == labels).mean()
    assert sum(report["samples"]["class_histogram"].values()) == 300
    assert report["real"]["classifier_fd"] < report["samples"]["classifier_fd"]
    assert report["real"]["classifier_is"]["mean"] > report["samples"]["classifier_is"]["mean"]
    assert report["protocol"]["samples"] == 300
    assert report["protocol"]["features"]["sha256"] == classifier.sha256
    assert report["nearest_neighbours"]["median_distance_of_samples"] > 0
    # The discriminator's answers, one picture at a time.
    right = []
    for image, label in zip(samples[:20], labels[:20], strict=True):
        x = mg.backend.asarray(image[None].astype("float32") / 127.5 - 1)
        logit, _ = sampler.discriminator.forward((x, mg.backend.asarray(np.array([label]))), train=False)
        right.append(float(mg.backend.to_numpy(logit)[0, 0]) <= 0)
    shares = evaluation.discriminator_accuracy(sampler, samples[:20], labels[:20], test.images, test.labels)
    assert shares["right_on_samples"] == np.mean(right)


def test_the_command_writes_its_files(runs, capsys):
    assert minigan("evaluate", runs / "dcgan", "--count", 200, "--splits", 4) == 0
    out = capsys.readouterr().out
    for word in (
        "classifier IS, 4 splits",
        "classifier FD",
        "mode coverage",
        "discriminator is right",
        "neighbours.png",
    ):
        assert word in out
    report = json.loads((runs / "dcgan" / "scores.json").read_text())
    assert report["protocol"]["splits"] == 4
    assert "class_accuracy" not in report["samples"]
    with Image.open(runs / "dcgan" / "neighbours.png") as picture:
        assert picture.size == (7 * 34 + 2, 10 * 34 + 2)
    before = (runs / "dcgan" / "scores.json").read_bytes()
    assert minigan("evaluate", runs / "dcgan", "--count", 200, "--splits", 4) == 0
    assert (runs / "dcgan" / "scores.json").read_bytes() == before
    checkpoint = RunFolder(runs / "dcgan").checkpoint_paths()[-1]
    assert minigan("evaluate", checkpoint, "--count", 200, "--out", runs / "elsewhere.json") == 0
    assert (runs / "elsewhere.json").exists()


def test_scores_while_training_and_the_best_checkpoint(tmp_path, runs):
    settings = {"classifier": str(runs / "judge"), "evaluate_every": 2, "evaluate_count": 200, "batch_size": 64}
    _, folder = trained(tmp_path / "run", model="cgan", epochs=5, **settings)
    scores = folder.read_scores()
    measured = np.isfinite(scores["classifier_fd"])
    assert measured.tolist() == [False, True, False, True, False]
    assert np.isfinite(scores["diversity"]).all()
    best = scores["step"][measured][scores["classifier_fd"][measured].argmin()]
    assert mg.checkpoint.load(folder.best_path).step == best
    # Being looked at changes nothing, and neither does an interruption.
    _, plain = trained(tmp_path / "plain", model="cgan", epochs=5, batch_size=64)
    parts = RunFolder.create(tmp_path / "parts")
    for epochs in (3, 5):
        saved = parts.latest_checkpoint() if parts.checkpoint_paths() else None
        config = Config.of_run(model="cgan", width=4, latent_dim=8, log_every=2, epochs=epochs, **settings)
        training.train(training.trainer_of(config, mg.data.load("shapes", count=640)), parts, saved)
    for name, array in folder.latest_checkpoint().arrays.items():
        assert array.tobytes() == plain.latest_checkpoint().arrays[name].tobytes()
        assert array.tobytes() == parts.latest_checkpoint().arrays[name].tobytes()
    np.testing.assert_array_equal(parts.read_scores()["classifier_fd"], scores["classifier_fd"])
    assert (
        minigan("evaluate", tmp_path / "run", "--classifier", runs / "judge", "--checkpoint", "best", "--count", 200)
        == 0
    )
    report = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert report["protocol"]["checkpoint"]["step"] == best


def test_mistakes_are_one_line(tmp_path, runs, capsys):
    def refused(message, *arguments):
        before = sorted(tmp_path.rglob("*"))
        assert minigan(*arguments) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert message in err, err
        assert sorted(tmp_path.rglob("*")) == before

    run = runs / "dcgan"
    refused("expected the run of a classifier, found one of dcgan", "evaluate", run, "--classifier", run)
    refused("found no config.json", "evaluate", run, "--classifier", tmp_path)
    refused(
        "expected the run of a generator, found a classifier's",
        "evaluate",
        runs / "judge",
        "--classifier",
        runs / "judge",
    )
    refused("expected more than 128", "evaluate", run, "--count", 100)
    refused("--splits 400: expected 1 to 300", "evaluate", run, "--count", 300, "--splits", 400)
    refused("--count 0", "evaluate", run, "--count", 0)
    refused("--seed -1", "evaluate", run, "--seed", -1)
    refused("expected NAME.json", "evaluate", run, "--out", tmp_path / "scores.txt")
    refused("take --checkpoint last", "evaluate", run, "--checkpoint", "best")
    refused("no such file", "evaluate", run / "checkpoints" / "step_00000009.safetensors")
    refused("--classifier RUN", "train", "--evaluate-every", 2, "--out", tmp_path / "new")
    refused("no config.json", "train", "--evaluate-every", 2, "--classifier", tmp_path, "--out", tmp_path / "new")
    with pytest.raises(
        UserError, match=r"trained classifier of mnist, found none in .*--model classifier --data mnist"
    ):
        find_classifier("mnist", runs, runs)


def test_a_classifier_of_other_data_is_refused(runs, classifier):
    saved = RunFolder(runs / "dcgan").latest_checkpoint()
    images = random.integers(0, 256, (20, 28, 28, 1)).astype(np.uint8)
    other = Dataset("mnist", "train", images, np.zeros(20, np.int64), ("0", "1"), "drawn for a test")
    with pytest.raises(UserError, match="expected pictures of"):
        evaluation.evaluate(saved, classifier, other, other, 200)
    config = Config.of_run(evaluate_every=1, classifier=str(classifier.path))
    with pytest.raises(UserError, match="expected one of mnist, found one of shapes"):
        evaluation.Evaluation(config, classifier, other)
    with pytest.raises(UserError, match="expected pictures of several classes"):
        training.trainer_of(
            Config.of_run(model="classifier"), Dataset("folder", "train", images, other.labels, ("0",), "")
        )


def test_nearest_neighbours_against_loops():
    images = random.integers(0, 256, (5, 3, 4, 2)).astype(np.uint8)
    reference = random.integers(0, 256, (33, 3, 4, 2)).astype(np.uint8)
    reference[7] = images[2]
    indices, distances = nearest_neighbours(images, reference, 3, chunk=10)
    for image, found, far in zip(images, indices, distances, strict=True):
        exact = [np.sqrt((((image / 255.0) - (other / 255.0)) ** 2).sum()) for other in reference]
        assert found.tolist() == np.argsort(exact)[:3].tolist()
        np.testing.assert_allclose(far, np.sort(exact)[:3], rtol=1e-5, atol=1e-6)
    assert (indices[2, 0], distances[2, 0]) == (7, 0)
    with pytest.raises(ValueError, match="nearest_neighbours: expected pictures of one size"):
        nearest_neighbours(images, reference[:, :2])


def test_diversity_where_the_truth_is_known():
    reference = random.integers(0, 256, (4000, 2, 2, 1))
    assert diversity(reference, reference) == pytest.approx(1)
    assert diversity(reference[:1].repeat(9, axis=0), reference) == 0
    assert diversity(100 + reference // 2, reference) == pytest.approx(0.5, abs=0.01)
    # The mean squared distance of two pictures is 2·tr Cov.
    a, b = reference[:2000].astype(float), reference[2000:].astype(float)
    pairs = np.sqrt(((a - b) ** 2).sum(axis=(1, 2, 3)).mean())
    some = a * 0.3
    of_some = np.sqrt(((some - b * 0.3) ** 2).sum(axis=(1, 2, 3)).mean())
    assert diversity(some, a) == pytest.approx(of_some / pairs, rel=0.05)
    with pytest.raises(ValueError, match="at least two pictures"):
        diversity(reference[:1], reference)
    with pytest.raises(ValueError, match="pictures that differ"):
        diversity(reference, reference[:1].repeat(2, axis=0))
