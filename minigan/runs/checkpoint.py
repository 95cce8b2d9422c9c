"""Checkpoints: the whole state of a run in one safetensors file, so that training can be resumed bit for bit.

The format holds arrays and strings and cannot run code. An array is named after its network or optimizer, with a
prefix: generator, generator_average (the EMA of its weights), discriminator, generator_optimizer and
discriminator_optimizer, or, for a scoring classifier, classifier and optimizer. The metadata is JSON: the run's
settings, the step, the state of the random stream, and a CRC-32 of every array, so that damage is detected.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from minigan.errors import CheckpointError
from minigan.files import replacing

Arrays = dict[str, npt.NDArray[Any]]

FORMAT = "minigan checkpoint 1"
ADVICE = "use an older checkpoint from the same folder, if there is one"
RENAMED = {"pictures": "images"}  # names in the data set's metadata that older runs were saved with, and today's


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
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: expected a checkpoint, found no such file")
    with path.open("rb"):  # a file without read permission raises PermissionError here, and is not called damaged
        pass
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: cut short or not a safetensors file ({error}); {ADVICE}") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path}: expected a {FORMAT!r}, got {metadata.get('format', 'another file')!r}")
    try:
        expected = json.loads(metadata.pop("crc32", "{}"))
    except ValueError:
        expected = {}
    actual = _checksums(arrays, metadata)
    altered = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
    if altered:
        raise CheckpointError(f"{path}: {altered[0]} was altered since it was written (its CRC-32 differs); {ADVICE}")
    config, step, random_state = (json.loads(metadata[name]) for name in ("config", "step", "random_state"))
    return Checkpoint(path, arrays, with_current_names(config), step, random_state)


def with_current_names(config: dict[str, Any]) -> dict[str, Any]:
    """A run's settings, with the metadata of its data set under today's names if an older version saved them."""
    dataset = config.get("dataset")
    if not isinstance(dataset, dict):
        return config
    return config | {"dataset": {RENAMED.get(name, name): value for name, value in dataset.items()}}


def _checksums(arrays: Arrays, metadata: Mapping[str, str]) -> dict[str, int]:
    """{name: CRC-32} of every array and of every entry of the metadata."""
    return {name: zlib.crc32(array.tobytes()) for name, array in arrays.items()} | {
        name: zlib.crc32(text.encode()) for name, text in metadata.items()
    }
