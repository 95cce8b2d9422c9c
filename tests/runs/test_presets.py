"""Every preset can be trained and resumed bit for bit, and has the settings that its documentation says."""

import numpy as np
import pytest

from minigan.data.dataset import Dataset
from minigan.errors import UserError
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.runs.presets import PRESETS
from minigan.training import make_trainer, train

SHAPES = {"fashion-mnist": (28, 28, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3), "folder": (64, 64, 3)}
SMALL = {"batch_size": 4, "generator_batch_size": None, "width": 4, "latent_dim": 8, "log_every": 1}
GANS = [name for name in PRESETS if not name.startswith("classifier")]


def random_images(name, count=16):
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (count, *SHAPES[name])).astype(np.uint8)
    classes = tuple("abcdefghij")
    return Dataset(name, "train", images, np.arange(count) % 10, classes, "random numbers for a test")


@pytest.mark.parametrize("name", GANS)
@pytest.mark.parametrize("extra", [{}, {"ema": 0.9, "flip": True, "discriminator_steps": 2, "discriminator_lr": 1e-4}])
def test_every_preset_can_be_trained_and_resumed_bit_for_bit(tmp_path, name, extra):
    config = Config.of_run(preset=name, **SMALL | {"max_steps": 3} | extra)
    ends = []
    for path, stops in ((tmp_path / "whole", [3]), (tmp_path / "resumed", [1, 3])):
        folder = RunFolder.create(path)
        for stop in stops:
            saved = folder.latest_checkpoint() if folder.checkpoint_paths() else None
            config_so_far = Config.of_run(**config.to_dict() | {"max_steps": stop})
            train(make_trainer(config_so_far, random_images(config.data)), folder, saved)
        ends.append(folder.latest_checkpoint().arrays)
        assert len(folder.read_metrics()["step"]) == 3
        assert np.isfinite(folder.read_metrics()["gradient_g"]).all()
    whole, resumed = ends
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if whole[name].tobytes() != resumed[name].tobytes()] == []
    assert any(key.startswith("generator_average.") for key in whole) == (config.ema is not None)


def test_settings_that_are_given_take_precedence_over_the_preset():
    config = Config.of_run(preset="gan-mnist")
    assert (config.data, config.model, config.latent_dim, config.batch_size, config.generator_batch_size) == (
        "mnist",
        "convolutional-gan",
        100,
        128,
        256,
    )
    assert (config.lr, config.betas) == (2e-4, (0.5, 0.999))
    assert (config.discriminator_steps, config.generator_steps) == (1, 2)
    assert config.epochs * (60_000 // config.batch_size) == 100 * 234 // 2  # 100 times 234 steps, D in every second one
    assert Config.of_run(preset="gan-mnist", generator_steps=1).generator_steps == 1
    config = Config.of_run(preset="lsgan-cifar10", lr=1e-3, epochs=2)
    assert (config.targets, config.lr, config.epochs) == ((-1.0, 1.0, 0.0), 1e-3, 2)
    objective = config.make_objective()
    assert (objective.a, objective.b, objective.c) == (-1, 1, 0)
    with pytest.raises(UserError, match=r"unknown preset 'cgan-fashon': did you mean 'cgan-fashion'\?"):
        Config.of_run(preset="cgan-fashon")


def test_the_settings_of_the_presets():
    for name in ("gan-fashion", "dcgan-fashion", "dcgan-anime"):
        config = Config.of_run(preset=name)
        assert (config.latent_dim, config.lr, config.objective) == (100, 1e-4, "non-saturating")
    assert Config.of_run(preset="dcgan-anime").image_size == 64
    assert Config.of_run(preset="lsgan-cifar10-011").targets == (0, 1, 1)
    for name in ("dcgan-cifar10", "lsgan-cifar10", "cgan-cifar10"):
        config = Config.of_run(preset=name)
        assert (config.latent_dim, config.width, config.lr, config.betas) == (128, 64, 2e-4, (0.5, 0.999))
