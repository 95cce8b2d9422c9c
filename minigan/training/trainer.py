"""What every training run has in common: its position, its batches, its random stream, its state on disk."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigan import backend
from minigan.backend import Array
from minigan.data import Dataset
from minigan.data.batches import Batches
from minigan.errors import CheckpointError, UserError
from minigan.foreign import printable
from minigan.models import MODELS
from minigan.ops.gpu.graph import GraphStep
from minigan.random import RandomStream
from minigan.runs import checkpoint
from minigan.runs.checkpoint import Checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Diverged(Exception):
    """A loss or a weight became NaN or infinite."""

    def __init__(self, step: int, what: str, folder: RunFolder) -> None:
        good = [path.name for path in folder.checkpoint_paths()]
        kept = f"the last good checkpoint, {good[-1]}, is kept" if good else "no checkpoint had been written yet"
        super().__init__(f"step {step}: {what}; the run has diverged and stops ({kept}). Try a smaller --lr.")


class Trainer:
    """Networks, their optimizers, and a data set, at some step of a run.

    `step_count` is the number of steps done; with the seed it determines the epoch, the position in it, and so the next
    batch. `random` is the run's own stream: weights, noise, dropout masks and flips come from it, so several runs can
    be trained in one process, in turn. Together these two are the whole state besides the arrays.
    A subclass has `state` (what a checkpoint holds), device_step() for the arithmetic of one step, read_metrics() and
    progress(row) for its numbers, and end_epoch(folder, epoch) and figure(folder) for its images and curves.

    graph: on a GPU, replay the step as one CUDA graph. batches_per_step: batches of real images that a step takes.
    labels: (M,), if batches need them. Raises UserError if the data set is smaller than one step's batches.
    """

    metrics: Any  # sums on the device, read from time to time

    def __init__(
        self, config: Config, dataset: Dataset, graph: bool = True, batches_per_step: int = 1, labels: Any = None
    ) -> None:
        self.config, self.dataset, self.batches_per_step = config, dataset, batches_per_step
        self.model = MODELS[config.model]
        self.dtype = backend.set_precision(config.precision)
        self.random = RandomStream(config.seed)
        self.step_count = 0
        self.interruption: int | None = None  # the step of the checkpoint that an interrupted run was resumed from
        self.images_per_step = config.batch_size * batches_per_step
        self.steps_per_epoch = len(dataset.images) // self.images_per_step
        if self.steps_per_epoch == 0:
            raise UserError(
                f"--batch-size {config.batch_size} × --discriminator-steps {batches_per_step}: "
                f"expected at most the {len(dataset.images)} images of {dataset.name}"
            )
        self.last_step = config.epochs * self.steps_per_epoch
        if config.max_steps is not None:
            self.last_step = min(self.last_step, config.max_steps)
        self.batches = Batches(
            dataset.images,
            labels,
            config.batch_size,
            self.steps_per_epoch * batches_per_step,
            config.seed,
            self.dtype,
            self.random,
            self.model.pixel_range,
            config.flip,
        )
        self.run_device_step = GraphStep(self.device_step) if graph and not backend.on_cpu else self.device_step

    @property
    def state(self) -> dict[str, Any]:
        """{name: network or optimizer}: what a checkpoint holds."""
        raise NotImplementedError

    def device_step(self) -> None:
        """The arithmetic of one step, on the device: nothing here depends on a Python value that changes."""
        raise NotImplementedError

    def read_metrics(self) -> dict[str, float]:
        """The means of the logged numbers since the last reading."""
        return self.metrics.read()

    def progress(self, row: dict[str, float]) -> str:
        """The logged numbers as the progress bar shows them."""
        raise NotImplementedError

    def end_epoch(self, folder: RunFolder, epoch: int) -> dict[str, float]:
        """Write the epoch's images, and return its row of scores.csv."""
        raise NotImplementedError

    def figure(self, folder: RunFolder) -> "Figure":
        """The run's curves."""
        raise NotImplementedError

    def real_grid(self) -> Array:
        """A grid of real images, to compare samples with."""
        raise NotImplementedError

    def step(self) -> None:
        """One step of the run."""
        backend.set_precision(self.config.precision)  # another run in this process may have set its own
        self.batches.seek(self.step_count * self.batches_per_step)
        self.run_device_step()
        self.batches.advance(self.batches_per_step)
        self.metrics.count()
        self.step_count += 1

    def dataset_metadata(self) -> dict[str, Any]:
        """What config.json and checkpoints record about the data set."""
        return {
            "name": self.dataset.name,
            "split": self.dataset.split,
            "images": len(self.dataset.images),
            "image_shape": list(self.dataset.images.shape[1:]),
            "class_names": list(self.dataset.class_names),
            "source": self.dataset.source,
        }

    def save(self, folder: RunFolder) -> None:
        """Write a checkpoint of this step. Raises Diverged, and writes nothing, if a weight is not finite.

        The log is synced first: after a loss of power, it has all rows up to the newest checkpoint. The checkpoint that
        an interrupted run was resumed from is deleted, so that it ends with the same files as an uninterrupted one.
        """
        folder.sync_logs()
        self.write_checkpoint(folder.checkpoint_path(self.step_count), folder)
        folder.keep_newest(self.config.keep, self.step_count, without=self.interruption)

    def write_checkpoint(self, path: Path, folder: RunFolder) -> None:
        """Write a checkpoint to the file `path`. Raises Diverged if a weight is not finite."""
        folder.require_present()
        try:
            checkpoint.save(
                path,
                self.state,
                self.config.to_dict() | {"dataset": self.dataset_metadata()},
                self.step_count,
                self.random.state(),
            )
        except FloatingPointError as error:
            raise Diverged(self.step_count, str(error), folder) from None

    def load(self, saved: Checkpoint) -> None:
        """Continue from a checkpoint. Raises CheckpointError if its data or its architecture is different.

        Warns if the model has changed since the checkpoint was written.
        """
        here, there = self.dataset_metadata(), saved.config["dataset"]
        for name in ("name", "images", "image_shape", "class_names"):
            if there[name] != here[name]:
                raise CheckpointError(
                    f"{saved.path}: was trained on data with {name} {printable(_brief(there[name]))}, "
                    f"but the data set ({printable(self.dataset.source)}) has {name} {printable(_brief(here[name]))}"
                )
        saved.restore(**self.state)
        if saved.change is not None:
            warnings.warn(f"{saved.path}: saved by an older version; {saved.change}", stacklevel=2)
        self.random.restore(saved.random_state)
        self.step_count = saved.step
        self.interruption = None if self.saves_at(saved.step) else saved.step

    def saves_at(self, step: int) -> bool:
        """Whether an uninterrupted run writes a checkpoint after this step, though it may not be its last."""
        every = self.config.checkpoint_every
        return step > 0 and (step % self.steps_per_epoch == 0 or (every is not None and step % every == 0))


def _brief(value: Any) -> str:
    """A name, a number or a list of them for a message; of long lists, how many there are and the first ones."""
    if not isinstance(value, list) or len(value) <= 5:
        return str(value)
    return f"({len(value)}: {', '.join(map(str, value[:5]))}, ...)"
