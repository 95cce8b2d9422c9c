"""Logs as CSV files: a row of numbers every few steps or epochs, readable even if a run was killed while writing."""

import csv
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.files import naming, replacing, sync
from minigan.foreign import require_regular

MAX_LOG = 2**30  # bytes, more than the metrics of ten million steps
REQUIRED = ("step", "epoch")  # columns of every log


class CsvLog:
    """A CSV file with columns "step" and "epoch" and numbers in all columns; a cell is empty if its number was not
    measured.

    A process that is killed may leave half a row at the end. Damaged rows are skipped when the file is read, and so
    are all rows of a file whose header is damaged. Every line is read by itself: no cell needs quotes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row, after a header if the file is new.

        If the row has new columns, the file is rewritten with all of them; earlier rows have empty cells there.
        """
        columns = self._header()
        if not set(row) <= set(columns):
            _, rows = self._rows()
            columns = list(dict.fromkeys([*columns, *row]))
            self._rewrite(columns, rows)
        with naming(self.path), self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns).writerow(row)

    def sync(self) -> None:
        """Wait until the rows are on the disk."""
        if self.path.exists():
            sync(self.path)
            sync(self.path.parent)

    def read(self, gaps: bool = False) -> dict[str, npt.NDArray[np.float64]]:
        """{column: float64 array (rows,)}. Rows with an empty cell are skipped or, if `gaps`, read with NaN there.

        There are always a step and an epoch, without rows if the file has no such columns.
        """
        columns, rows = self._rows()
        if not gaps:
            rows = [row for row in rows if "" not in row.values()]
        names = dict.fromkeys([*columns, *REQUIRED])
        return {name: np.array([float(row[name] or "nan") for row in rows], np.float64) for name in names}

    def drop_after(self, step: int) -> None:
        """Delete the rows of later steps, and damaged ones; the file itself if none is left.

        A file whose rows cannot be read, since its header is damaged, is kept under another name, with a warning.
        """
        if not self.path.exists():
            return
        columns, rows = self._rows()
        kept = [row for row in rows if float(row["step"]) <= step]
        if kept:
            if _text(columns, kept).encode() != self.path.read_bytes():
                self._rewrite(columns, kept)
        elif self._is_unreadable(columns):
            aside = self.path.with_name(f"damaged_{self.path.name}")
            self.path.replace(aside)
            warnings.warn(
                f"{self.path}: expected a first line with the columns {' and '.join(REQUIRED)}, found none; "
                f"the file is now {aside.name}, and a new one is begun",
                stacklevel=2,
            )
        else:
            self.path.unlink()

    def _header(self) -> list[str]:
        return next(self._lines(), [])

    def _rows(self) -> tuple[list[str], list[dict[str, str]]]:
        """(columns, the rows that are complete); ([], []) if there is no file."""
        lines = self._lines()
        columns = next(lines, [])
        if not _is_header(columns):
            return columns, []
        return columns, [dict(zip(columns, cells, strict=True)) for cells in lines if _is_complete(cells, columns)]

    def _lines(self) -> Iterator[list[str]]:
        """The cells of each line that is not empty.

        What follows the last line break was cut short: its last number may have lost digits, and still be a number.
        """
        if not self.path.exists():
            return
        require_regular(self.path, MAX_LOG)
        with self.path.open(newline="", encoding="utf-8", errors="replace") as file:
            for line in file.read().split("\n")[:-1]:
                if line.strip():
                    yield line.strip("\r").split(",")

    def _is_unreadable(self, columns: Sequence[str]) -> bool:
        return not _is_header(columns) and sum(1 for _ in self._lines()) > 1

    def _rewrite(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        with replacing(self.path) as temporary:
            temporary.write_text(_text(columns, rows), encoding="utf-8", newline="")


def _text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The content of a log."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _is_header(columns: Sequence[str]) -> bool:
    """Whether these are the columns of a log: those of every log among them, and none of them twice."""
    return set(REQUIRED) <= set(columns) and len(set(columns)) == len(columns)


def _is_complete(cells: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether a row has a step, one cell for each column, and in every cell a finite number or nothing."""
    if len(cells) != len(columns) or cells[list(columns).index("step")] == "":
        return False
    try:
        return bool(np.isfinite([float(cell) for cell in cells if cell != ""]).all())
    except ValueError:
        return False
