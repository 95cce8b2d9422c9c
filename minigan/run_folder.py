"""A run is a folder.

config.json, metrics.csv (every few steps), scores.csv (every epoch), samples/epoch_0001.png,
checkpoints/step_00000100.safetensors and, where the run is evaluated while it trains, checkpoints/best.safetensors.
"""

import csv
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minigan import checkpoint
from minigan.errors import CheckpointError, UserError
from minigan.files import remove_leftovers, replacing


class RunFolder:
    """The files of one run. Nothing in it is overwritten but by the run itself."""

    def __init__(self, path):
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.metrics_path = self.path / "metrics.csv"  # every few steps
        self.scores_path = self.path / "scores.csv"  # every epoch
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.best_path = self.checkpoints / "best.safetensors"

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
        _append(self.metrics_path, row)

    def append_scores(self, row):
        """One line of scores.csv."""
        _append(self.scores_path, row)

    def read_metrics(self):
        """metrics.csv as {column: float array}. Lines that are damaged, as a kill leaves the last one, are left out."""
        return _columns(self.metrics_path)

    def read_scores(self):
        """scores.csv as {column: float array}; NaN where an epoch has no such score."""
        return _columns(self.scores_path, gaps=True)

    def forget_metrics_after(self, step):
        """Drop the rows of steps that a killed run took after its last checkpoint: they are taken again."""
        for path in (self.metrics_path, self.scores_path):
            if path.exists():
                header, rows = _rows(path)
                kept = [row for row in rows if float(row["step"]) <= step]
                if kept:
                    _write(path, header, kept)
                else:  # the header may be damaged as well
                    path.unlink()

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


def find_checkpoint(path, which="last"):
    """(Checkpoint, folder) of a run's folder, its last checkpoint or its best, or of one checkpoint's file.

    Raises UserError where there is none.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        return checkpoint.load(path), path.parent.parent if path.parent.name == "checkpoints" else path.parent
    run = RunFolder.open(path)
    if which == "last":
        return run.latest_checkpoint(), run.path
    if not run.best_path.exists():
        raise CheckpointError(
            f"{run.best_path}: expected the best checkpoint, found none: it is kept where a run is trained with "
            "--evaluate-every; take --checkpoint last"
        )
    return checkpoint.load(run.best_path), run.path


def _append(path, row):
    """One line of a CSV file. Where a run goes on with other columns, the file is written anew with all of them."""
    columns = _header(path)
    if not set(row) <= set(columns):
        rows = _rows(path)[1]
        columns = list(dict.fromkeys([*columns, *row]))
        _write(path, columns, rows)
    with path.open("a", newline="") as file:
        csv.DictWriter(file, columns).writerow(row)


def _write(path, columns, rows):
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _header(path):
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return next(csv.reader(file), [])


def _columns(path, gaps=False):
    header, rows = _rows(path)
    rows = rows if gaps else [row for row in rows if "" not in row.values()]
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in header or ("step", "epoch")}


def _rows(path):
    """(columns, whole lines) of a CSV file; nothing where there is none."""
    if not path.exists():
        return [], []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or ()), [row for row in reader if _is_whole(row, reader.fieldnames)]


def _is_whole(row, columns):
    """A line with a step and as many numbers as the header has names; a score that was not taken is empty."""
    try:
        numbers = [float(row[name]) for name in columns if row[name] != ""]
        return None not in row and row["step"] != "" and bool(np.isfinite(numbers).all())
    except (KeyError, TypeError, ValueError):
        return False
