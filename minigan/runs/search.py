"""Which folders are runs: other tools write a config.json as well."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigan.errors import UserError
from minigan.foreign import read_json
from minigan.runs.metadata import with_current_names


def settings_of(folder: Path) -> Mapping[str, Any] | None:
    """The content of config.json if it has the settings of a run, else None."""
    try:
        content = read_json(folder / "config.json", "the settings of a run")
    except (UserError, OSError):  # damaged, another kind of file, not ours to read: then it is not known to be a run
        return None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in ("model", "data")):
        return None
    return with_current_names(content) if "betas" in content else None  # other tools have a model and data, too


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, also one whose config.json is damaged."""
    try:
        if settings_of(folder) is not None or any((folder / "checkpoints").glob("*.safetensors")):
            return True
        started = all((folder / name).is_dir() for name in ("samples", "checkpoints"))
        return started and (folder / "config.json").is_file()
    except OSError:
        return False


def find_runs(parent: str | Path) -> list[Path]:
    """The runs in the folder `parent`, by the time of their last change, oldest first."""
    found = []
    for folder in Path(parent).glob("*/"):
        if is_run(folder):
            try:
                found.append(((folder / "config.json").stat().st_mtime, folder))
            except OSError:  # deleted meanwhile
                continue
    return [folder for _, folder in sorted(found)]
