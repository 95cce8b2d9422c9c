"""Errors that the user can fix, and suggestions for mistyped names."""

from collections.abc import Sequence
from difflib import get_close_matches

MAX_NAME = 60  # characters of an unknown name that a message repeats


class UserError(ValueError):
    """An error that the user can fix.

    The message is one line: what was expected, what was found, what to do. The command line prints it without a
    traceback and exits with status 2.
    """


class DataError(UserError):
    """A data set is missing, cut short or altered."""


class CheckpointError(UserError):
    """A checkpoint is missing, cut short or altered, or belongs to another architecture."""


def unknown_name(kind: str, name: object, known: Sequence[str]) -> UserError:
    """The error for an unknown name, with the known name closest to it.

    >>> print(unknown_name("data set", "cifar01", ["cifar10", "shapes"]))
    unknown data set 'cifar01': did you mean 'cifar10'? Known: cifar10, shapes
    """
    near = get_close_matches(str(name)[:MAX_NAME], known, n=1)
    hint = f" did you mean {near[0]!r}?" if near else ""
    shown = repr(name if len(str(name)) <= MAX_NAME else str(name)[:MAX_NAME])
    return UserError(f"unknown {kind} {shown}:{hint} Known: {', '.join(known)}")
