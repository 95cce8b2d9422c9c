"""A run is a folder: config.json, metrics.csv, samples/epoch_0001.png, checkpoints/step_00000100.safetensors."""

import csv
import json
from pathlib import Path

from minigan import checkpoint
from minigan.errors import CheckpointError, UserError
from minigan.files import replacing

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
        """A new run in `path`. Raises UserError where another run, or a file, is there."""
        folder = cls(path)
        if folder.path.exists() and not folder.path.is_dir():
            raise UserError(f"--out {path}: expected a folder, found a file; give another --out")
        if folder.config_path.exists() or folder.checkpoints.exists() or folder.metrics_path.exists():
            raise UserError(
                f"--out {path}: holds another run; continue it with `minigan train --resume {path}`, "
                "or give another --out"
            )
        folder.samples.mkdir(parents=True, exist_ok=True)
        folder.checkpoints.mkdir(exist_ok=True)
        return folder

    @classmethod
    def open(cls, path):
        """The run in `path`. Raises UserError where there is none."""
        folder = cls(path)
        if not folder.config_path.is_file():
            raise UserError(f"{path}: expected the folder of a run, found no config.json in it")
        return folder

    def write_config(self, config):
        with replacing(self.config_path) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def read_config(self):
        try:
            return json.loads(self.config_path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{self.config_path}: expected JSON as minigan wrote it ({error})") from None

    # --- metrics -------------------------------------------------------------------------------------------

    def append_metrics(self, row):
        """One line of metrics.csv; the header comes first."""
        new = not self.metrics_path.exists()
        with self.metrics_path.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(row)

    def forget_metrics_after(self, step):
        """Drop the rows of steps that a killed run took after its last checkpoint: they are taken again."""
        if not self.metrics_path.exists():
            return
        with self.metrics_path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if _whole(row) and int(row["step"]) <= step]
        with replacing(self.metrics_path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    # --- checkpoints ---------------------------------------------------------------------------------------

    def checkpoint_path(self, step):
        return self.checkpoints / f"step_{step:08d}.safetensors"

    def checkpoint_paths(self):
        """All checkpoints, oldest first."""
        return sorted(self.checkpoints.glob("step_*.safetensors"))

    def latest_checkpoint(self):
        paths = self.checkpoint_paths()
        if not paths:
            raise CheckpointError(f"{self.path}: expected a checkpoint in {self.checkpoints}, found none")
        return checkpoint.load(paths[-1])

    def keep_newest(self, count):
        for path in self.checkpoint_paths()[:-count]:
            path.unlink()

    def remove_leftovers(self):
        """Delete the half-written file that a killed run may have left."""
        for path in self.checkpoints.glob(".step_*"):
            path.unlink()

    def epoch_samples(self, epoch):
        return self.samples / f"epoch_{epoch:04d}.png"


def _whole(row):
    # A kill can leave half a line at the end.
    return None not in row and None not in row.values() and row["step"].isdigit()
