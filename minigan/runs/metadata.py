"""The metadata of a run, as a checkpoint and config.json hold it: checked once, when it is read.

All code after that can rely on names, types and ranges. Files come from other people, and disks fail.
"""

from collections.abc import Callable, Mapping
from typing import Any

from minigan.errors import CheckpointError, UserError
from minigan.foreign import parse_json, printable
from minigan.runs.config import Config

RENAMED = {"pictures": "images"}  # names in the data set's metadata that older runs were saved with, and today's

MAX_IMAGES = 2**40
MAX_SIDE = 2**14  # pixels
MAX_STEP = 2**53
GENERATOR = "Philox 4x64"


def read(path: object, metadata: Mapping[str, str], advice: str) -> tuple[dict[str, Any], int, dict[str, Any]]:
    """(config, step, random_state) from the metadata of a checkpoint, with the data set's metadata in the config.

    Raises CheckpointError, which names the file, for anything that training does not write.
    """
    config, step, random_state = (
        parse_json(metadata.get(name, ""), path, f"JSON in the metadata {name!r}", advice, CheckpointError)
        for name in ("config", "step", "random_state")
    )
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: expected the settings of a run as a dictionary; {advice}")
    config = with_current_names(config)
    try:
        Config.from_dict(config)
        require_dataset(config.get("dataset"))
        _require("step", step, f"an integer from 0 to {MAX_STEP}", _is_int(0, MAX_STEP))
        _require_random_state(random_state)
    except UserError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return config, step, random_state


def with_current_names(config: dict[str, Any]) -> dict[str, Any]:
    """A run's settings, with the metadata of its data set under today's names if an older version saved them."""
    dataset = config.get("dataset")
    if not isinstance(dataset, dict):
        return config
    return config | {"dataset": {RENAMED.get(name, name): value for name, value in dataset.items()}}


def require_dataset(dataset: Any) -> None:
    """Raise UserError unless `dataset` is what a run records about its data set: Trainer.dataset_metadata()."""
    _require("dataset", dataset, "a dictionary", lambda value: isinstance(value, dict))
    _require("dataset: name", dataset.get("name"), "a name", lambda value: isinstance(value, str))
    _require("dataset: images", dataset.get("images"), "their number", _is_int(1, MAX_IMAGES))
    _require(
        "dataset: image_shape",
        dataset.get("image_shape"),
        f"height, width and channels, each from 1 to {MAX_SIDE}",
        lambda value: isinstance(value, list) and len(value) == 3 and all(map(_is_int(1, MAX_SIDE), value)),
    )
    _require(
        "dataset: class_names",
        dataset.get("class_names"),
        "a list of names",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    )
    for name in ("split", "source"):
        _require(f"dataset: {name}", dataset.get(name, ""), "text", lambda value: isinstance(value, str))


def _require_random_state(state: Any) -> None:
    _require("random_state", state, "a dictionary", lambda value: isinstance(value, dict))
    _require("random_state: generator", state.get("generator"), GENERATOR, lambda value: value == GENERATOR)
    word = _is_int(0, 2**64 - 1)
    _require(
        "random_state: key",
        state.get("key"),
        "two integers of 64 bits",
        lambda value: isinstance(value, list) and len(value) == 2 and all(map(word, value)),
    )
    _require("random_state: counter", state.get("counter"), "an integer of 64 bits", word)


def _require(name: str, value: Any, expected: str, is_valid: Callable[[Any], bool]) -> None:
    if not is_valid(value):
        got = printable(value) if isinstance(value, (int, float, str)) else type(value).__name__
        raise UserError(f"{name}: expected {expected}, got {got}")


def _is_int(smallest: int, largest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= largest
