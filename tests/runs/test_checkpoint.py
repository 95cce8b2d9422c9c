"""Checkpoints: exact, written completely or not at all, and every kind of damage detected."""

import errno
import json
import os
import re
import stat
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save_file
from systems import posix

import minigan as mg
from minigan.errors import CheckpointError
from minigan.files import replacing
from minigan.random import default_stream
from minigan.runs import checkpoint

CONFIG = {
    "width": 3,
    "data": "shapes",
    "dataset": {"name": "shapes", "images": 9, "image_shape": [32, 32, 3], "class_names": ["a", "b"]},
}


@pytest.fixture
def state():
    network = mg.layers.Sequential(mg.layers.Dense(3, 4), mg.layers.BatchNorm(4))
    return {"generator": network, "generator_optimizer": mg.optim.Adam(network.parameters())}


@pytest.fixture
def path(tmp_path, state):
    path = tmp_path / "step_00000007.safetensors"
    checkpoint.save(path, state, CONFIG, 7, default_stream.state())
    return path


def test_round_trip(path, state):
    saved = checkpoint.load(path)
    assert (saved.step, saved.config) == (7, CONFIG)
    assert saved.random_state == default_stream.state()
    for name, target in state.items():
        loaded = saved.state(name)
        assert loaded.keys() == target.state_dict().keys()
        for key, array in target.state_dict().items():
            assert loaded[key].dtype == array.dtype
            assert loaded[key].shape == array.shape
            assert (loaded[key] == array).all()
    saved.restore(**state)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"nothing.safetensors: expected a checkpoint, found no such file"):
        checkpoint.load(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("length", [0, 4, 100, -1, -50])
def test_a_file_that_is_cut_short_is_refused(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(
        CheckpointError, match=r"step_00000007.safetensors: expected a checkpoint that is not cut short, but it cannot"
    ):
        checkpoint.load(path)


def test_every_altered_byte_is_detected(path):
    """Alter each byte of the header (the names, the JSON, the checksums themselves), and some of the arrays."""
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    random = np.random.default_rng(0)
    for position in [*range(8, header), *random.integers(header, len(whole), 40)]:
        flipped = whole[position] ^ (1 << int(random.integers(8)))
        path.write_bytes(whole[:position] + bytes([flipped]) + whole[position + 1 :])
        try:
            saved = checkpoint.load(path)
        except CheckpointError:
            continue
        else:  # the altered byte is white space between two tokens of JSON
            assert (saved.step, saved.config) == (7, CONFIG), position


def test_other_safetensors_files_are_refused(tmp_path):
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="expected a 'minigan checkpoint 1', got 'pt'"):
        checkpoint.load(tmp_path / "other.safetensors")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    (tmp_path / "evil.safetensors").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(CheckpointError, match="expected a checkpoint"):
        checkpoint.load(tmp_path / "evil.safetensors")
    assert not (tmp_path / "owned").exists()


def test_a_state_that_is_not_finite_is_not_saved(path, state):
    before = path.read_bytes()
    state["generator"].layers[0].weight.value[0, 0] = float("inf")
    with pytest.raises(FloatingPointError, match=r"generator.0.weight is not finite"):
        checkpoint.save(path, state, {}, 8, default_stream.state())
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_numbers_that_are_not_finite_are_not_loaded(path, state, monkeypatch):
    state["generator"].layers[0].weight.value[0, 0] = np.nan
    with monkeypatch.context() as patch:
        patch.setattr(np, "isfinite", lambda array: np.ones_like(array, bool))  # as a faulty program might save it
        checkpoint.save(path, state, CONFIG, 7, default_stream.state())
    with pytest.raises(CheckpointError, match=r"expected finite numbers, found others in generator\.0\.weight"):
        checkpoint.load(path)


def test_a_failure_while_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half of the ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# --- hostile and damaged content -------------------------------------------------------------------------------


def rewritten(path, **metadata):
    """Write a checkpoint with other metadata and matching checksums, as only somebody who means to can."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        found = file.metadata() | metadata
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    del found["crc32"]
    save_file(arrays, path, found | {"crc32": json.dumps(checkpoint._checksums(arrays, found))})


def changed(name, value):
    return {"config": json.dumps(CONFIG | {"dataset": CONFIG["dataset"] | {name: value}})}


RANDOM = {"generator": "Philox 4x64", "key": [1, 2], "counter": 3}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"config": "{"}, "expected JSON in the metadata 'config'"),
        ({"config": "[" * 100_000}, "expected JSON in the metadata 'config'"),
        ({"config": '{"width": ' + "9" * 5000 + "}"}, "expected JSON in the metadata 'config'"),
        ({"config": "[]"}, "expected the settings of a run"),
        ({"config": json.dumps(CONFIG | {"width": "3"})}, "width: expected int, got '3'"),
        ({"config": json.dumps(CONFIG | {"width": 10**9})}, "--width 1000000000: expected 1 to 4096"),
        ({"config": json.dumps(CONFIG | {"model": ["dcgan"]})}, "model: expected str"),
        ({"config": json.dumps({"width": 3})}, "dataset: expected a dictionary, got NoneType"),
        (changed("name", None), "dataset: name: expected a name"),
        (changed("images", -1), "dataset: images: expected their number, got -1"),
        (changed("image_shape", [32, 32]), "dataset: image_shape: expected height, width and channels"),
        (changed("image_shape", [10**9, 32, 3]), "dataset: image_shape: expected height, width and channels"),
        (changed("image_shape", [32.0, 32, 3]), "dataset: image_shape: expected height, width and channels"),
        (changed("class_names", "abc"), "dataset: class_names: expected a list of names, got abc"),
        (changed("class_names", [1]), "dataset: class_names: expected a list of names, got list"),
        (changed("source", []), "dataset: source: expected text"),
        ({"step": "-1"}, "step: expected an integer from 0"),
        ({"step": "1e3"}, "step: expected an integer from 0"),
        ({"step": "true"}, "step: expected an integer from 0"),
        ({"step": ""}, "expected JSON in the metadata 'step'"),
        ({"random_state": "7"}, "random_state: expected a dictionary"),
        ({"random_state": json.dumps(RANDOM | {"key": [1]})}, "random_state: key: expected two integers"),
        ({"random_state": json.dumps(RANDOM | {"key": [1, 2**64]})}, "random_state: key: expected two integers"),
        ({"random_state": json.dumps(RANDOM | {"counter": -1})}, "random_state: counter: expected an integer"),
        ({"random_state": json.dumps(RANDOM | {"generator": "MT19937"})}, "random_state: generator: expected Philox"),
    ],
)
def test_metadata_that_training_does_not_write_is_refused_in_one_line(path, metadata, message):
    rewritten(path)
    checkpoint.load(path)
    rewritten(path, **metadata)
    with pytest.raises(CheckpointError, match=re.escape(message)) as caught:
        checkpoint.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_missing_metadata_is_refused(path):
    for name in ("config", "step", "random_state"):
        rewritten(path, **{name: ""})
        with pytest.raises(CheckpointError, match="expected JSON in the metadata"):
            checkpoint.load(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"latent_dim": 10**6, "model": "dcgan"},
        {"width": 4096, "model": "dcgan"},
        {"width": 4096, "latent_dim": 10**6, "model": "dense-gan"},
        {"width": 4096, "model": "cgan"},
        {"width": 4096, "model": "classifier"},
    ],
    ids=str,
)
def test_settings_that_the_arrays_do_not_fit_are_refused_before_memory_is_taken(path, settings):
    rewritten(path, config=json.dumps(CONFIG | settings))
    saved = checkpoint.load(path)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match="the state belongs to another architecture"):
            saved.require_architecture()
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_the_settings_of_a_run_fit_its_arrays(tmp_path):
    from minigan.runs.config import Config
    from minigan.training import make_trainer

    for model in ("dcgan", "dense-gan", "cgan", "convolutional-gan", "classifier"):
        config = Config(model=model, batch_size=4, width=2, latent_dim=4, data="digits")
        trainer = make_trainer(config, mg.data.load("digits", count=20))
        settings = config.to_dict() | {"dataset": trainer.dataset_metadata()}
        checkpoint.save(tmp_path / "run.safetensors", trainer.state, settings, 0, trainer.random.state())
        checkpoint.load(tmp_path / "run.safetensors").require_architecture()


# --- durable writes --------------------------------------------------------------------------------------------


@posix
def test_the_folder_is_synced_after_the_rename(tmp_path, monkeypatch):
    """Otherwise a loss of power could take the new name, after older files were deleted for it."""
    done, fsync, rename = [], os.fsync, type(tmp_path).replace

    def recording_fsync(handle):
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def recording_rename(self, target):
        done.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(type(tmp_path), "replace", recording_rename)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert done == ["file", "rename", "folder"]


def test_an_error_of_a_full_disk_names_the_file(tmp_path):
    def fail():
        with replacing(tmp_path / "file"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as caught:
        fail()
    assert caught.value.filename == str(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
