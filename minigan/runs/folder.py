"""A run is a folder: its settings, logs, samples and checkpoints.

config.json, metrics.csv (a row every few steps), scores.csv (a row every epoch), samples/epoch_0001.png,
checkpoints/step_00000100.safetensors and, if the run is evaluated while it is trained, checkpoints/best.safetensors.
"""

import errno
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.errors import CheckpointError, UserError
from minigan.files import TEMPORARY, remove_leftovers, replacing, sync
from minigan.foreign import read_json
from minigan.runs import checkpoint
from minigan.runs.checkpoint import Checkpoint
from minigan.runs.config import Config
from minigan.runs.csv_log import CsvLog
from minigan.runs.metadata import require_dataset, with_current_names

SAFETENSORS_TEMPORARY = ".tmp"  # prefix of the names of files that safetensors has not finished
TEMPORARIES = (TEMPORARY, SAFETENSORS_TEMPORARY)

# A file system without locks reports one of these, such as some network file systems.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


class _Damaged(UserError):
    """config.json is no dictionary in JSON."""


class RunFolder:
    """The files of one run. Only the run itself overwrites any of them."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.metrics_path = self.path / "metrics.csv"
        self.scores_path = self.path / "scores.csv"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.best_path = self.checkpoints / "best.safetensors"
        self.lock_path = self.path / ".lock"
        self._metrics, self._scores = CsvLog(self.metrics_path), CsvLog(self.scores_path)
        self._is_new = False  # whether this object has made the folder
        self._is_trained = False  # whether this object is in locked()
        self._locked: tuple[int, int] | None = None  # device and inode of the file that is locked

    @classmethod
    def create(cls, path: str | Path, config: Config | None = None) -> "RunFolder":
        """Create the folder of a new run.

        What a run of the same settings left behind that was killed before its first checkpoint is accepted: it starts
        again. Raises UserError if `path` is a file, another run, or a folder with other files in it.
        """
        folder = cls(path)
        if folder.path.exists() and not folder.path.is_dir():
            raise UserError(f"--out {path}: expected a folder, found a file; give another --out")
        folder.require_unbegun(config)
        folder._is_new = not folder.path.exists()
        folder._make()
        return folder

    @classmethod
    def create_next(cls, name: str | Path) -> "RunFolder":
        """Create the folder of a new run: the first of NAME-1, NAME-2, ... that does not exist.

        Each of two processes that do so at the same time gets a folder of its own.
        """
        number = 1
        while True:
            folder = cls(f"{name}-{number}")
            folder.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.path.mkdir()
            except FileExistsError:
                number += 1
                continue
            folder._is_new = True
            folder._make()
            return folder

    def _make(self) -> None:
        try:
            for path in (self.path, self.samples, self.checkpoints):
                path.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.discard()
            raise
        sync(self.path)
        sync(self.path.parent)

    def discard(self) -> None:
        """Remove the folder of a run that could not be started, if this object has made it and it holds nothing."""
        if self._is_new:
            self.lock_path.unlink(missing_ok=True)
            for path in (self.samples, self.checkpoints, self.path):
                with suppress(OSError):  # not empty, or not there
                    path.rmdir()

    def require_unbegun(self, config: Config | None) -> None:
        """Raise UserError if the folder holds anything but what a run leaves that was killed before its first
        checkpoint, and whose settings were `config`.
        """
        own = {self.lock_path, self.samples, self.checkpoints}
        if self.config_path.exists():
            own |= {self.config_path, self.metrics_path, self.samples / "real.png"}
        found = self.path.rglob("*") if self.path.exists() else ()
        others = [path for path in found if path not in own and not path.name.startswith(TEMPORARIES)]
        if self.config_path.exists() and (others or config is None or not self._has_settings(config)):
            raise UserError(
                f"--out {self.path}: holds another run; continue it with `minigan train --resume {self.path}`, "
                "or give another --out"
            )
        if others:
            raise UserError(f"--out {self.path}: expected a new or empty folder, found files in it; give another --out")

    def _has_settings(self, config: Config) -> bool:
        try:
            config.require_same_run(Config.from_dict(self._read_config_file()), self.config_path)
        except UserError:
            return False
        return True

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """The folder of an existing run. Raises UserError if there is no run in `path`."""
        folder = cls(path)
        if not folder.config_path.is_file() and not folder.checkpoint_paths():
            raise UserError(f"{path}: expected the folder of a run, found no config.json in it")
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's lock while it is trained, so that two processes never write to one folder.

        Raises UserError if another process holds it. The operating system releases the lock when a process ends, even
        if it is killed. Warns if the file system has no locks.
        """
        with self.lock_path.open("w") as file:
            self._lock(file.fileno())
            self._is_trained = True
            try:
                yield
            finally:
                self._is_trained, self._locked = False, None

    def _lock(self, handle: int) -> None:
        try:
            import fcntl
        except ImportError:  # Windows has no flock: there, the user must take care
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{self.path}: another process is training this run; stop it first") from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warnings.warn(
                f"{self.lock_path}: the file system has no locks ({error.strerror}), so nothing stops a second process "
                "from training this run at the same time",
                stacklevel=2,
            )
        else:
            found = os.fstat(handle)
            self._locked = found.st_dev, found.st_ino

    def require_present(self) -> None:
        """Raise UserError if the folder was deleted or moved while it is locked, or another one stands in its place.

        To be called before a file is written: that would make the folder again, with a part of the run.
        """
        if not self._is_trained:
            return
        if not self.path.is_dir() or not (self.lock_path.exists() or self.config_path.exists()):
            raise UserError(f"{self.path}: the run's folder was deleted or moved while it was trained; it stops here")
        if self._locked is not None and self.lock_path.exists():
            found = self.lock_path.stat()
            if (found.st_dev, found.st_ino) != self._locked:
                raise UserError(
                    f"{self.path}: the run's folder was replaced by another one while it was trained; it stops here"
                )

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.json, if its content changes."""
        text = json.dumps(config, indent=2) + "\n"
        if self.config_path.is_file() and self.config_path.read_bytes() == text.encode():
            return
        with replacing(self.config_path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def read_config(self) -> dict[str, Any]:
        """config.json.

        If it is missing or no JSON, the settings are those of the newest checkpoint that is whole, with a warning.
        Raises UserError if there is none, and for a setting of another type or out of range.
        """
        try:
            return self._read_config_file()
        except (_Damaged, FileNotFoundError) as error:
            damage = error
        for path in reversed(self.checkpoint_paths()):
            with suppress(CheckpointError):
                config = checkpoint.load(path).config
                reason = damage if isinstance(damage, _Damaged) else f"{self.config_path} is missing"
                warnings.warn(f"{reason}; the settings in {path.name} are used", stacklevel=2)
                return config
        raise damage

    def _read_config_file(self) -> dict[str, Any]:
        config = read_json(self.config_path, "JSON, the settings of a run", error=_Damaged)
        if not isinstance(config, dict):
            raise _Damaged(f"{self.config_path}: expected the settings of a run, got a {type(config).__name__}")
        config = with_current_names(config)
        try:
            Config.from_dict(config)
            if "dataset" in config:
                require_dataset(config["dataset"])
        except UserError as error:
            raise UserError(f"{self.config_path}: {error}") from None
        return config

    def remove_leftovers(self) -> None:
        """Delete the temporary files of a process that was killed while writing, those of safetensors as well."""
        remove_leftovers(self.path)
        remove_leftovers(self.checkpoints, SAFETENSORS_TEMPORARY)

    def epoch_samples(self, epoch: int) -> Path:
        """The image file for the samples of an epoch."""
        return self.samples / f"epoch_{epoch:04d}.png"

    # --- logs ----------------------------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Write a row of metrics.csv: {column: number or formatted number}."""
        self.require_present()
        self._metrics.append(row)

    def append_scores(self, row: Mapping[str, Any]) -> None:
        """Write a row of scores.csv: {column: number or formatted number}."""
        self.require_present()
        self._scores.append(row)

    def sync_logs(self) -> None:
        """Wait until the rows of both logs are on the disk: before a checkpoint of a later step is."""
        for log in (self._metrics, self._scores):
            log.sync()

    def read_metrics(self) -> dict[str, npt.NDArray[np.float64]]:
        """metrics.csv as {column: float64 array (rows,)}; damaged rows are skipped."""
        return self._metrics.read()

    def read_scores(self) -> dict[str, npt.NDArray[np.float64]]:
        """scores.csv as {column: float64 array (rows,)}, NaN for a score that an epoch does not have."""
        return self._scores.read(gaps=True)

    def drop_rows_after(self, step: int) -> None:
        """Delete the log rows of steps after the checkpoint that the run is resumed from: they are computed again."""
        for log in (self._metrics, self._scores):
            log.drop_after(step)

    # --- checkpoints ---------------------------------------------------------------------------------------

    def checkpoint_path(self, step: int) -> Path:
        return self.checkpoints / f"step_{step:08d}.safetensors"

    def checkpoint_paths(self) -> list[Path]:
        """All checkpoints but the best one, oldest first."""
        return sorted(self.checkpoints.glob("step_*.safetensors"))

    def has_later_checkpoints(self, step: int) -> bool:
        return any(path > self.checkpoint_path(step) for path in self.checkpoint_paths())

    def latest_checkpoint(self) -> Checkpoint:
        """Load the newest checkpoint that is whole, with a warning about newer ones that are damaged.

        Raises CheckpointError if there is none.
        """
        paths = self.checkpoint_paths()
        if not paths:
            raise CheckpointError(
                f"{self.path}: expected a checkpoint in {self.checkpoints}, found none: the run stopped before its "
                f"first one; start it again with minigan train --resume {self.path}"
            )
        damages = []
        for path in reversed(paths):
            try:
                saved = checkpoint.load(path)
            except CheckpointError as error:
                damages.append(error)
                continue
            for damage in damages:
                warnings.warn(f"skipped, and {path.name} is used: {damage}", stacklevel=2)
            return saved
        raise damages[0]

    def keep_newest(self, count: int, step: int, without: int | None = None) -> None:
        """Delete all checkpoints but the newest `count` up to `step`, the run's current step.

        Checkpoints of later steps exist if the run was resumed from an older one; they are deleted as well, and so is
        that of the step `without`.
        """
        surplus = None if without is None or without == step else self.checkpoint_path(without)
        current = [path for path in self.checkpoint_paths() if path <= self.checkpoint_path(step) and path != surplus]
        for path in set(self.checkpoint_paths()) - set(current[-count:]):
            path.unlink()


def find_run_to_resume(path: str | Path) -> tuple[RunFolder, Checkpoint | None, Config]:
    """(folder, checkpoint, settings) of a run that is continued; path: as in find_checkpoint().

    The checkpoint is None if the run stopped before its first one: it starts again.
    Raises UserError if there is no run, or if config.json and the checkpoint contradict each other.
    """
    if Path(path).suffix != ".safetensors":
        folder = RunFolder.open(path)
        if not folder.checkpoint_paths():
            return folder, None, Config.from_dict(folder.read_config())
    saved, folder_path = find_checkpoint(path)
    folder = RunFolder.open(folder_path)
    config = Config.from_dict(folder.read_config())
    Config.from_dict(saved.config).require_same_run(config, folder.config_path)
    saved.require_architecture()
    return folder, saved, config


def find_checkpoint(path: str | Path, which: str = "last") -> tuple[Checkpoint, Path]:
    """Load a checkpoint, and say which folder its run is in.

    path: the folder of a run, or a checkpoint's file; which: "last" or "best", if it is a folder. The folder of a file
    in checkpoints/ is the one above; that of any other file is the one it is in.
    Raises UserError if there is no run, CheckpointError if there is no such checkpoint.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        parent = path.resolve().parent  # of the file itself, even if `path` is relative or a link
        return checkpoint.load(path), parent.parent if parent.name == "checkpoints" else parent
    run = RunFolder.open(path)
    if which == "last":
        return run.latest_checkpoint(), run.path
    if not run.best_path.exists():
        raise CheckpointError(
            f"{run.best_path}: expected the best checkpoint, found none: only a run that is trained with "
            "--evaluate-every keeps it; use --checkpoint last"
        )
    return checkpoint.load(run.best_path), run.path
