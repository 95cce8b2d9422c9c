"""scores.json, which `minigan evaluate` writes: read, and checked once, so that its readers can rely on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigan.errors import UserError
from minigan.foreign import printable, read_json

EXPECTED = "the scores that minigan evaluate writes"
MAX_COUNT = 10**15
MAX_SCORE = 1e300  # larger ones are damage, and could not be formatted or drawn


class Count:
    """An integer from 0 to MAX_COUNT."""


class Optional:
    """A number, or null for one that is not defined, such as the diversity relative to images that are equal."""


MEAN_AND_STD = {"mean": float, "std": float}
SCORES = {
    "classifier_is": MEAN_AND_STD,
    "classifier_fd": float,
    "mode_coverage": float,
    "class_histogram": {str: Count},
    "diversity": Optional,
}
STANDARD = {"inception_score": MEAN_AND_STD, "fid": float}

# What the file must have, in every version: a type, a dictionary with these keys, or {str: type} for any names.
# A seed, int, has no upper bound.
REQUIRED: dict[Any, Any] = {
    "protocol": {
        "checkpoint": {"step": Count},
        "data": str,
        "samples": Count,
        "splits": Count,
        "seed": int,
        "features": {"sha256": str, "test_accuracy": Optional},
    },
    "samples": SCORES,
    "real": SCORES,
    "discriminator": {"right_on_samples": float, "right_on_real": float},
    "nearest_neighbours": {"median_distance_of_samples": float, "median_distance_of_real": float},
}


def read_scores_file(path: Path) -> dict[str, Any] | None:
    """The content of scores.json, or None if there is no such file. Raises UserError if it is anything else."""
    advice = "run minigan evaluate again, after deleting the file"
    try:
        report = read_json(path, EXPECTED, advice)
    except FileNotFoundError:
        return None
    problem = check_scores(report)
    if problem:
        raise UserError(f"{printable(path, 200)}: expected {EXPECTED}, found {problem}; {advice}")
    checked: dict[str, Any] = report
    return checked


def check_scores(report: Any) -> str:
    """What is wrong with the content of a scores.json, in a few words; "" if nothing is."""
    problem = _check(report, REQUIRED, "")
    if problem:
        return problem
    for kind in ("samples", "real"):
        if "class_accuracy" in report[kind] and (problem := _check(report[kind]["class_accuracy"], float, kind)):
            return problem
    if set(report["real"].keys()) < set(report["samples"].keys()):
        return "no class_accuracy in real"
    if "inception" in report:
        return _check(report["inception"], {"samples": STANDARD, "real": STANDARD}, "inception")
    return ""


def _check(value: Any, expected: Any, name: str) -> str:
    if isinstance(expected, Mapping):
        if not isinstance(value, dict):
            return f"no dictionary {name}".rstrip()
        if list(expected) == [str]:
            problems = (_check(number, expected[str], f"{name}.{printable(key, 40)}") for key, number in value.items())
        else:
            missing = [key for key in expected if key not in value]
            if missing:
                return f"no {missing[0]}" + (f" in {name}" if name else "")
            problems = (_check(value[key], kind, f"{name}.{key}".lstrip(".")) for key, kind in expected.items())
        return next(filter(None, problems), "")
    if expected is str:
        return "" if isinstance(value, str) else f"no text as {name}"
    if expected is Optional and value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"no number as {name}"
    if expected is float or expected is Optional:
        is_valid = -MAX_SCORE <= value <= MAX_SCORE  # False for NaN
    else:
        is_valid = isinstance(value, int) and value >= 0 and (expected is int or value <= MAX_COUNT)
    return "" if is_valid else f"a number out of range as {name}"
