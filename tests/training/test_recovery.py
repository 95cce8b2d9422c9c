"""Nothing is lost: runs that were killed early, late, by a lost terminal, or on a damaged disk, and what they leave."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from systems import posix

import minigan as mg
from minigan import plots
from minigan.errors import CheckpointError, UserError
from minigan.runs import checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder, find_run_to_resume
from minigan.training import gan, loop

SMALL = {"batch_size": 8, "width": 2, "latent_dim": 4, "log_every": 3}  # six steps an epoch
COMMAND = [sys.executable, "-m", "minigan", "train"]
NEW = [*COMMAND, "--data", "digits", "--batch-size", "8", "--width", "2", "--latent-dim", "4"]


def shapes(count=48):
    return mg.data.load("shapes", count=count)


def train(folder, saved=None, evaluation=None, **settings):
    trainer = loop.make_trainer(Config(**SMALL | settings), shapes())
    loop.train(trainer, folder, saved, evaluation)
    return trainer


def files(folder):
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}


ALIKE = ("scores.csv", "samples/real.png", "samples/epoch_0002.png", "curves.png")


def require_same_ending(folder, whole, *alike):
    """The same files, the same arrays, and the same bytes in the files `alike`, by default all but those with times."""
    assert files(folder) == files(whole)
    for path in whole.checkpoint_paths():
        one, other = checkpoint.load(path), checkpoint.load(folder.checkpoints / path.name)
        assert {name: array.tobytes() for name, array in one.arrays.items()} == {
            name: array.tobytes() for name, array in other.arrays.items()
        }
        assert one.random_state == other.random_state
    for name in alike or ALIKE:
        assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes(), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run of two epochs."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole") / "run")
    train(folder, epochs=2)
    return folder


class Killed(BaseException):
    """Stands for SIGKILL: nothing may run after it but what the operating system does."""


def killed_at(monkeypatch, owner, name, call=1):
    """Raise Killed in the given call of a function, once."""
    original, calls = getattr(owner, name), []

    def dying(*arguments, **named):
        calls.append(1)
        if len(calls) == call:
            raise Killed
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, dying)


# --- before the first checkpoint ---------------------------------------------------------------------------------


def before_the_lock(folder):
    shutil.rmtree(folder.checkpoints)
    folder.config_path.unlink()
    folder.metrics_path.unlink()
    (folder.samples / "real.png").unlink()


def with_temporary_files(folder):
    folder.config_path.unlink()
    folder.metrics_path.unlink()
    (folder.samples / "real.png").unlink()
    (folder.path / ".minigan-abc.json").write_text("{")
    (folder.checkpoints / ".tmpAbCdEf").write_bytes(bytes(100))


def in_the_first_epoch(folder):
    (folder.samples / ".minigan-abc.png").write_bytes(b"\x89PNG")


@pytest.mark.parametrize("state", [before_the_lock, with_temporary_files, in_the_first_epoch])
@pytest.mark.parametrize("how", ["out", "resume"])
def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path, monkeypatch, whole, state, how):
    folder = RunFolder.create(tmp_path / "run")
    with monkeypatch.context() as patch:
        killed_at(patch, loop.Trainer, "save")
        with pytest.raises(Killed):
            train(folder, epochs=2)
    assert folder.metrics_path.exists()
    state(folder)
    if how == "out":
        again, saved = RunFolder.create(folder.path, Config(**SMALL, epochs=2)), None
    elif folder.config_path.exists():
        again, saved, config = find_run_to_resume(folder.path)
        assert config == Config(**SMALL, epochs=2)
    else:
        with pytest.raises(UserError, match=r"expected the folder of a run, found no config.json"):
            find_run_to_resume(folder.path)
        return
    assert saved is None
    train(again, epochs=2)
    require_same_ending(again, whole)


@pytest.mark.parametrize(
    ("settings", "extra", "message"),
    [
        ({}, "notes.txt", "holds another run"),
        ({}, "samples/mine.png", "holds another run"),
        ({"width": 8}, None, "holds another run"),
        (None, "notes.txt", "expected a new or empty folder"),
        (None, "samples/mine.png", "expected a new or empty folder"),
        (None, "curves.png", "expected a new or empty folder"),
    ],
)
def test_another_folder_is_refused_as_before(tmp_path, settings, extra, message):
    folder = RunFolder.create(tmp_path / "run")
    if settings is not None:
        folder.write_config(Config(**SMALL | settings).to_dict())
    if extra is not None:
        (folder.path / extra).write_text("mine")
    before = files(folder)
    with pytest.raises(UserError, match=message):
        RunFolder.create(folder.path, Config(**SMALL))
    assert files(folder) == before


def test_a_run_that_another_process_began_meanwhile_is_not_begun_again(tmp_path):
    first, second = (RunFolder.create(tmp_path / "run", Config(**SMALL, max_steps=2)) for _ in range(2))
    train(first, max_steps=2)
    before = files(first)
    with pytest.raises(UserError, match="holds another run"):
        train(second, max_steps=2)
    assert files(first) == before


def test_a_start_that_fails_leaves_no_folder(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RunFolder, "write_config", full)
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(OSError, match="No space"):
        train(folder, max_steps=2)
    assert list(tmp_path.iterdir()) == []


def test_runs_that_start_at_once_have_folders_of_their_own(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: RunFolder.create_next(tmp_path / "runs" / "shapes"), range(8)))
    assert {folder.path.name for folder in folders} == {f"shapes-{number}" for number in range(1, 9)}
    assert all(folder.samples.is_dir() and folder.checkpoints.is_dir() for folder in folders)


# --- between a checkpoint and what belongs to it -----------------------------------------------------------------


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize(
    ("owner", "name"),
    [(gan.GanTrainer, "end_epoch"), (RunFolder, "append_scores"), (plots, "save_figure"), (RunFolder, "keep_newest")],
)
def test_a_run_killed_after_a_checkpoint_ends_like_an_uninterrupted_one(
    tmp_path, monkeypatch, whole, owner, name, call
):
    if name == "save_figure":
        call = 1
    folder = RunFolder.create(tmp_path / "run")
    with monkeypatch.context() as patch:
        killed_at(patch, owner, name, call)
        with pytest.raises(Killed):
            train(folder, epochs=2)
    (folder.checkpoints / ".tmpAbCdEf").write_bytes(bytes(100))
    (folder.path / ".minigan-abc.png").write_bytes(b"\x89PNG")
    saved = folder.latest_checkpoint()
    assert saved.step == (12 if name == "save_figure" else 6 * call)
    train(folder, saved, epochs=2)
    require_same_ending(folder, whole)


@pytest.mark.parametrize("stops", [[1], [6], [8], [2, 4, 11]])
def test_a_run_that_was_stopped_leaves_the_files_of_an_uninterrupted_one(tmp_path, monkeypatch, whole, stops):
    folder, saved = RunFolder.create(tmp_path / "run"), None
    for stop in [*stops, None]:
        with monkeypatch.context() as patch:
            if stop is not None:
                step = loop.Trainer.step

                def stopping(self, step=step, stop=stop):
                    step(self)
                    if self.step_count == stop:
                        os.kill(os.getpid(), signal.SIGINT)

                patch.setattr(loop.Trainer, "step", stopping)
                with pytest.raises(loop.Interrupted):
                    train(folder, saved, epochs=2)
            else:
                train(folder, saved, epochs=2)
        saved = folder.latest_checkpoint()
    require_same_ending(folder, whole, "scores.csv", "samples/real.png", "samples/epoch_0002.png")


def test_the_best_checkpoint_is_kept_after_a_kill(tmp_path, monkeypatch):
    class Evaluation:
        def end_epoch(self, trainer, epoch, earlier):
            return {"score": float(epoch)}, epoch == 1

    folder = RunFolder.create(tmp_path / "run")
    settings = {"epochs": 2, "evaluate_every": 1, "classifier": "unused"}
    with monkeypatch.context() as patch:
        killed_at(patch, gan.GanTrainer, "end_epoch")
        with pytest.raises(Killed):
            train(folder, evaluation=Evaluation(), **settings)
    assert not folder.best_path.exists()
    train(folder, folder.latest_checkpoint(), Evaluation(), **settings)
    assert checkpoint.load(folder.best_path).step == 6
    assert folder.read_scores()["score"].tolist() == [1, 2]


# --- damaged files -----------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path, whole):
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(whole.path, folder.path)
    return folder


@pytest.mark.parametrize("damage", [b"", bytes(1000), "cut", "flipped"])
def test_a_damaged_checkpoint_is_skipped_and_named(damaged, whole, damage):
    newest = damaged.checkpoint_paths()[-1]
    content = newest.read_bytes()
    if damage == "cut":
        damage = content[: len(content) // 2]
    elif damage == "flipped":
        damage = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    newest.write_bytes(damage)
    with pytest.warns(UserWarning, match=r"step_00000006.safetensors is used: .*step_00000012.safetensors: ") as caught:
        saved = damaged.latest_checkpoint()
    assert "\n" not in str(caught[0].message)
    train(damaged, saved, epochs=2)
    require_same_ending(damaged, whole)


def test_if_no_checkpoint_is_whole_the_newest_is_named(damaged):
    for path in damaged.checkpoint_paths():
        path.write_bytes(b"")
    with pytest.raises(
        CheckpointError, match=r"step_00000012.safetensors: expected a checkpoint that is not cut short"
    ):
        damaged.latest_checkpoint()


@pytest.mark.parametrize("damage", [None, b"", bytes(300), b'{"width": ', b"[]", b"[" * 100_000, b"9" * 5000])
def test_a_damaged_config_is_taken_from_the_checkpoint(damaged, whole, damage):
    expected = whole.read_config()
    if damage is None:
        damaged.config_path.unlink()
    else:
        damaged.config_path.write_bytes(damage)
    with pytest.warns(UserWarning, match=r"config.json.*; the settings in step_00000012.safetensors are used"):
        assert damaged.read_config()["dataset"] == expected["dataset"]
    with pytest.warns(UserWarning, match="are used"):
        folder, saved, config = find_run_to_resume(damaged.path)
    assert config == Config.from_dict(expected)
    train(folder, saved, epochs=3)
    assert json.loads(damaged.config_path.read_text())["epochs"] == 3


def test_a_log_without_its_header_is_kept(damaged):
    lines = damaged.metrics_path.read_text().splitlines(True)
    damaged.metrics_path.write_text("".join(lines[1:]))
    assert damaged.read_metrics()["step"].tolist() == []
    with pytest.warns(UserWarning, match=r"the file is now damaged_metrics.csv"):
        train(damaged, damaged.latest_checkpoint(), epochs=3)
    assert (damaged.path / "damaged_metrics.csv").read_text() == "".join(lines[1:])
    assert damaged.read_metrics()["step"].tolist() == [15, 18]


# --- what is only shown --------------------------------------------------------------------------------------------


def broken(*_, **__):
    raise OSError(errno.EIO, "broken")


@pytest.mark.parametrize("name", ["save_image", "save_figure"])
def test_an_image_that_cannot_be_written_does_not_end_a_training(tmp_path, monkeypatch, name):
    monkeypatch.setattr(plots, name, broken)
    folder = RunFolder.create(tmp_path / "run")
    with pytest.warns(UserWarning, match=r"not written \(.*broken\); the training continues"):
        train(folder, max_steps=6)
    assert folder.latest_checkpoint().step == 6
    assert folder.read_scores()["step"].tolist() == [6]


def test_equal_images_have_no_diversity_and_train_all_the_same(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    data = shapes(16)
    data.images[...] = 255
    trainer = loop.make_trainer(Config(**SMALL, epochs=2), data)
    with pytest.warns(UserWarning, match="all equal, so samples have no diversity") as caught:
        loop.train(trainer, folder)
    assert len([w for w in caught if "diversity" in str(w.message)]) == 1
    assert [path.stem for path in folder.checkpoint_paths()] == ["step_00000002", "step_00000004"]
    assert {name: values.tolist() for name, values in folder.read_scores().items()} == {
        "step": [2, 4], "epoch": [1, 2],
    }  # fmt: skip


def test_a_score_that_is_not_defined_does_not_end_a_training(tmp_path):
    class Evaluation:
        def end_epoch(self, trainer, epoch, earlier):
            raise ValueError("expected images that differ")

    folder = RunFolder.create(tmp_path / "run")
    with pytest.warns(UserWarning, match=r"epoch 1: not scored \(ValueError: expected images that differ\)"):
        train(folder, evaluation=Evaluation(), max_steps=6, evaluate_every=1, classifier="unused")
    assert folder.latest_checkpoint().step == 6


BROKEN_STREAMS = {
    "closed": "{command} >&- 2>&-",
    "full": "{command} >/dev/full 2>/dev/full",
    "reader leaves": "{command} 2>&1 | head -c 30 >/dev/null",
}


@posix
@pytest.mark.parametrize("how", BROKEN_STREAMS)
def test_a_broken_display_does_not_end_a_training(tmp_path, how):
    """A classifier, which prints a line after each epoch as well."""
    out = tmp_path / "run"
    settings = "--model classifier --log-every 1 --batch-size 300 --epochs 2 --width 2"
    command = f"{sys.executable} -m minigan train --data digits {settings} --out {out}"
    line = BROKEN_STREAMS[how].format(command=command)
    subprocess.run(line, shell=True, timeout=120, check=False)
    folder = RunFolder(out)
    assert len(folder.read_scores()["test_accuracy"]) == 2
    assert folder.latest_checkpoint().step == folder.read_scores()["step"][-1]
    assert (out / "curves.png").exists()


@posix
@pytest.mark.parametrize("signals", [["SIGHUP"], ["SIGHUP", "SIGHUP"], ["SIGTERM", "SIGHUP"], ["SIGHUP", "SIGTERM"]])
def test_a_lost_terminal_saves_the_run(tmp_path, monkeypatch, signals):
    folder, step = RunFolder.create(tmp_path / "run"), loop.Trainer.step

    def stopping(self):
        step(self)
        if self.step_count == 2:
            for name in signals:
                os.kill(os.getpid(), getattr(signal, name))

    monkeypatch.setattr(loop.Trainer, "step", stopping)
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with pytest.raises(loop.Interrupted):
            train(folder, epochs=2)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert folder.latest_checkpoint().step == 2


@posix
def test_a_hang_up_that_is_ignored_stays_ignored(tmp_path, monkeypatch):
    """Under nohup, a run outlives its terminal."""
    folder, step = RunFolder.create(tmp_path / "run"), loop.Trainer.step

    def hung_up(self):
        step(self)
        os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(loop.Trainer, "step", hung_up)
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        train(folder, max_steps=3)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert folder.latest_checkpoint().step == 3


# --- the folder and its file system --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
@posix
def test_a_file_system_without_locks_is_trained_on_with_a_warning(tmp_path, monkeypatch, code):
    import fcntl

    def refuse(*_):
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = RunFolder.create(tmp_path / "run")
    with pytest.warns(UserWarning, match="the file system has no locks"):
        train(folder, max_steps=2)
    assert folder.latest_checkpoint().step == 2


@posix
@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_deleted_while_it_is_trained_stops_the_run(tmp_path, monkeypatch, replaced):
    folder, step = RunFolder.create(tmp_path / "run"), loop.Trainer.step

    def deleting(self):
        step(self)
        if self.step_count == 2:
            shutil.rmtree(folder.path)
            if replaced:
                RunFolder.create(folder.path).write_config(Config(**SMALL).to_dict())
                folder.lock_path.write_text("")

    monkeypatch.setattr(loop.Trainer, "step", deleting)
    with pytest.raises(UserError, match=r"run: the run's folder was (deleted|replaced)") as caught:
        train(folder, epochs=2)
    assert "\n" not in str(caught.value)
    assert ("replaced" in str(caught.value)) == replaced
    assert folder.path.exists() == replaced
    assert not folder.checkpoint_paths()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": tuple("abcdefghij")}, "class_names"),
        ({"images": np.zeros((48, 16, 16, 3), np.uint8)}, "image_shape"),
        ({"name": "other"}, "name"),
    ],
)
def test_other_data_are_refused_at_a_reload(whole, change, message):
    from dataclasses import replace

    trainer = loop.make_trainer(Config(**SMALL, epochs=3), shapes())
    trainer.dataset = replace(shapes(), **change)
    with pytest.raises(CheckpointError, match=f"was trained on data with {message} .* has {message} ") as caught:
        trainer.load(whole.latest_checkpoint())
    assert "\n" not in str(caught.value)


@posix
def test_killed_at_the_start_and_started_again_by_the_same_command(tmp_path):
    """A real SIGKILL, as soon as the folder is there."""
    out = tmp_path / "run"
    command = [*NEW, "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not out.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not RunFolder(out).checkpoint_paths(), "the kill came too late for this test"
    done = subprocess.run([*command, "--max-steps", "3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert RunFolder(out).latest_checkpoint().step == 3
