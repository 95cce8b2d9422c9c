"""Checkpoints: the whole state of a run in one safetensors file, so that training can be resumed bit for bit.

The format holds arrays and strings and cannot run code. An array is named after its network or optimizer, with a
prefix: generator, generator_average (the EMA of its weights), discriminator, generator_optimizer and
discriminator_optimizer, or, for a scoring classifier, classifier and optimizer. The metadata is JSON: the run's
settings, the step, the state of the random stream, and a CRC-32 of every array, so that damage is detected.
"""

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from minigan.backend import Array
from minigan.errors import CheckpointError, UserError
from minigan.files import replacing
from minigan.foreign import parse_json, printable, reading
from minigan.models import build
from minigan.random import RandomStream
from minigan.runs.config import Config
from minigan.runs.metadata import read as read_metadata

Arrays = dict[str, npt.NDArray[Any]]

FORMAT = "minigan checkpoint 1"
ADVICE = "use an older checkpoint from the same folder, if there is one"

# Models that have changed: names of arrays that older runs were saved with, and today's; what a resumed run is told.
CHANGED_MODELS = {
    "convolutional-gan": (
        {f"discriminator.7.{name}": f"discriminator.6.{name}" for name in ("weight", "bias")},
        "the discriminator's second dropout is gone, so it does not continue bit for bit",
    ),
}


class Stateful(Protocol):
    """What a checkpoint can hold: a network or an optimizer."""

    def state_dict(self) -> Arrays:
        """{name: NumPy array}."""

    def load_state_dict(self, state: Arrays) -> None:
        """Copy a state_dict() back. Raises CheckpointError if it does not fit."""


@dataclass(frozen=True)
class Checkpoint:
    """The contents of one file: arrays by name, and the JSON of its metadata."""

    path: Path
    arrays: Arrays
    config: dict[str, Any]  # the run's settings, and "dataset", the metadata of its data set
    step: int
    random_state: dict[str, Any]
    change: str | None = None  # what has changed in the run's model since the checkpoint was written

    def state(self, name: str) -> Arrays:
        """The arrays of one network or optimizer, without the prefix."""
        return {key.removeprefix(f"{name}."): array for key, array in self.arrays.items() if key.startswith(f"{name}.")}

    def restore(self, **targets: Stateful) -> None:
        """Load the state of each network or optimizer in place: restore(generator=network, ...).

        Raises CheckpointError, with the file and the target's name, if the architecture is different.
        """
        for name, target in targets.items():
            try:
                target.load_state_dict(self.state(name))
            except CheckpointError as error:
                raise CheckpointError(f"{self.path}: {name}: {error}") from None

    @contextmanager
    def initial_stream(self) -> Iterator[RandomStream]:
        """A stream for the initial weights of the networks that this checkpoint is loaded into.

        The weights are overwritten at once. But settings that the arrays do not fit must not take gigabytes before that
        is noticed: within the block, CheckpointError is raised for more numbers than the whole file holds.
        """
        stream = _BoundedStream(sum(array.size for array in self.arrays.values()))
        try:
            yield stream
        except UserError as error:  # the networks cannot be built at all, or not from this many numbers
            raise CheckpointError(f"{self.path}: {stream.refusal or error}") from None
        stream.limit = None

    def require_architecture(self) -> None:
        """Raise CheckpointError if the settings do not describe the networks that the arrays belong to."""
        config, dataset = Config.from_dict(self.config), self.config["dataset"]
        with self.initial_stream() as stream:
            sizes = len(dataset["class_names"]) or 1, config.latent_dim, config.width
            built = build(config.model, dataset["image_shape"], *sizes, stream)
        names = ("classifier",) if config.is_classifier else ("generator", "discriminator")
        self.restore(**dict(zip(names, [built] if config.is_classifier else built, strict=True)))


class _BoundedStream(RandomStream):
    """A stream that refuses to draw more numbers at once than its limit, until that is set to None."""

    def __init__(self, limit: int) -> None:
        super().__init__(0)
        self.limit: int | None = limit
        self.refusal: str | None = None

    def normal(self, shape: int | Sequence[int], dtype: npt.DTypeLike = np.float32) -> Array:
        self._require(shape)
        return super().normal(shape, dtype)

    def uniform(self, shape: int | Sequence[int], dtype: npt.DTypeLike = np.float32) -> Array:
        self._require(shape)
        return super().uniform(shape, dtype)

    def _require(self, shape: int | Sequence[int]) -> None:
        count = math.prod([shape] if isinstance(shape, int) else shape)
        if self.limit is not None and count > self.limit:
            self.refusal = (
                f"the state belongs to another architecture: a layer of its settings has {count:,} weights, and all "
                f"its arrays have {self.limit:,} numbers"
            )
            raise CheckpointError(self.refusal)


def save(
    path: Path, state: Mapping[str, Stateful], config: Mapping[str, Any], step: int, random_state: Mapping[str, Any]
) -> None:
    """Write a checkpoint. The file appears complete or not at all, even if the process is killed.

    state: {name: network or optimizer}; config: the run's settings; random_state: of the run's stream.
    Raises FloatingPointError if an array is not finite, so a diverged run never replaces a good checkpoint, and
    CheckpointError if the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {
        f"{owner}.{name}": np.ascontiguousarray(array).reshape(array.shape)  # a scalar would become (1,)
        for owner, target in state.items()
        for name, array in target.state_dict().items()
    }
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise FloatingPointError(f"{name} is not finite")
    metadata = {
        "format": FORMAT,
        "config": json.dumps(config),
        "step": json.dumps(step),
        "random_state": json.dumps(random_state),
    }
    metadata["crc32"] = json.dumps(_checksums(arrays, metadata))
    try:
        with replacing(path) as temporary:
            save_file(arrays, temporary, metadata)
    except SafetensorError as error:  # the disk is full, for example
        raise CheckpointError(f"{path}: cannot be written ({error}); earlier checkpoints are kept") from None


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint. Raises CheckpointError if it is missing, cut short, altered, or not a checkpoint."""
    path = Path(path)
    metadata, arrays = _read(path)
    expected = parse_json(metadata.pop("crc32", "{}"), path, "checksums in JSON", ADVICE, CheckpointError)
    actual = _checksums(arrays, metadata)
    expected = expected if isinstance(expected, dict) else {}
    altered = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
    if altered:
        raise CheckpointError(
            f"{path}: {printable(altered[0])} was altered since it was written (its CRC-32 differs); {ADVICE}"
        )
    infinite = next((name for name, array in arrays.items() if not np.isfinite(array).all()), None)
    if infinite is not None:  # save() never writes one
        raise CheckpointError(f"{path}: expected finite numbers, found others in {printable(infinite)}; {ADVICE}")
    config, step, random_state = read_metadata(path, metadata, ADVICE)
    renamed, change = CHANGED_MODELS.get(str(config.get("model")), ({}, None))
    if renamed.keys() <= arrays.keys() and not arrays.keys() & set(renamed.values()):
        arrays = {renamed.get(name, name): array for name, array in arrays.items()}
    else:
        change = None
    return Checkpoint(path, arrays, config, step, random_state, change)


def _read(path: Path) -> tuple[dict[str, str], Arrays]:
    """(metadata, arrays) of a checkpoint's file."""
    from safetensors import safe_open

    if not path.is_file():
        raise CheckpointError(f"{path}: expected a checkpoint, found no such file")
    with path.open("rb"):  # a file without read permission raises PermissionError here, and is not called damaged
        pass
    expected = "a checkpoint that is not cut short"
    with reading(path, expected, ADVICE, CheckpointError), safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") == FORMAT:
            return dict(metadata), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    raise CheckpointError(f"{path}: expected a {FORMAT!r}, got {printable(metadata.get('format', 'another file'))!r}")


def _checksums(arrays: Arrays, metadata: Mapping[str, str]) -> dict[str, int]:
    """{name: CRC-32} of every array and of every entry of the metadata."""
    return {name: zlib.crc32(array.tobytes()) for name, array in arrays.items()} | {
        name: zlib.crc32(text.encode()) for name, text in metadata.items()
    }
