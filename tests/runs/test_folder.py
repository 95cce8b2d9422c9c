"""The folder of a run: its logs as CSV files, and finding its checkpoints."""

import numpy as np
import pytest

import minigan as mg
from minigan.errors import CheckpointError, UserError
from minigan.runs import checkpoint
from minigan.runs.csv_log import CsvLog
from minigan.runs.folder import RunFolder, find_checkpoint

CONFIG = {
    "width": 4,
    "dataset": {"name": "shapes", "images": 9, "image_shape": [32, 32, 3], "class_names": ["a", "b"]},
}


@pytest.fixture
def log(tmp_path):
    return CsvLog(tmp_path / "log.csv")


@pytest.fixture
def run(tmp_path):
    """A run with checkpoints of steps 3 and 12 and a best one."""
    folder = RunFolder.create(tmp_path / "run")
    folder.write_config(CONFIG)
    state = {"generator": mg.layers.Dense(2, 3)}
    for step, path in ((3, folder.checkpoint_path(3)), (12, folder.checkpoint_path(12)), (7, folder.best_path)):
        checkpoint.save(path, state, CONFIG, step, mg.random.default_stream.state())
    return folder


def test_a_log_has_a_header_and_a_row_for_each_step(log):
    assert {name: values.tolist() for name, values in log.read().items()} == {"step": [], "epoch": []}
    log.append({"step": 2, "epoch": "0.5000", "loss": "1.25"})
    log.append({"step": 4, "epoch": "1.0000", "loss": "1e-3"})
    assert log.path.read_text().split() == ["step,epoch,loss", "2,0.5000,1.25", "4,1.0000,1e-3"]
    columns = log.read()
    assert {name: values.tolist() for name, values in columns.items()} == {
        "step": [2, 4], "epoch": [0.5, 1], "loss": [1.25, 0.001],
    }  # fmt: skip
    assert all(values.dtype == np.float64 for values in columns.values())


def test_a_new_column_is_empty_in_earlier_rows(log):
    log.append({"step": 1, "epoch": 1, "loss": 3})
    log.append({"step": 2, "epoch": 2, "loss": 2, "score": 7})
    log.append({"step": 3, "epoch": 3, "loss": 1})
    assert log.path.read_text().split() == ["step,epoch,loss,score", "1,1,3,", "2,2,2,7", "3,3,1,"]
    np.testing.assert_array_equal(log.read(gaps=True)["score"], [np.nan, 7, np.nan])
    assert log.read()["step"].tolist() == [2]


@pytest.mark.parametrize(
    "damage", ["3,1", "3,", ",1,2", "3,1,2,4", "3,1,nan", "3,1,x", "\0\0\0", '3,"1', "3," + "1" * 2**18]
)
def test_a_damaged_row_is_skipped(log, damage):
    log.append({"step": 1, "epoch": 3, "score": 4})
    with log.path.open("a") as file:
        file.write(damage)
    assert log.read(gaps=True)["step"].tolist() == [1]
    log.drop_after(1)
    log.append({"step": 2, "epoch": 1, "score": 5})
    assert {name: values.tolist() for name, values in log.read().items()} == {
        "step": [1, 2], "epoch": [3, 1], "score": [4, 5],
    }  # fmt: skip


@pytest.mark.parametrize("kept", range(1, 6))
def test_a_row_that_is_cut_within_its_last_number_is_not_read(log, kept):
    log.append({"step": 1, "epoch": 1, "score": "0.25"})
    log.append({"step": 2, "epoch": 2, "score": "0.7568"})
    log.path.write_bytes(log.path.read_bytes().rstrip()[:-kept])
    assert log.read()["step"].tolist() == [1]
    log.drop_after(2)
    log.append({"step": 2, "epoch": 2, "score": "0.7568"})
    assert log.read()["score"].tolist() == [0.25, 0.7568]


def test_a_log_with_a_column_twice_is_damaged(log):
    log.path.write_text("step,epoch,loss,step\n1,1,2,\n2,1,3,2\n")
    assert log.read()["step"].tolist() == []
    with pytest.warns(UserWarning, match="the file is now damaged_log.csv"):
        log.drop_after(1)


def test_rows_after_a_step_are_dropped(log):
    log.drop_after(3)
    assert not log.path.exists()
    for step in (2, 4, 6):
        log.append({"step": step, "epoch": 1, "loss": 10 * step})
    log.drop_after(4)
    assert log.read()["loss"].tolist() == [20, 40]
    log.drop_after(1)
    assert not log.path.exists()


def test_a_checkpoint_is_found_in_a_run(run):
    for which, step in (("last", 12), ("best", 7)):
        saved, folder = find_checkpoint(run.path, which)
        assert (saved.step, folder) == (step, run.path)
    run.best_path.unlink()
    with pytest.raises(CheckpointError, match=r"best.safetensors: expected the best checkpoint, found none"):
        find_checkpoint(run.path, "best")
    with pytest.raises(UserError, match="samples: expected the folder of a run, found no config"):
        find_checkpoint(run.samples)
    for path in run.checkpoint_paths():
        path.unlink()
    with pytest.raises(CheckpointError, match="found none: the run stopped before its first one"):
        find_checkpoint(run.path)


def test_a_checkpoint_can_be_named_by_its_file(run, tmp_path, monkeypatch):
    saved, folder = find_checkpoint(run.checkpoint_path(3))
    assert (saved.step, folder) == (3, run.path)
    monkeypatch.chdir(run.checkpoints)
    saved, folder = find_checkpoint("step_00000012.safetensors")
    assert (saved.step, folder) == (12, run.path)
    other = tmp_path / "other" / "some.safetensors"
    other.parent.mkdir()
    other.write_bytes(run.best_path.read_bytes())
    saved, folder = find_checkpoint(other)
    assert (saved.step, folder) == (7, other.parent)


def test_only_the_newest_checkpoints_up_to_the_current_step_are_kept(run):
    run.keep_newest(1, 3)
    assert [path.name for path in run.checkpoint_paths()] == ["step_00000003.safetensors"]
    assert run.best_path.exists()
