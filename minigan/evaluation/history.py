"""The history of a run, for its diagnosis: curves and scores, on scales that all objectives share."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.errors import UserError
from minigan.evaluation.scores_file import read_scores_file
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder

Curve = npt.NDArray[np.float64]  # (rows,)

MAX_STEP = 10**15
MIN_ROWS = 20  # of metrics.csv: the last quarter then has 5 rows, enough for a median
RECENT = 1 / 4  # the share of the rows, at the end of the run, whose medians are reported: they average out batch noise
COLUMNS = "step epoch loss_d loss_g d_x d_g_z accuracy_real accuracy_fake gradient_d gradient_g".split()


class RunHistory:
    """The curves and scores that a run left behind.

    path: the run's folder. config, objective: the run's. metrics, scores: metrics.csv and scores.csv as
    {column: values}. report: scores.json, which `minigan evaluate` writes, or None. start: the row where the last
    quarter of the run begins.
    Raises UserError for the run of a classifier, and for files that are damaged or too short.
    """

    def __init__(self, path: str | Path) -> None:
        folder = RunFolder.open(path)
        self.config = Config.from_dict(folder.read_config())
        if self.config.is_classifier:
            raise UserError(f"{path}: expected the run of a generator, found a classifier's")
        self.objective = self.config.make_objective()
        if self.objective.balance == 0:
            raise UserError(
                f"{path}: --targets {self.config.targets}: real and generated images have the same target, so the "
                "discriminator has nothing to learn"
            )
        self.metrics = _read_metrics(folder)
        self.scores = folder.read_scores()
        self.report = read_scores_file(folder.path / "scores.json")
        self.start = math.floor(len(self.metrics["step"]) * (1 - RECENT))

    def recent(self, column: str) -> float:
        """The median of a column over the last quarter of the run."""
        return float(np.median(self.metrics[column][self.start :]))

    @property
    def recent_steps(self) -> tuple[int, int]:
        """The first and the last step of the last quarter."""
        return int(self.metrics["step"][self.start]), int(self.metrics["step"][-1])

    @property
    def relative_loss(self) -> float:
        """The discriminator's loss, with 0 for the smallest possible one, and 1 for balance, where D can only guess.

        (L_D − L_min) / (L_balance − L_min)
        """
        smallest = self.objective.smallest_loss
        return (self.recent("loss_d") - smallest) / (self.objective.balance - smallest)

    @property
    def accuracy(self) -> float:
        """The mean accuracy on real and on generated images: 0.5 is guessing, even if D gives one answer to all."""
        return (self.recent("accuracy_real") + self.recent("accuracy_fake")) / 2

    def relative_output(self, column: str) -> Curve:
        """The curve of D(x) or D(G(z)), with 0 for the target of generated images and 1 for that of real ones."""
        low, high = (0, 1) if self.objective.logistic else (self.objective.fake_target, self.objective.real_target)
        return (self.metrics[column] - low) / (high - low)

    def diversities(self) -> tuple[Curve, Curve]:
        """(epochs, diversities) from scores.csv or, if it has none, the one in scores.json."""
        values = self.scores.get("diversity", np.array([]))
        known = np.isfinite(values)
        if not known.any():
            if not self.report or self.report["samples"]["diversity"] is None:  # never measured, or not defined
                return np.array([]), np.array([])
            return self.metrics["epoch"][-1:], np.array([self.report["samples"]["diversity"]])
        return np.interp(self.scores["step"][known], self.metrics["step"], self.metrics["epoch"]), values[known]

    def coverage(self) -> tuple[float | None, list[str]]:
        """(share of the classes that are generated, names of the missing ones), from the latest scores.

        (None, []) if it was never measured. Only scores.json names the missing classes.
        """
        values = self.scores.get("mode_coverage", np.array([]))
        rows = np.flatnonzero(np.isfinite(values))
        if self.report and (not len(rows) or _step(self.report) >= self.scores["step"][rows[-1]]):
            fake, real = (self.report[kind]["class_histogram"] for kind in ("samples", "real"))
            # As in mode_coverage(): a class counts if it has a tenth of its share among real images.
            due = 0.1 * sum(fake.values()) / max(1, sum(real.values()))
            missing = [name for name in fake if fake[name] < due * real.get(name, 0)]
            return self.report["samples"]["mode_coverage"], missing
        return (float(values[rows[-1]]) if len(rows) else None), []

    def evidence(self) -> dict[str, float]:
        """The numbers that most findings are based on."""
        numbers = {"Loss_D": self.recent("loss_d"), "share of balance": self.relative_loss}
        numbers |= {f"accuracy on {kind}": self.recent(f"accuracy_{kind}") for kind in ("real", "fake")}
        diversities = self.diversities()[1]
        return numbers | ({"diversity": float(np.median(diversities[-3:]))} if len(diversities) else {})

    def learning_settings(self) -> str:
        """The settings that determine which network learns faster, as options of the command."""
        config = self.config
        return (
            f"now --lr {config.lr:g}, --discriminator-lr {config.discriminator_lr or config.lr:g}, "
            f"--discriminator-steps {config.discriminator_steps}"
            + (f", --generator-steps {config.generator_steps}" if config.generator_steps > 1 else "")
        )


def _read_metrics(folder: RunFolder) -> dict[str, Curve]:
    path, metrics = folder.metrics_path, folder.read_metrics()
    missing = [name for name in COLUMNS if name not in metrics]
    if missing:
        raise UserError(
            f"{path}: expected a column {missing[0]}, found none: the run has not logged anything yet, or the file is "
            "damaged"
        )
    rows = len(metrics["step"])
    lines = sum(bool(line.strip()) for line in path.read_text(encoding="utf-8", errors="replace").split("\n")) - 1
    if rows < lines - 1:  # a run that was killed may leave its last line unfinished
        raise UserError(f"{path}: expected numbers in every column, but {lines - rows} of {lines} lines are damaged")
    if rows < MIN_ROWS:
        raise UserError(f"{path}: expected at least {MIN_ROWS} rows for a diagnosis, found {rows}; train for longer")
    step = metrics["step"]
    if (np.diff(step) <= 0).any() or (step != step.round()).any() or step[-1] > MAX_STEP:
        raise UserError(f"{path}: expected whole steps that increase from line to line; the file is damaged")
    return metrics


def _step(report: dict[str, Any]) -> int:
    step: int = report["protocol"]["checkpoint"]["step"]
    return step
