"""Checkpoints: exact, written completely or not at all, and every kind of damage detected."""

import numpy as np
import pytest
from safetensors.numpy import save_file

import minigan as mg
from minigan.errors import CheckpointError
from minigan.files import replacing
from minigan.random import default_stream
from minigan.runs import checkpoint


@pytest.fixture
def state():
    network = mg.layers.Sequential(mg.layers.Dense(3, 4), mg.layers.BatchNorm(4))
    return {"generator": network, "generator_optimizer": mg.optim.Adam(network.parameters())}


@pytest.fixture
def path(tmp_path, state):
    path = tmp_path / "step_00000007.safetensors"
    checkpoint.save(path, state, {"width": 3, "data": "shapes"}, 7, default_stream.state())
    return path


def test_round_trip(path, state):
    saved = checkpoint.load(path)
    assert (saved.step, saved.config) == (7, {"width": 3, "data": "shapes"})
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
    with pytest.raises(CheckpointError, match=r"step_00000007.safetensors: cut short or not a safetensors file"):
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
            assert (saved.step, saved.config) == (7, {"width": 3, "data": "shapes"}), position


def test_other_safetensors_files_are_refused(tmp_path):
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="expected a 'minigan checkpoint 1', got 'pt'"):
        checkpoint.load(tmp_path / "other.safetensors")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    (tmp_path / "evil.safetensors").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        checkpoint.load(tmp_path / "evil.safetensors")
    assert not (tmp_path / "owned").exists()


def test_a_state_that_is_not_finite_is_not_saved(path, state):
    before = path.read_bytes()
    state["generator"].layers[0].weight.value[0, 0] = float("inf")
    with pytest.raises(FloatingPointError, match=r"generator.0.weight is not finite"):
        checkpoint.save(path, state, {}, 8, default_stream.state())
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


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
