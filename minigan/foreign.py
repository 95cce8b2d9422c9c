"""The boundary for files that other programs wrote, or that were damaged: one place that turns what a library raises
into one line, and that bounds what is read before memory is taken for it.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minigan.errors import DataError, UserError

MAX_TEXT = 120  # characters of a foreign text in a message
MAX_VALUE = 40  # characters of a foreign value in a message
MAX_JSON = 2**24  # bytes; a run's files have a few thousand
MAX_DEPTH = 50  # of nested lists and dictionaries in JSON


def printable(text: object, limit: int = MAX_TEXT) -> str:
    """A foreign text on one line: control characters escaped, cut after `limit` characters.

    text: a string, or an exception, whose message is taken. Never pass a container: its repr can be endless.
    """
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text)[: limit + 1])
    return line if len(line) <= limit else line[: limit - 3] + "..."


def describe(value: object) -> str:
    """A foreign value for a message: a number or a short text as it is, anything else by the name of its type.

    The repr of anything else can be endless: a list that holds another one twice, and so on fifty times, fits in a
    hundred bytes of a pickle.
    """
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 10**18):
        return str(value)
    if isinstance(value, (str, bytes)):
        return ascii(value if len(value) <= MAX_VALUE else value[:MAX_VALUE]) + "..." * (len(value) > MAX_VALUE)
    return f"a {type(value).__name__}"


@contextmanager
def reading(path: object, expected: str, remedy: str = "", error: type[UserError] = DataError) -> Iterator[None]:
    """Turn whatever a library raises while it parses `path` into `error`, one line with path, `expected` and `remedy`.

    Put only the library's call into the block, so that a mistake in the project's own code keeps its traceback. A
    UserError passes through unchanged, and so do an interruption and a lack of memory.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as raised:
        reason = type(raised).__name__ + (f": {printable(raised)}" if str(raised) else "")
        advice = f"; {remedy}" if remedy else ""
        raise error(f"{printable(path, 200)}: expected {expected}, but it cannot be read ({reason}){advice}") from None


def require_regular(
    path: str | os.PathLike[str], max_bytes: int, error: type[UserError] = DataError, remedy: str = ""
) -> int:
    """The size of a regular file. Raises `error` for a folder, a device or a pipe, and for more than `max_bytes`."""
    advice = f"; {remedy}" if remedy else ""
    found = os.stat(path)  # noqa: PTH116, a path of any kind
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or pipe"
        raise error(f"{printable(path, 200)}: expected a file, found {kind}{advice}")
    if found.st_size > max_bytes:
        raise error(f"{printable(path, 200)}: expected at most {max_bytes:,} bytes, found {found.st_size:,}{advice}")
    return found.st_size


def read_json(path: str | os.PathLike[str], expected: str, remedy: str = "", error: type[UserError] = UserError) -> Any:
    """Parse a JSON file, at most MAX_JSON bytes and MAX_DEPTH levels; a byte order mark is skipped.

    Raises `error` for anything else, FileNotFoundError if there is no such file.
    """
    require_regular(path, MAX_JSON, error)
    with reading(path, expected, remedy, error):
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        _require_depth(content, MAX_DEPTH)
    return content


def parse_json(text: str, path: object, expected: str, remedy: str = "", error: type[UserError] = UserError) -> Any:
    """Parse JSON that stands inside another file, such as a checkpoint's metadata, with the bounds of read_json."""
    if len(text) > MAX_JSON:
        raise error(f"{printable(path, 200)}: expected at most {MAX_JSON:,} characters of JSON, found {len(text):,}")
    with reading(path, expected, remedy, error):
        content = json.loads(text)
        _require_depth(content, MAX_DEPTH)
    return content


def _require_depth(content: Any, depth: int) -> None:
    if isinstance(content, (dict, list)):
        if depth == 0:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
        for item in content.values() if isinstance(content, dict) else content:
            _require_depth(item, depth - 1)
