"""The errors that a person can mend, and the nearest known name for one that was mistyped."""

from difflib import get_close_matches


class UserError(ValueError):
    """Something the person at the keyboard can put right.

    The message is one line: what was expected, what came, what to do. The command line prints it without
    a traceback and exits with status 2.
    """


class DataError(UserError):
    """A data set that is missing, cut short or altered."""


class CheckpointError(UserError):
    """A checkpoint that is missing, cut short, altered, or of another architecture."""


def unknown_name(kind, name, known):
    """The error for a name that does not exist, with the nearest one that does.

    >>> print(unknown_name("data set", "cifar01", ["cifar10", "shapes"]))
    unknown data set 'cifar01': did you mean 'cifar10'? Known: cifar10, shapes
    """
    near = get_close_matches(str(name), known, n=1)
    hint = f" did you mean {near[0]!r}?" if near else ""
    return UserError(f"unknown {kind} {name!r}:{hint} Known: {', '.join(known)}")
