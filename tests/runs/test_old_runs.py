"""Runs saved before settings, metadata and layers had today's names: read, resumed and sampled all the same."""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import minigan as mg
from minigan.errors import CheckpointError
from minigan.inference import sample
from minigan.runs import checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import make_trainer, train

SETTINGS = {"batch_size": 8, "width": 4, "latent_dim": 8, "model": "convolutional-gan", "ema": 0.9, "flip": True}
OLD_NAMES = {"images": "pictures"}  # today's names, and those of older runs
OLD_ARRAYS = {f"discriminator.6.{name}": f"discriminator.7.{name}" for name in ("weight", "bias")}


def trained(folder, steps, saved=None, count=40):
    trainer = make_trainer(Config(**SETTINGS, max_steps=steps), mg.data.load("shapes", count=count))
    train(trainer, folder, saved)
    return folder.latest_checkpoint()


def with_old_names(config):
    return config | {"dataset": {OLD_NAMES.get(name, name): value for name, value in config["dataset"].items()}}


@pytest.fixture
def old(tmp_path):
    """A run of three steps, as an older version saved it."""
    folder = RunFolder.create(tmp_path / "old")
    saved = trained(folder, 3)
    owners = {name.split(".")[0] for name in saved.arrays}
    arrays = {OLD_ARRAYS.get(name, name): array for name, array in saved.arrays.items()}
    saved_as = replace(saved, arrays=arrays)
    state = {owner: SimpleNamespace(state_dict=partial(saved_as.state, owner)) for owner in owners}
    checkpoint.save(saved.path, state, with_old_names(saved.config), saved.step, saved.random_state)
    settings = folder.read_config()
    del settings["generator_steps"]
    folder.write_config(with_old_names(settings))
    return folder


def test_the_files_have_the_old_names(old):
    """Otherwise the tests below would show nothing."""
    for name in OLD_NAMES.values():
        assert json.loads(old.config_path.read_text())["dataset"][name] == 40
        assert f'\\"{name}\\": 40' in old.checkpoint_paths()[0].read_bytes()[:10_000].decode(errors="replace")
    for name, old_name in OLD_ARRAYS.items():
        header = old.checkpoint_paths()[0].read_bytes()[:10_000]
        assert f'"{old_name}":'.encode() in header
        assert f'"{name}":'.encode() not in header


def test_an_old_run_is_resumed_bit_for_bit(old, tmp_path):
    with pytest.warns(UserWarning, match=r"saved by an older version; the discriminator's second dropout is gone"):
        resumed = trained(old, 8, old.latest_checkpoint())
    whole = trained(RunFolder.create(tmp_path / "whole"), 8)
    assert resumed.arrays.keys() == whole.arrays.keys()
    assert [name for name in whole.arrays if resumed.arrays[name].tobytes() != whole.arrays[name].tobytes()] == []
    assert (resumed.config, resumed.step, resumed.random_state) == (whole.config, whole.step, whole.random_state)
    assert json.loads(old.config_path.read_text())["dataset"]["images"] == 40


def test_an_old_run_can_be_sampled(old, tmp_path):
    new = trained(RunFolder.create(tmp_path / "new"), 3)
    np.testing.assert_array_equal(sample(old.latest_checkpoint(), 5), sample(new, 5))


def test_an_old_run_is_refused_for_other_data_in_one_line(old):
    with pytest.raises(CheckpointError, match=r"was trained on data with images 40, but .* has images 48") as caught:
        trained(old, 4, old.latest_checkpoint(), count=48)
    assert "\n" not in str(caught.value)


def test_settings_that_an_old_run_lacks_have_their_defaults(old):
    config = old.read_config()
    assert "generator_steps" not in config
    for name in ("flip", "ema", "precision"):
        del config[name]
    assert Config.from_dict(config | {"a_setting_that_was_removed": 3}) == Config(
        **{name: value for name, value in SETTINGS.items() if name not in ("flip", "ema")}, max_steps=3
    )
