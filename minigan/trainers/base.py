"""What every run has in common: where it stands, its batches, its state on disk."""

from typing import Any

from minigan import backend, checkpoint
from minigan.cuda_graph import GraphStep
from minigan.data.batches import Batches
from minigan.errors import CheckpointError, UserError
from minigan.models import MODELS


class Diverged(Exception):
    """A loss or a weight became NaN or infinite."""

    def __init__(self, step, what, folder):
        good = [path.name for path in folder.checkpoint_paths()]
        kept = f"the last good checkpoint, {good[-1]}, is kept" if good else "no checkpoint had been written yet"
        super().__init__(f"step {step}: {what}; the run has diverged and stops ({kept}). Try a smaller --lr.")


class BaseTrainer:
    """Networks, their optimizers, and a data set, somewhere in a run.

    `step_count` is the number of steps done; with the seed it determines the epoch, the place in it, and so the next
    batch. Together with the random stream's state that is all there is to know.
    A subclass has `parts` (what a checkpoint holds), device_step() and count() for one step, read() and shown(row) for
    its numbers, end_epoch(folder, epoch) and figure(folder) for what is looked at.
    graph: on a GPU, replay the step as one CUDA graph. batches_per_step: batches of real pictures that a step takes.
    """

    meter: Any  # sums on the device, read from time to time
    parts: Any  # {name: network or optimizer}

    def __init__(self, config, dataset, graph=True, batches_per_step=1, labels=None):
        self.config, self.dataset, self.batches_per_step = config, dataset, batches_per_step
        self.dtype = backend.set_precision(config.precision)
        self.step_count = 0
        self.images_per_step = config.batch_size * batches_per_step
        self.steps_per_epoch = len(dataset.images) // self.images_per_step
        if self.steps_per_epoch == 0:
            raise UserError(
                f"--batch-size {config.batch_size} × --discriminator-steps {batches_per_step}: "
                f"expected at most the {len(dataset.images)} pictures of {dataset.name}"
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
            MODELS[config.model].pixel_range,
            config.flip,
        )
        self.run_device_step = GraphStep(self.device_step) if graph and not backend.on_cpu else self.device_step

    def device_step(self):
        """The work of a step, on the device alone: nothing here depends on a Python value that changes."""
        raise NotImplementedError

    def step(self):
        """One step of the run."""
        self.batches.seek(self.step_count * self.batches_per_step)
        self.run_device_step()
        self.batches.passed(self.batches_per_step)
        self.meter.count(self.batches_per_step)
        self.step_count += 1

    def dataset_facts(self):
        """What config.json and checkpoints say of the data."""
        return {
            "name": self.dataset.name,
            "split": self.dataset.split,
            "pictures": len(self.dataset.images),
            "image_shape": list(self.dataset.images.shape[1:]),
            "class_names": list(self.dataset.class_names),
            "source": self.dataset.source,
        }

    def save(self, folder):
        """A checkpoint of this very step. Raises Diverged, and writes nothing, where a weight is not finite."""
        self.write_checkpoint(folder.checkpoint_path(self.step_count), folder)
        folder.keep_newest(self.config.keep, self.step_count)

    def write_checkpoint(self, path, folder):
        """A checkpoint in the file `path`."""
        try:
            checkpoint.save(
                path,
                self.parts,
                self.config.to_dict() | {"dataset": self.dataset_facts()},
                self.step_count,
                backend.random.state(),
            )
        except FloatingPointError as error:
            raise Diverged(self.step_count, str(error), folder) from None

    def load(self, saved):
        """Go on from a checkpoint. Raises CheckpointError where it is of another architecture."""
        facts, saved_facts = self.dataset_facts(), saved.config.get("dataset", {})
        for name in ("name", "pictures", "image_shape"):
            if saved_facts.get(name) != facts[name]:
                raise CheckpointError(
                    f"{saved.path}: was made with data of {name} {saved_facts.get(name)}, "
                    f"but {self.dataset.source} has {facts[name]}"
                )
        saved.restore(**self.parts)
        backend.random.restore(saved.random_state)
        self.step_count = saved.step
