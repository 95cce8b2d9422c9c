"""The training loop: batches, the two steps, what is shown, what is saved."""

import math
import signal
import sys
import time
from contextlib import contextmanager

import numpy as np

from minigan import __version__, backend, plots
from minigan.evaluation import Evaluation
from minigan.trained_classifier import TrainedClassifier
from minigan.trainers import ClassifierTrainer, Diverged, GanTrainer

__all__ = ["Diverged", "Interrupted", "Trainer", "train", "trainer_of"]

Trainer = GanTrainer


class Interrupted(Exception):
    """Ctrl-C or SIGTERM came, and the state has been saved."""


def trainer_of(config, dataset, graph=True):
    """The trainer that the run's settings ask for.

    Raises UserError where the settings do not fit the data, or name a classifier that is none.
    """
    if config.model == "classifier":
        return ClassifierTrainer(config, dataset, graph)
    evaluation = None
    if config.evaluate_every is not None:  # made before the trainer, which begins the run's random numbers
        evaluation = Evaluation(config, TrainedClassifier(config.classifier), dataset)
    return GanTrainer(config, dataset, graph, evaluation)


def train(trainer, folder, resume_from=None):
    """Train to the end of the run, or until it is interrupted.

    folder: a RunFolder; resume_from: a Checkpoint, or None for a new run. Raises Diverged for a loss that is
    NaN or infinite, Interrupted after Ctrl-C or SIGTERM, when the state has been saved.
    """
    if resume_from is not None:
        trainer.load(resume_from)
        if trainer.step_count >= trainer.last_step:
            return
    # Where a run diverges, one message says so (Diverged), not a page of overflow warnings.
    with folder.locked(), _interruptible() as interrupted, np.errstate(all="ignore"):
        folder.remove_leftovers()
        folder.forget_metrics_after(trainer.step_count)
        versions = {"minigan": __version__, "backend": backend.name}
        folder.write_config(trainer.config.to_dict() | versions | {"dataset": trainer.dataset_facts()})
        if not (folder.samples / "real.png").exists():
            plots.save_image(folder.samples / "real.png", trainer.real_grid())
        while trainer.step_count < trainer.last_step and not interrupted():
            _train_epoch(trainer, folder, interrupted)
        if len(folder.read_metrics()["step"]):
            plots.save_figure(folder.path / "curves.png", trainer.figure(folder))
        if interrupted():
            raise Interrupted


def _train_epoch(trainer, folder, interrupted):
    """From where the trainer stands to the end of the epoch, of the run, or of the user's patience."""
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
                row = trainer.read()
                seconds = time.perf_counter() - clock
                row["images_per_second"] = (count - clocked) * trainer.images_per_step / seconds
                clock, clocked = time.perf_counter(), count
                _require_finite(row, count, folder)
                bar.set_postfix_str(trainer.shown(row), refresh=False)
                folder.append_metrics({"step": count, "epoch": f"{count / length:.4f}"} | _written(row))
            if saving and count != last:
                trainer.save(folder)
    if trainer.step_count == last:
        scores = trainer.end_epoch(folder, epoch + 1)
        folder.append_scores({"step": trainer.step_count, "epoch": epoch + 1} | _written(scores))
    trainer.save(folder)


def _written(row):
    return {name: f"{value:.6g}" for name, value in row.items()}


def _require_finite(row, step, folder):
    losses = {name: value for name, value in row.items() if name.startswith("loss")}
    if not all(map(math.isfinite, losses.values())):
        said = ", ".join(f"{name.capitalize()} is {value:g}" for name, value in losses.items())
        raise Diverged(step, said.replace("_d", "_D").replace("_g", "_G"), folder)


@contextmanager
def _interruptible():
    """Turns Ctrl-C and SIGTERM into a flag that is looked at between two steps; a second Ctrl-C stops at once."""
    received: list[int] = []

    def note(number, frame):
        if received:
            raise KeyboardInterrupt
        received.append(number)

    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, note)
    except ValueError:  # not the main thread: the caller's own handling stays
        pass
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
