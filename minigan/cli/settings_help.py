"""The help of a run's settings, generated from the registries: which names there are, and what the defaults are."""

from collections.abc import Mapping
from typing import Any

from minigan.data import DATASETS
from minigan.losses import OBJECTIVES
from minigan.models import MODELS
from minigan.runs.config import Config, option
from minigan.runs.presets import PRESETS


def datasets(default_name: str | None = Config.data) -> str:
    """The data sets, one per line."""
    return _list({name: source.description for name, source in DATASETS.items()}, default_name)


def models() -> str:
    """The models, one per line."""
    return _list({name: model.description for name, model in MODELS.items()}, Config.model)


def objectives() -> str:
    """The objectives, one per line, with the first sentence of their docstrings."""
    descriptions = {name: (kind.__doc__ or "").split("\n")[0].rstrip(".") for name, kind in OBJECTIVES.items()}
    return _list(descriptions, Config.objective)


def presets() -> str:
    """The presets, one per line, with the options that they stand for."""
    return _list({name: " ".join(map(_as_option, settings.items())) for name, settings in PRESETS.items()})


def default(setting: str) -> str:
    """The default of a setting, and those of the data sets and models that have their own, as Config.of_run takes them.

    >>> print(default("lr"))
    default: 0.0002; with --model classifier 0.001
    """
    general = getattr(Config, setting)
    own: list[str] = []
    for registry_option, registry in (("--data", DATASETS), ("--model", MODELS)):
        defaults = {name: entry.defaults[setting] for name, entry in registry.items() if setting in entry.defaults}
        # A model's default takes precedence over the data set's, so it is listed even if it is the general one.
        changed = {name: value for name, value in defaults.items() if own or value != general}
        if changed:
            values = ", ".join(f"{name} {_text(value)}" for name, value in changed.items())
            own.append(f"with {registry_option} {values}")
    return _escaped("; ".join([f"default: {_text(general)}", *own]))


def with_objective(setting: str) -> str:
    """The objectives that take a setting, as options."""
    return "with --objective " + " or ".join(name for name, kind in OBJECTIVES.items() if setting in kind.settings)


def _list(descriptions: Mapping[str, str], default_name: str | None = None) -> str:
    lines = (f"{name}{' (default)' * (name == default_name)}: {text}" for name, text in descriptions.items())
    return _escaped("\n".join(lines))


def _as_option(setting: tuple[str, Any]) -> str:
    name, value = setting
    return option(name) if value is True else f"{option(name)} {_text(value)}"


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return " ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    """argparse expands per cent signs."""
    return text.replace("%", "%%")
