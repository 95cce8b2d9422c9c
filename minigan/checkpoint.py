"""Checkpoints: everything a run needs to go on as if it had never stopped, in one safetensors file.

The format holds arrays and strings and cannot run code. Arrays are named generator.*, discriminator.*,
generator_optimizer.* and discriminator_optimizer.*; the metadata holds JSON: the run's configuration, the step,
the random state, and a CRC-32 of every array, so that an altered file is noticed.
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigan.errors import CheckpointError
from minigan.files import replacing

FORMAT = "minigan checkpoint 1"
ADVICE = "use an older checkpoint, if there is one beside it"


@dataclass(frozen=True)
class Checkpoint:
    """The contents of one file: arrays by name, and the JSON that came with them."""

    path: Path
    arrays: dict[str, np.ndarray]
    config: dict
    step: int
    random_state: dict

    def part(self, name):
        """The arrays of one network or optimizer, without the prefix."""
        return {key[len(name) + 1 :]: array for key, array in self.arrays.items() if key.startswith(f"{name}.")}

    def restore(self, **parts):
        """Load each network or optimizer from its part: restore(generator=network, ...).

        Raises CheckpointError for a part of another architecture, naming the file.
        """
        for name, target in parts.items():
            try:
                target.load_state_dict(self.part(name))
            except CheckpointError as error:
                raise CheckpointError(f"{self.path}: {name}: {error}") from None


def save(path, parts, config, step, random_state):
    """Write the state_dict() of each of `parts` to `path`, whole or not at all.

    Raises FloatingPointError where an array is not finite: a diverged state never replaces a good checkpoint.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {
        f"{part}.{name}": np.ascontiguousarray(array).reshape(array.shape)
        for part, target in parts.items()
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
    except SafetensorError as error:  # a full disk, for one
        raise CheckpointError(f"{path}: cannot be written ({error}); the checkpoints beside it are kept") from None


def load(path):
    """Read a checkpoint. Raises CheckpointError where it is missing, cut short, altered, or something else."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: expected a checkpoint, found no such file")
    with path.open("rb"):  # one that cannot be read says so, rather than that it is damaged
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
    return Checkpoint(path, arrays, config, step, random_state)


def _checksums(arrays, metadata):
    """The CRC-32 of every array and of every line of metadata."""
    return {name: zlib.crc32(array.tobytes()) for name, array in arrays.items()} | {
        name: zlib.crc32(text.encode()) for name, text in metadata.items()
    }
