"""minigan evaluate: scores follow their formulas, the report has its protocol, and every mistake gets one line."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import minigan
from PIL import Image

import minigan as mg
from minigan.data.dataset import Dataset
from minigan.errors import UserError
from minigan.evaluation import scores
from minigan.evaluation.periodic import PeriodicEvaluation
from minigan.evaluation.table import lines, rows
from minigan.inference.classifier import ScoringClassifier, find_classifier
from minigan.inference.sampler import Sampler
from minigan.metrics import diversity, frechet_distance, inception_score, mean_and_covariance, nearest_neighbours
from minigan.runs import checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import make_trainer, train

RECORDED = Path(__file__).parents[1] / "recorded"
random = np.random.default_rng(4)


def trained(path, dataset=None, **settings):
    """(trainer, folder) of a new run."""
    config = Config.of_run(**{"width": 4, "latent_dim": 8, "log_every": 2} | settings)
    folder = RunFolder.create(path)
    return continued(config, folder, dataset or mg.data.load("shapes", count=640)), folder


def continued(config, folder, dataset, saved=None):
    """The trainer of a run that is trained from a checkpoint, or from the start, to the end of its epochs."""
    evaluation = PeriodicEvaluation(config, dataset) if config.is_evaluated else None
    trainer = make_trainer(config, dataset)
    train(trainer, folder, saved, evaluation)
    return trainer


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A classifier of shapes that has learned something, and two short runs, one of them conditional."""
    path = tmp_path_factory.mktemp("runs")
    trained(
        path / "classifier", mg.data.load("shapes", count=3000), model="classifier", width=8, epochs=2, batch_size=32
    )
    trained(path / "cgan", model="cgan", batch_size=16, max_steps=12, ema=0.5, lr=0.02)
    trained(path / "dcgan", batch_size=16, max_steps=4)
    return path


@pytest.fixture(scope="module")
def classifier(runs):
    return ScoringClassifier(runs / "classifier")


def test_a_classifier_learns_and_keeps_its_accuracy(runs, classifier):
    metrics, scores = RunFolder(runs / "classifier").read_metrics(), RunFolder(runs / "classifier").read_scores()
    assert metrics["loss"][-1] < metrics["loss"][0] / 2
    assert len(scores["test_accuracy"]) == 2
    test = mg.data.load("shapes", split="test")
    probabilities, features = classifier(test.images)
    assert features.shape == (len(test), 128)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (probabilities.argmax(axis=1) == test.labels).mean() == pytest.approx(scores["test_accuracy"][-1], abs=1e-6)
    assert scores["test_accuracy"][-1] > 3 / len(test.class_names)
    assert (runs / "classifier" / "curves.png").stat().st_size > 1000


def test_the_learning_rate_of_a_classifier_falls_to_a_tenth(tmp_path):
    trainer, _ = trained(tmp_path / "run", model="classifier", epochs=3, batch_size=64, lr=1e-2)
    assert trainer.optimizer.lr == pytest.approx(1e-3)


def test_the_hash_identifies_the_weights(runs, classifier):
    arrays = RunFolder(runs / "classifier").latest_checkpoint().state("classifier")
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    assert classifier.describe()["sha256"] == digest.hexdigest()


def test_the_scores_follow_their_formulas(runs, classifier):
    train, test = mg.data.load("shapes"), mg.data.load("shapes", split="test")
    saved = RunFolder(runs / "cgan").latest_checkpoint()
    report, samples, labels = scores.evaluate(saved, classifier, train, test, count=300, splits=5, seed=3)
    sampler = Sampler(saved)
    assert sampler.uses_ema
    np.testing.assert_array_equal(labels, np.arange(300) % len(test.class_names))
    np.testing.assert_array_equal(samples, sampler.generate(sampler.noise(300, 3), labels))
    p, features = classifier(samples)
    mean, std = inception_score(p, 5, 3)
    assert report["samples"]["classifier_is"] == {"mean": mean, "std": std}
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
    # The discriminator's outputs, one image at a time.
    right = []
    for image, label in zip(samples[:20], labels[:20], strict=True):
        x = mg.backend.asarray(image[None].astype("float32") / 127.5 - 1)
        logit, _ = sampler.discriminator.forward((x, mg.backend.asarray(np.array([label]))), train=False)
        right.append(float(mg.backend.to_numpy(logit)[0, 0]) <= 0)
    shares = scores.discriminator_accuracy(sampler, samples[:20], labels[:20], test.images, test.labels)
    assert shares["right_on_samples"] == np.mean(right)


def test_the_command_prints_a_table_and_writes_its_files(runs, capsys):
    assert minigan("evaluate", runs / "dcgan", "--count", 200, "--splits", 4) == 0
    out = capsys.readouterr().out
    for word in (
        "4 splits",
        "classifier IS",
        "classifier FD",
        "mode coverage",
        "discriminator is right",
        "neighbours.png",
    ):
        assert word in out
    report = json.loads((runs / "dcgan" / "scores.json").read_text())
    assert report["protocol"]["splits"] == 4
    assert "class_accuracy" not in report["samples"]
    with Image.open(runs / "dcgan" / "neighbours.png") as image:
        assert image.size == (7 * 34 + 2, 10 * 34 + 2)
    before = (runs / "dcgan" / "scores.json").read_bytes()
    assert minigan("evaluate", runs / "dcgan", "--count", 200, "--splits", 4) == 0
    assert (runs / "dcgan" / "scores.json").read_bytes() == before
    checkpoint = RunFolder(runs / "dcgan").checkpoint_paths()[-1]
    assert minigan("evaluate", checkpoint, "--count", 200, "--out", runs / "elsewhere.json") == 0
    assert (runs / "elsewhere.json").exists()


def test_the_table_compares_samples_with_real_data():
    report = json.loads((RECORDED / "healthy-fashion" / "scores.json").read_text())
    assert rows(report) == [
        ("classifier IS", "4.591 ± 0.195", "8.485 ± 0.329"),
        ("classifier FD", "18.281", "1.494"),
        ("mode coverage", "100%", "100%"),
        ("diversity of pixels", "0.999", "0.998"),
        ("distance to nearest training image", "5.105", "3.472"),
        ("discriminator is right", "74%", "55%"),
    ]
    conditional = report | {kind: report[kind] | {"class_accuracy": 0.5} for kind in ("samples", "real")}
    assert ("class accuracy", "50.00%", "50.00%") in rows(conditional)
    standard = {"inception_score": {"mean": 8.1, "std": 0.1}, "fid": 12.5}
    with_inception = rows(report | {"inception": {"samples": standard, "real": standard | {"fid": 2}}})
    assert with_inception[-2:] == [("Inception Score", "8.100 ± 0.100", "8.100 ± 0.100"), ("FID", "12.500", "2.000")]
    first, heads, *others, last = lines(report)
    assert first.startswith("1000 samples of step 4000, fashion-mnist, seed 0, 10 splits; classifier bc82a25ed5a2, ")
    assert heads.split() == ["samples", "real", "data"]
    assert len({len(line) for line in (heads, *others)}) == 1
    assert last.startswith("samples by class: T-shirt 66, trouser 124")


def test_scores_while_training_and_the_best_checkpoint(tmp_path, runs):
    settings = {"classifier": str(runs / "classifier"), "evaluate_every": 2, "evaluate_count": 200, "batch_size": 64}
    _, folder = trained(tmp_path / "run", model="cgan", epochs=5, **settings)
    scores = folder.read_scores()
    measured = np.isfinite(scores["classifier_fd"])
    assert measured.tolist() == [False, True, False, True, False]
    assert np.isfinite(scores["diversity"]).all()
    best = scores["step"][measured][scores["classifier_fd"][measured].argmin()]
    assert checkpoint.load(folder.best_path).step == best
    # An evaluation changes nothing in the training, and neither does an interruption.
    _, plain = trained(tmp_path / "plain", model="cgan", epochs=5, batch_size=64)
    resumed = RunFolder.create(tmp_path / "resumed")
    for epochs in (3, 5):
        saved = resumed.latest_checkpoint() if resumed.checkpoint_paths() else None
        config = Config.of_run(model="cgan", width=4, latent_dim=8, log_every=2, epochs=epochs, **settings)
        continued(config, resumed, mg.data.load("shapes", count=640), saved)
    for name, array in folder.latest_checkpoint().arrays.items():
        assert array.tobytes() == plain.latest_checkpoint().arrays[name].tobytes()
        assert array.tobytes() == resumed.latest_checkpoint().arrays[name].tobytes()
    np.testing.assert_array_equal(resumed.read_scores()["classifier_fd"], scores["classifier_fd"])
    assert (
        minigan(
            "evaluate", tmp_path / "run", "--classifier", runs / "classifier", "--checkpoint", "best", "--count", 200
        )
        == 0
    )
    report = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert report["protocol"]["checkpoint"]["step"] == best


def test_a_mistake_gets_one_line(tmp_path, runs, capsys):
    def refused(message, *arguments):
        before = sorted(tmp_path.rglob("*"))
        assert minigan(*arguments) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert message in err, err
        assert sorted(tmp_path.rglob("*")) == before

    run = runs / "dcgan"
    refused("expected the run of a classifier, found a run of dcgan", "evaluate", run, "--classifier", run)
    refused("found no config.json", "evaluate", run, "--classifier", tmp_path)
    refused(
        "expected the run of a generator, found a classifier's",
        "evaluate",
        runs / "classifier",
        "--classifier",
        runs / "classifier",
    )
    refused("expected more than 128", "evaluate", run, "--count", 100)
    refused("--splits 400: expected 1 to 300", "evaluate", run, "--count", 300, "--splits", 400)
    refused("--count 0", "evaluate", run, "--count", 0)
    refused("--seed -1", "evaluate", run, "--seed", -1)
    refused("expected NAME.json", "evaluate", run, "--out", tmp_path / "scores.txt")
    refused("use --checkpoint last", "evaluate", run, "--checkpoint", "best")
    refused("no such file", "evaluate", run / "checkpoints" / "step_00000009.safetensors")
    refused("--classifier RUN", "train", "--evaluate-every", 2, "--out", tmp_path / "new")
    refused("no config.json", "train", "--evaluate-every", 2, "--classifier", tmp_path, "--out", tmp_path / "new")
    with pytest.raises(
        UserError, match=r"trained classifier of mnist, found none in .*--model classifier --data mnist"
    ):
        find_classifier("mnist", runs, runs)


def test_a_classifier_for_another_data_set_is_refused(runs, classifier):
    saved = RunFolder(runs / "dcgan").latest_checkpoint()
    images = random.integers(0, 256, (20, 28, 28, 1)).astype(np.uint8)
    other = Dataset("mnist", "train", images, np.zeros(20, np.int64), ("0", "1"), "generated for a test")
    with pytest.raises(UserError, match=r"expected images of shape \(32, 32, 3\), like the run's, got Dataset\(mnist"):
        scores.evaluate(saved, classifier, other, other, 200)
    config = Config.of_run(evaluate_every=1, classifier=str(classifier.path))
    with pytest.raises(UserError, match="expected one for mnist, found one for shapes"):
        PeriodicEvaluation(config, other)
    with pytest.raises(UserError, match="expected images of several classes"):
        make_trainer(Config.of_run(model="classifier"), Dataset("folder", "train", images, other.labels, ("0",), ""))


def test_other_tools_folders_beside_the_runs_are_ignored(runs, tmp_path):
    shutil.copytree(runs / "classifier", tmp_path / "classifier")
    for number, content in enumerate(("", "[]", "{", '{"model": ["x"]}', '{"model": "classifier", "data": "shapes"}')):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "config.json").write_text(content)
    (tmp_path / "5" / "config.json").mkdir(parents=True)
    assert find_classifier("shapes", tmp_path).path == tmp_path / "classifier"


def test_scores_relative_to_equal_images_are_undefined(runs, classifier):
    """As of a data set of one image: the diversity divides by zero, and the other scores are defined."""
    equal = np.full((200, 32, 32, 3), 7, np.uint8)
    reference = scores.reference_statistics(classifier, equal)
    found = scores.compute_scores(classifier, random.integers(0, 256, equal.shape).astype(np.uint8), reference, 2)
    assert found["diversity"] is None
    assert np.isfinite(found["classifier_fd"])


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
    with pytest.raises(ValueError, match="nearest_neighbours: expected images of one size"):
        nearest_neighbours(images, reference[:, :2])


def test_diversity_of_known_distributions():
    reference = random.integers(0, 256, (4000, 2, 2, 1))
    assert diversity(reference, reference) == pytest.approx(1)
    assert diversity(reference[:1].repeat(9, axis=0), reference) == 0
    assert diversity(100 + reference // 2, reference) == pytest.approx(0.5, abs=0.01)
    # The mean squared distance of two images is 2·tr Cov.
    a, b = reference[:2000].astype(float), reference[2000:].astype(float)
    pairs = np.sqrt(((a - b) ** 2).sum(axis=(1, 2, 3)).mean())
    some = a * 0.3
    of_some = np.sqrt(((some - b * 0.3) ** 2).sum(axis=(1, 2, 3)).mean())
    assert diversity(some, a) == pytest.approx(of_some / pairs, rel=0.05)
    with pytest.raises(ValueError, match="at least two images"):
        diversity(reference[:1], reference)
    with pytest.raises(ValueError, match="images that differ"):
        diversity(reference, reference[:1].repeat(2, axis=0))
