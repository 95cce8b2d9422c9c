"""Logs as CSV files: a row of numbers every few steps or epochs, readable even if a run was killed while writing."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.files import replacing


class CsvLog:
    """A CSV file with a column "step" and numbers in all columns; a cell is empty if its number was not measured.

    A process that is killed may leave half a row at the end. Damaged rows are skipped when the file is read.
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
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns).writerow(row)

    def read(self, gaps: bool = False) -> dict[str, npt.NDArray[np.float64]]:
        """{column: float64 array (rows,)}. Rows with an empty cell are skipped or, if `gaps`, read with NaN there."""
        columns, rows = self._rows()
        if not gaps:
            rows = [row for row in rows if "" not in row.values()]
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in columns or ("step", "epoch")}

    def drop_after(self, step: int) -> None:
        """Delete the rows of later steps; the file itself if none is left."""
        if not self.path.exists():
            return
        columns, rows = self._rows()
        kept = [row for row in rows if float(row["step"]) <= step]
        if kept:
            self._rewrite(columns, kept)
        else:  # the header may be damaged as well
            self.path.unlink()

    def _header(self) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8", errors="replace") as file:
            return next(csv.reader(file), [])

    def _rows(self) -> tuple[list[str], list[dict[str, str]]]:
        """(columns, the rows that are complete); ([], []) if there is no file."""
        if not self.path.exists():
            return [], []
        with self.path.open(newline="", encoding="utf-8", errors="replace") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            return columns, [row for row in reader if _is_complete(row, columns)]

    def _rewrite(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        with replacing(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


def _is_complete(row: Mapping[Any, Any], columns: Sequence[str]) -> bool:
    """Whether a row has a step, one cell for each column, and in every cell a finite number or nothing."""
    try:
        numbers = [float(row[name]) for name in columns if row[name] != ""]
        return None not in row and row["step"] != "" and bool(np.isfinite(numbers).all())
    except (KeyError, TypeError, ValueError):  # csv puts cells without a column under None, and None into missing cells
        return False
