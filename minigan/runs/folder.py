"""A run is a folder: its settings, logs, samples and checkpoints.

config.json, metrics.csv (a row every few steps), scores.csv (a row every epoch), samples/epoch_0001.png,
checkpoints/step_00000100.safetensors and, if the run is evaluated while it is trained, checkpoints/best.safetensors.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.errors import CheckpointError, UserError
from minigan.files import remove_leftovers, replacing
from minigan.runs import checkpoint
from minigan.runs.checkpoint import Checkpoint, with_current_names
from minigan.runs.csv_log import CsvLog


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
        self._metrics, self._scores = CsvLog(self.metrics_path), CsvLog(self.scores_path)

    @classmethod
    def create(cls, path: str | Path) -> "RunFolder":
        """Create the folder of a new run. Raises UserError if `path` is a file or a folder with files in it."""
        folder = cls(path)
        if folder.path.exists() and not folder.path.is_dir():
            raise UserError(f"--out {path}: expected a folder, found a file; give another --out")
        if folder.config_path.exists():
            raise UserError(
                f"--out {path}: holds another run; continue it with `minigan train --resume {path}`, "
                "or give another --out"
            )
        if folder.path.exists() and any(folder.path.iterdir()):
            raise UserError(f"--out {path}: expected a new or empty folder, found files in it; give another --out")
        folder.samples.mkdir(parents=True)
        folder.checkpoints.mkdir()
        return folder

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """The folder of an existing run. Raises UserError if there is no run in `path`."""
        folder = cls(path)
        if not folder.config_path.is_file():
            raise UserError(f"{path}: expected the folder of a run, found no config.json in it")
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's lock while it is trained, so that two processes never write to one folder.

        Raises UserError if another process holds it. The operating system releases the lock when a process ends, even
        if it is killed.
        """
        try:
            import fcntl
        except ImportError:  # Windows has no flock: there, the user must take care
            yield
            return
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.path}: another process is training this run; stop it first") from None
            yield

    def write_config(self, config: Mapping[str, Any]) -> None:
        with replacing(self.config_path) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def read_config(self) -> dict[str, Any]:
        """config.json. Raises UserError if it is damaged."""
        try:
            config = json.loads(self.config_path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{self.config_path}: expected JSON as minigan writes it ({error})") from None
        if not isinstance(config, dict):
            raise UserError(f"{self.config_path}: expected the settings of a run, got {config!r}")
        return with_current_names(config)

    def remove_leftovers(self) -> None:
        """Delete the temporary files of a process that was killed while writing."""
        remove_leftovers(self.path)

    def epoch_samples(self, epoch: int) -> Path:
        """The image file for the samples of an epoch."""
        return self.samples / f"epoch_{epoch:04d}.png"

    # --- logs ----------------------------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Write a row of metrics.csv: {column: number or formatted number}."""
        self._metrics.append(row)

    def append_scores(self, row: Mapping[str, Any]) -> None:
        """Write a row of scores.csv: {column: number or formatted number}."""
        self._scores.append(row)

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

    def latest_checkpoint(self) -> Checkpoint:
        """Load the newest checkpoint. Raises CheckpointError if there is none, or if it is damaged."""
        paths = self.checkpoint_paths()
        if not paths:
            raise CheckpointError(
                f"{self.path}: expected a checkpoint in {self.checkpoints}, found none: the run stopped before its "
                "first one; delete the folder and start again"
            )
        return checkpoint.load(paths[-1])

    def keep_newest(self, count: int, step: int) -> None:
        """Delete all checkpoints but the newest `count` up to `step`, the run's current step.

        Checkpoints of later steps exist if the run was resumed from an older one; they are deleted as well.
        """
        current = [path for path in self.checkpoint_paths() if path <= self.checkpoint_path(step)]
        for path in set(self.checkpoint_paths()) - set(current[-count:]):
            path.unlink()


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
