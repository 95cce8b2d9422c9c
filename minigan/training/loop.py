"""The training loop: steps, logging, checkpoints, and what is done at the end of an epoch."""

import math
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from minigan import __version__, backend, plots
from minigan.data import Dataset
from minigan.runs.checkpoint import Checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training.classifier import ClassifierTrainer
from minigan.training.display import lasting_streams, only_shown
from minigan.training.gan import GanTrainer
from minigan.training.trainer import Diverged, Trainer


class Interrupted(Exception):
    """Ctrl-C, SIGTERM or SIGHUP was received, and the state has been saved."""


class EpochEvaluation(Protocol):
    """What train() needs to score a run at the end of an epoch; see evaluation/periodic.py."""

    def end_epoch(
        self, trainer: Any, epoch: int, earlier: dict[str, npt.NDArray[Any]]
    ) -> tuple[dict[str, float], bool]:
        """(the epoch's scores, whether they are the best so far); earlier: scores.csv as {column: values}."""


def make_trainer(config: Config, dataset: Dataset, graph: bool = True) -> Trainer:
    """The trainer for the run's model.

    graph: on a GPU, replay the step as one CUDA graph. Raises UserError if the settings do not fit the data.
    """
    return (ClassifierTrainer if config.is_classifier else GanTrainer)(config, dataset, graph)


def train(
    trainer: Trainer,
    folder: RunFolder,
    resume_from: Checkpoint | None = None,
    evaluation: EpochEvaluation | None = None,
) -> None:
    """Train to the end of the run, or until it is interrupted.

    resume_from: a checkpoint, or None for a new run. evaluation: scores the samples while training; required if
    config.is_evaluated. Raises Diverged for a loss that is NaN or infinite, Interrupted after Ctrl-C, SIGTERM or
    SIGHUP, once the state has been saved, UserError if the run's folder is deleted meanwhile, and ValueError if an
    evaluation is required and none was given.
    """
    if trainer.config.is_evaluated and evaluation is None:
        raise ValueError(
            f"train: expected an evaluation, since evaluate_every is {trainer.config.evaluate_every}; pass "
            "minigan.evaluation.periodic.PeriodicEvaluation(config, dataset)"
        )
    if resume_from is not None:
        trainer.load(resume_from)
    # If a run diverges, one message says so (Diverged), not a page of overflow warnings.
    with lasting_streams(), folder.locked(), _interruptible() as interrupted, np.errstate(all="ignore"):
        if trainer.step_count >= trainer.last_step and folder.has_later_checkpoints(trainer.step_count):
            return  # there is nothing to compute, and later steps are not thrown away for that
        _begin(trainer, folder, resume_from is None)
        if _is_epoch_unfinished(trainer, folder):  # it was killed between the checkpoint and the epoch's scores
            _end_epoch(trainer, folder, evaluation)
        while trainer.step_count < trainer.last_step and not interrupted():
            _train_epoch(trainer, folder, evaluation, interrupted)
        _draw_curves(trainer, folder)
        if interrupted():
            raise Interrupted


def _begin(trainer: Trainer, folder: RunFolder, is_new: bool) -> None:
    """Write the files that a run has from its start, and remove what a killed process left behind."""
    try:
        folder.remove_leftovers()
        if is_new:
            folder.require_unbegun(trainer.config)
        folder.drop_rows_after(trainer.step_count)
        if trainer.step_count < trainer.last_step or not folder.config_path.exists():
            versions = {"minigan": __version__, "backend": backend.name}
            folder.write_config(trainer.config.to_dict() | versions | {"dataset": trainer.dataset_metadata()})
    except BaseException:
        folder.discard()  # only the folder of a new run, and only if it is empty
        raise
    if trainer.step_count:
        folder.keep_newest(trainer.config.keep, trainer.step_count)
    if not (folder.samples / "real.png").exists():
        with only_shown("samples/real.png"):
            plots.save_image(folder.samples / "real.png", trainer.real_grid())


def _draw_curves(trainer: Trainer, folder: RunFolder) -> None:
    """Draw curves.png, unless it is newer than the numbers."""
    path = folder.path / "curves.png"
    if not folder.metrics_path.exists():
        return
    if path.exists() and path.stat().st_mtime_ns >= folder.metrics_path.stat().st_mtime_ns:
        return
    folder.require_present()
    if len(folder.read_metrics()["step"]):
        with only_shown("curves.png"):
            plots.save_figure(path, trainer.figure(folder))


def _train_epoch(
    trainer: Trainer, folder: RunFolder, evaluation: EpochEvaluation | None, interrupted: Callable[[], bool]
) -> None:
    """Train to the end of the epoch or of the run, or until interrupted."""
    from tqdm import tqdm

    config, length = trainer.config, trainer.steps_per_epoch
    epoch, done = divmod(trainer.step_count, length)
    last = min((epoch + 1) * length, trainer.last_step)
    clock, clocked = time.perf_counter(), trainer.step_count
    with tqdm(
        total=length,
        initial=done,
        desc=f"epoch {epoch + 1}/{-(-trainer.last_step // length)}",
        mininterval=0.1 if sys.stderr.isatty() else 30,
        dynamic_ncols=True,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}",
    ) as bar:
        while trainer.step_count < last and not interrupted():
            trainer.step()
            bar.update()
            count = trainer.step_count
            saving = config.checkpoint_every is not None and count % config.checkpoint_every == 0
            if count % config.log_every == 0 or count == last or saving or interrupted():
                row = trainer.read_metrics()
                seconds = time.perf_counter() - clock
                row["images_per_second"] = (count - clocked) * trainer.images_per_step / seconds
                clock, clocked = time.perf_counter(), count
                _require_finite(row, count, folder)
                bar.set_postfix_str(trainer.progress(row), refresh=False)
                folder.append_metrics({"step": count, "epoch": f"{count / length:.4f}"} | _formatted(row))
            if saving and count != last:
                trainer.save(folder)
    trainer.save(folder)
    if trainer.step_count == last:
        _end_epoch(trainer, folder, evaluation)


def _is_epoch_unfinished(trainer: Trainer, folder: RunFolder) -> bool:
    """Whether the run is at the end of an epoch, or its own, that scores.csv has no row for."""
    step = trainer.step_count
    at_the_end = step % trainer.steps_per_epoch == 0 or step == trainer.last_step
    return step > 0 and at_the_end and step not in folder.read_scores()["step"]


def _end_epoch(trainer: Trainer, folder: RunFolder, evaluation: EpochEvaluation | None) -> None:
    """Write the epoch's samples and scores, and keep its checkpoint if its scores are the best so far.

    The state has been saved before, and none of this changes it. A score that is not defined for these samples, or an
    image that cannot be written, gets a warning.
    """
    epoch = -(-trainer.step_count // trainer.steps_per_epoch)
    folder.require_present()
    row = trainer.end_epoch(folder, epoch)
    if evaluation is not None:
        try:
            scores, is_best = evaluation.end_epoch(trainer, epoch, folder.read_scores())
        except (ValueError, ArithmeticError) as error:
            warnings.warn(f"epoch {epoch}: not scored ({type(error).__name__}: {error})", stacklevel=2)
            scores, is_best = {}, False
        row |= scores
        if is_best:
            trainer.write_checkpoint(folder.best_path, folder)
    folder.append_scores({"step": trainer.step_count, "epoch": epoch} | _formatted(row))


def _formatted(row: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.6g}" for name, value in row.items()}


def _require_finite(row: dict[str, float], step: int, folder: RunFolder) -> None:
    losses = {name: value for name, value in row.items() if name.startswith("loss")}
    if not all(map(math.isfinite, losses.values())):
        text = ", ".join(f"{name.capitalize()} is {value:g}" for name, value in losses.items())
        raise Diverged(step, text.replace("_d", "_D").replace("_g", "_G"), folder)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a flag that is checked between two steps.

    A second Ctrl-C or SIGTERM interrupts at once. SIGHUP comes when a terminal or an ssh connection is lost, often
    twice, or after a SIGTERM; it is left to itself if it is ignored, as under nohup.
    """
    received: list[int] = []
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none

    def receive(number: int, frame: Any) -> None:
        if number != hang_up and any(earlier != hang_up for earlier in received):
            raise KeyboardInterrupt
        received.append(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        numbers.append(hang_up)
    previous: dict[int, Any] = {}
    try:
        for number in map(int, numbers):
            previous[number] = signal.signal(number, receive)
    except ValueError:  # not the main thread: the caller's own handlers stay
        pass
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
