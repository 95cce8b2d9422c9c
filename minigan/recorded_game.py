"""What a run has left to judge it by: its curves, its scores, on scales that every objective shares."""

import json
import math

import numpy as np

from minigan.config import Config
from minigan.errors import UserError
from minigan.run_folder import RunFolder

FEWEST_ROWS = 20  # of metrics.csv: the last quarter is then 5 rows, enough for a median
LATE = 1 / 4  # "now" is the median over this last part of the run, so that the noise of batches does not count
COLUMNS = "step epoch loss_d loss_g d_x d_g_z accuracy_real accuracy_fake gradient_d gradient_g".split()


class RecordedGame:
    """What a run has left to judge it by. Raises UserError where that is too little, or damaged."""

    def __init__(self, path):
        folder = RunFolder.open(path)
        self.config = Config.from_dict(folder.read_config())
        if self.config.model == "classifier":
            raise UserError(f"{path}: expected a generator's run, found a classifier's, which plays no game")
        self.objective = self.config.make_objective()
        if self.objective.balance == 0:
            raise UserError(
                f"{path}: --targets {self.config.targets}: fakes and real pictures have one target, no game"
            )
        self.metrics = _read_metrics(folder)
        self.scores = folder.read_scores()
        self.report = _read_report(folder.path / "scores.json")
        self.start = math.floor(len(self.metrics["step"]) * (1 - LATE))  # the row where "now" begins

    def now(self, column):
        """The median of a column over the last part of the run."""
        return float(np.median(self.metrics[column][self.start :]))

    @property
    def loss(self):
        """Loss_D on a scale where 0 is the least it can be and 1 is balance: D can only guess.

        (L_D − L_min) / (L_balance − L_min); targets t smoothed leave L_min = −t·log t − (1 − t)·log(1 − t).
        """
        t = getattr(self.objective, "real_target", 1)
        least = 0 if t == 1 else -t * math.log(t) - (1 - t) * math.log(1 - t)
        return (self.now("loss_d") - least) / (self.objective.balance - least)

    @property
    def accuracy(self):
        """The mean of both accuracies: 0.5 is guessing, even where D calls everything real, or everything fake."""
        return (self.now("accuracy_real") + self.now("accuracy_fake")) / 2

    def position(self, column):
        """D(x) or D(G(z)) on a scale where 0 is the target of fakes and 1 that of real pictures."""
        low, high = (0, 1) if self.objective.logistic else (self.objective.a, self.objective.b)
        return (self.metrics[column] - low) / (high - low)

    def diversities(self):
        """(epochs, diversities) of scores.csv; where it has none, the one of scores.json."""
        values = self.scores.get("diversity", np.array([]))
        known = np.isfinite(values)
        if not known.any() and self.report:
            return self.metrics["epoch"][-1:], np.array([self.report["samples"]["diversity"]])
        return np.interp(self.scores["step"][known], self.metrics["step"], self.metrics["epoch"]), values[known]

    def coverage(self):
        """(share of the classes that are made, names of the others), as measured last; (None, []) where never."""
        values = self.scores.get("mode_coverage", np.array([]))
        rows = np.flatnonzero(np.isfinite(values))
        if self.report and (not len(rows) or _step(self.report) >= self.scores["step"][rows[-1]]):
            made, real = (self.report[kind]["class_histogram"] for kind in ("samples", "real"))
            due = 0.1 * sum(made.values()) / max(1, sum(real.values()))  # as mode_coverage() counts
            return self.report["samples"]["mode_coverage"], [k for k in made if made[k] < due * real.get(k, 0)]
        return (float(values[rows[-1]]) if len(rows) else None), []

    def evidence(self):
        """The numbers that most findings rest on."""
        numbers = {"Loss_D": self.now("loss_d"), "share of balance": self.loss}
        numbers |= {f"accuracy on {kind}": self.now(f"accuracy_{kind}") for kind in ("real", "fake")}
        diversities = self.diversities()[1]
        return numbers | ({"diversity": float(np.median(diversities[-3:]))} if len(diversities) else {})

    def rates(self):
        """The settings that decide who is faster, as the command line spells them."""
        config = self.config
        return (
            f"now --lr {config.lr:g}, --discriminator-lr {config.discriminator_lr or config.lr:g}, "
            f"--discriminator-steps {config.discriminator_steps}"
        )


def _read_metrics(folder):
    path, metrics = folder.metrics_path, folder.read_metrics()
    missing = [name for name in COLUMNS if name not in metrics]
    if missing:
        raise UserError(f"{path}: expected a column {missing[0]}, found none: the run has not begun, or is damaged")
    rows = len(metrics["step"])
    lines = sum(bool(line.strip()) for line in path.read_text(encoding="utf-8", errors="replace").split("\n")) - 1
    if rows < lines - 1:  # a run that was killed may leave its last line unfinished
        raise UserError(f"{path}: expected numbers in every column, but {lines - rows} of {lines} lines are damaged")
    if rows < FEWEST_ROWS:
        raise UserError(f"{path}: expected at least {FEWEST_ROWS} rows to judge by, found {rows}; train on")
    if (np.diff(metrics["step"]) <= 0).any():
        raise UserError(f"{path}: expected steps that increase from line to line; the file is damaged")
    return metrics


def _read_report(path):
    """scores.json as `minigan evaluate` writes it; None where there is none."""
    if not path.exists():
        return None
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        numbers = [_step(report), report["samples"]["mode_coverage"], report["samples"]["diversity"]]
        numbers += [n for kind in ("samples", "real") for n in report[kind]["class_histogram"].values()]
        if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
            raise ValueError("a score is no number")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected the scores that minigan evaluate writes ({error!r})") from None
    return report


def _step(report):
    return report["protocol"]["checkpoint"]["step"]
