"""Every preset: it trains, it goes on bit for bit, it says what its settings are."""

import numpy as np
import pytest

import minigan as mg
from minigan import training
from minigan.config import Config
from minigan.data.dataset import Dataset
from minigan.errors import UserError
from minigan.presets import PRESETS
from minigan.run_folder import RunFolder

SHAPES = {"fashion-mnist": (28, 28, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3), "folder": (64, 64, 3)}
SMALL = {"batch_size": 4, "generator_batch_size": None, "width": 4, "latent_dim": 8, "log_every": 1}
GANS = [name for name in PRESETS if not name.startswith("classifier")]


def pictures(name, count=16):
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (count, *SHAPES[name])).astype(np.uint8)
    classes = tuple("abcdefghij")
    return Dataset(name, "train", images, np.arange(count) % 10, classes, "drawn at random for a test")


@pytest.mark.parametrize("name", GANS)
@pytest.mark.parametrize("extra", [{}, {"ema": 0.9, "flip": True, "discriminator_steps": 2, "discriminator_lr": 1e-4}])
def test_every_preset_trains_and_goes_on_bit_for_bit(tmp_path, name, extra):
    config = Config.of_run(preset=name, **SMALL | {"max_steps": 3} | extra)
    ends = []
    for path, stops in ((tmp_path / "whole", [3]), (tmp_path / "parts", [1, 3])):
        folder = RunFolder.create(path)
        for stop in stops:
            saved = folder.latest_checkpoint() if folder.checkpoint_paths() else None
            trainer = training.trainer_of(
                Config.of_run(**config.to_dict() | {"max_steps": stop}), pictures(config.data)
            )
            training.train(trainer, folder, saved)
        ends.append(folder.latest_checkpoint().arrays)
        assert len(folder.read_metrics()["step"]) == 3
        assert np.isfinite(folder.read_metrics()["gradient_g"]).all()
    for array, name_of in ((ends[0][key], key) for key in ends[0]):
        assert array.tobytes() == ends[1][name_of].tobytes(), name_of
    assert any(key.startswith("generator_average.") for key in ends[0]) == (config.ema is not None)


def test_settings_come_from_the_preset_and_what_is_given_goes_before():
    config = Config.of_run(preset="gan-mnist")
    assert (config.data, config.model, config.latent_dim, config.batch_size, config.generator_batch_size) == (
        "mnist",
        "convolutional-gan",
        100,
        128,
        256,
    )
    assert (config.lr, config.betas) == (2e-4, (0.5, 0.999))
    config = Config.of_run(preset="lsgan-cifar10", lr=1e-3, epochs=2)
    assert (config.targets, config.lr, config.epochs) == ((-1.0, 1.0, 0.0), 1e-3, 2)
    objective = config.make_objective()
    assert (objective.a, objective.b, objective.c) == (-1, 1, 0)
    with pytest.raises(UserError, match=r"unknown preset 'cgan-fashon': did you mean 'cgan-fashion'\?"):
        Config.of_run(preset="cgan-fashon")


def test_the_shapes_have_an_average_that_can_be_switched_off():
    assert Config.of_run().ema == 0.995
    config = Config.of_run(ema=0.0, width=4, batch_size=4)
    assert mg.training.trainer_of(config, mg.data.load("shapes", count=8)).average is None
    assert Config.of_run(model="classifier").ema is None


def test_the_numbers_of_every_system():
    for name in ("gan-fashion", "dcgan-fashion", "dcgan-anime"):
        config = Config.of_run(preset=name)
        assert (config.latent_dim, config.lr, config.objective) == (100, 1e-4, "non-saturating")
    assert Config.of_run(preset="dcgan-anime").image_size == 64
    assert Config.of_run(preset="lsgan-cifar10-011").targets == (0, 1, 1)
    for name in ("dcgan-cifar10", "lsgan-cifar10", "cgan-cifar10"):
        config = Config.of_run(preset=name)
        assert (config.latent_dim, config.width, config.lr, config.betas) == (128, 64, 2e-4, (0.5, 0.999))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "dcgn"}, "unknown model 'dcgn': did you mean 'dcgan'"),
        ({"targets": (0.0, 1.0, 1.0)}, "--targets: a, b, c of --objective least-squares"),
        ({"objective": "least-squares", "targets": (0.0, 1.0)}, "three numbers"),
        ({"label_smoothing": 0.5}, r"--label-smoothing 0.5: expected a number in \[0, 0.5\)"),
        ({"label_smoothing": 0.1, "objective": "least-squares"}, "least-squares has --targets"),
        ({"ema": -0.1}, "--ema -0.1: expected a decay between 0 and 1, such as 0.999, or 0 for none"),
        ({"ema": 1.0}, "--ema 1.0: expected a decay between 0 and 1"),
        ({"discriminator_lr": 0.0}, "--discriminator-lr 0.0: expected a number above 0"),
        ({"evaluate_every": 2}, "--classifier RUN"),
        ({"flip": 1}, "flip: expected bool, got 1"),
        ({"ema": "often"}, "ema: expected"),
        ({"targets": "011", "objective": "least-squares"}, "targets: expected"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(settings, message):
    with pytest.raises(UserError, match=message) as caught:
        Config(**settings)
    assert "\n" not in str(caught.value)


def test_label_smoothing_is_one_sided():
    """The real target falls to 1 − s; fakes, and the generator, are as they were."""
    logits = mg.backend.asarray(np.linspace(-3, 3, 7)[:, None])
    smooth, plain = mg.losses.NonSaturating(0.1), mg.losses.NonSaturating()
    _, d_real, d_fake = smooth.discriminator(logits, logits)
    _, d_real_plain, d_fake_plain = plain.discriminator(logits, logits)
    np.testing.assert_allclose(mg.backend.to_numpy(d_real - d_real_plain), 0.1 / 7, rtol=1e-6)
    assert (d_fake == d_fake_plain).all()
    assert smooth.generator(logits)[0] == plain.generator(logits)[0]
    with pytest.raises(ValueError, match="expected a smoothing"):
        mg.losses.Minimax(0.6)


def test_the_labels_of_a_batch_are_those_of_its_pictures():
    """A picture says its own label: every pixel of it is the label."""
    from minigan.data.batches import Batches

    labels = np.arange(20) % 10
    images = np.broadcast_to(labels[:, None, None, None], (20, 2, 2, 1)).astype(np.uint8)
    for pixel_range, factor, offset in (((-1, 1), 127.5, 1), ((0, 1), 255, 0)):
        batches = Batches(images, labels, 6, 3, 0, np.dtype("float32"), pixel_range, flip=True)
        for index in range(9):
            batches.seek(index)
            x, of_x = batches.next()
            batches.passed(1)
            values = np.rint((mg.backend.to_numpy(x)[:, 0, 0, 0] + offset) * factor)
            assert (values == mg.backend.to_numpy(of_x)).all()
    some = mg.backend.to_numpy(batches.some_labels(5000))
    assert (np.bincount(some) > 350).all()


def test_flipping_turns_half_of_the_pictures():
    from minigan.data.batches import flipped_at_random

    mg.backend.seed(0)
    x = mg.backend.random.normal((400, 1, 5, 1))
    turned = mg.backend.to_numpy(flipped_at_random(x))
    x = mg.backend.to_numpy(x)
    as_before, mirrored = (turned == x).all(axis=(1, 2, 3)), (turned == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (as_before ^ mirrored).all()
    assert 150 < mirrored.sum() < 250
