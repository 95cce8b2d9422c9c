"""What a command may write: a new file, or instead of one of the same kind; never over a file of a run."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from minigan.errors import UserError
from minigan.foreign import read_json, reading
from minigan.runs.search import is_run

# What training writes and reads again, in the folder of a run. Other commands write new files next to these.
RUN_FILES = {"config.json", "metrics.csv", "scores.csv", "curves.png", ".lock"}
RUN_FOLDERS = {"samples", "checkpoints"}

REPORT_MARK = b'<meta name="generator" content="minigan'  # in report/template.html


def require_output(out: str | Path, kind: str) -> None:
    """Raise UserError unless a command may write `out`, a file of a kind in KINDS: before the work is begun.

    `out` must be a new file, in a folder that exists or can be created, or replace a file of the same kind; it must not
    be a file of a run, also if it is reached by a link.
    """
    real = Path(os.path.realpath(out))  # a link is written through
    require_outside_of_runs(out)
    if real.is_dir():
        raise UserError(f"--out {out}: expected the name of a file, found a folder")
    if real.exists() and not real.is_file():
        raise UserError(f"--out {out}: expected the name of a file, found a device or pipe")
    if real.is_file() and real.stat().st_size and not KINDS[kind](real):  # an empty file has nothing to lose
        raise UserError(
            f"--out {out}: expected a new file or another {kind}, found something else; give "
            "another --out, or delete the file"
        )
    parent = next(folder for folder in real.parents if folder.exists())
    if not parent.is_dir():
        raise UserError(f"--out {out}: expected a folder to write to, found the file {parent}")
    if not os.access(parent, os.W_OK):
        raise UserError(f"--out {out}: expected a folder to write to, found no permission to write to {parent}")


def require_outside_of_runs(out: str | Path) -> None:
    """Raise UserError if `out` is one of the files or folders that a run consists of, or is in one of these folders."""
    real = Path(os.path.realpath(out))
    for inside in (real, *real.parents):
        own = RUN_FILES | RUN_FOLDERS if inside == real else RUN_FOLDERS
        if inside.name.lower() in own and is_run(inside.parent):
            raise UserError(f"--out {out}: expected a file of your own, found one of the run {inside.parent}")


def _starts_with(*signatures: bytes) -> Callable[[Path], bool]:
    def check(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(16).startswith(signatures)

    return check


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return REPORT_MARK in file.read(2000)


def _is_samples(path: Path) -> bool:
    """Whether a file is an .npz of samples: a data set, such as mnist.npz, has other arrays."""
    try:
        with reading(path, "an .npz file"), zipfile.ZipFile(path) as file:
            return file.namelist() == ["arr_0.npy"]
    except UserError:
        return False


def _is_scores(path: Path) -> bool:
    try:
        content = read_json(path, "scores")
    except UserError:
        return False
    return isinstance(content, dict) and {"protocol", "samples", "real"} <= set(content)


# What the commands write, each with a function that recognizes a file of this kind.
KINDS: dict[str, Callable[[Path], bool]] = {
    "PNG image": _starts_with(b"\x89PNG\r\n\x1a\n"),
    "GIF animation": _starts_with(b"GIF87a", b"GIF89a"),
    ".npz file of samples": _is_samples,
    "file of scores": _is_scores,
    "report of minigan": _is_report,
}
