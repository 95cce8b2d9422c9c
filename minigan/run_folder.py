"""A run is a folder: config.json, metrics.csv, samples/epoch_0001.png, checkpoints/step_00000100.safetensors."""

import csv
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minigan import checkpoint
from minigan.errors import CheckpointError, UserError
from minigan.files import remove_leftovers, replacing

COLUMNS = (
    "step",
    "epoch",
    "loss_d",
    "loss_g",
    "d_x",
    "d_g_z",
    "accuracy_real",
    "accuracy_fake",
    "images_per_second",
)


class RunFolder:
    """The files of one run. Nothing in it is overwritten but by the run itself."""

    def __init__(self, path):
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.metrics_path = self.path / "metrics.csv"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"

    @classmethod
    def create(cls, path):
        """A new run in `path`. Raises UserError where another run, or anything else, is there."""
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
    def open(cls, path):
        """The run in `path`. Raises UserError where there is none."""
        folder = cls(path)
        if not folder.config_path.is_file():
            raise UserError(f"{path}: expected the folder of a run, found no config.json in it")
        return folder

    @contextmanager
    def locked(self):
        """Held while a run is trained: two processes in one folder would overwrite each other's files.

        Raises UserError where another process holds it. The system releases it however a process ends.
        """
        try:
            import fcntl
        except ImportError:  # Windows has no flock; there it is up to the user
            yield
            return
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.path}: another process is training this run; stop it first") from None
            yield

    def write_config(self, config):
        with replacing(self.config_path) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def read_config(self):
        try:
            config = json.loads(self.config_path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{self.config_path}: expected JSON as minigan wrote it ({error})") from None
        if not isinstance(config, dict):
            raise UserError(f"{self.config_path}: expected the settings of a run, got {config!r}")
        return config

    # --- metrics -------------------------------------------------------------------------------------------

    def append_metrics(self, row):
        """One line of metrics.csv; the header comes first."""
        new = not self.metrics_path.exists() or self.metrics_path.stat().st_size == 0
        with self.metrics_path.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(row)

    def read_metrics(self):
        """metrics.csv as {column: float array}. Lines that are damaged, as a kill leaves the last one, are left out."""
        rows = self._metrics_rows()
        return {name: np.array([float(row[name]) for row in rows]) for name in COLUMNS}

    def forget_metrics_after(self, step):
        """Drop the rows of steps that a killed run took after its last checkpoint: they are taken again."""
        if self.metrics_path.exists():
            rows = [row for row in self._metrics_rows() if float(row["step"]) <= step]
            with replacing(self.metrics_path) as temporary, temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)

    def _metrics_rows(self):
        if not self.metrics_path.exists():
            return []
        with self.metrics_path.open(newline="", encoding="utf-8", errors="replace") as file:
            return [row for row in csv.DictReader(file) if _is_whole(row)]

    # --- checkpoints ---------------------------------------------------------------------------------------

    def checkpoint_path(self, step):
        return self.checkpoints / f"step_{step:08d}.safetensors"

    def checkpoint_paths(self):
        """All checkpoints, oldest first."""
        return sorted(self.checkpoints.glob("step_*.safetensors"))

    def latest_checkpoint(self):
        paths = self.checkpoint_paths()
        if not paths:
            raise CheckpointError(
                f"{self.path}: expected a checkpoint in {self.checkpoints}, found none: the run had not come to its "
                "first; delete the folder and start again"
            )
        return checkpoint.load(paths[-1])

    def keep_newest(self, count, step):
        """Delete all checkpoints but the newest `count` up to `step`.

        Those of later steps are of a run that was taken back to an older checkpoint: `step` is where it is now.
        """
        current = [path for path in self.checkpoint_paths() if path <= self.checkpoint_path(step)]
        for path in set(self.checkpoint_paths()) - set(current[-count:]):
            path.unlink()

    def remove_leftovers(self):
        remove_leftovers(self.path)

    def epoch_samples(self, epoch):
        return self.samples / f"epoch_{epoch:04d}.png"


def _is_whole(row):
    try:
        return all(np.isfinite(float(row[name])) for name in COLUMNS)
    except (KeyError, TypeError, ValueError):
        return False
