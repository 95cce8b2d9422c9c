"""The scores of a run as tables: those of each epoch, and those of `minigan evaluate` with their protocol."""

import shlex
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigan.errors import UserError
from minigan.evaluation.scores_file import read_scores_file
from minigan.evaluation.table import rows as score_rows
from minigan.report.markup import definitions, flat, paragraph, section, table
from minigan.runs.folder import RunFolder


class Column(NamedTuple):
    """A column of scores.csv: its heading, its format, and a function that is smallest for the best value."""

    heading: str
    format: str
    distance: Callable[[Any], Any]


COLUMNS = {
    "diversity": Column("diversity", "{:.3f}", lambda value: abs(value - 1)),
    "classifier_is": Column("classifier IS", "{:.3f}", lambda value: -value),
    "classifier_fd": Column("classifier FD", "{:.3f}", lambda value: value),
    "mode_coverage": Column("mode coverage", "{:.0%}", lambda value: -value),
    "class_accuracy": Column("class accuracy", "{:.2%}", lambda value: -value),
    "test_accuracy": Column("test accuracy", "{:.2%}", lambda value: -value),
}


def by_epoch(run: RunFolder, scores: dict[str, Any]) -> str:
    """The scores after each epoch, with the best of each column marked; "" if there are none.

    scores: scores.csv, as RunFolder.read_scores returns it.
    """
    names = [name for name in COLUMNS if name in scores and np.isfinite(scores[name]).any()]
    if not names:
        return ""
    if "epoch" not in scores:
        problem = f"{run.scores_path}: expected a column epoch, found none; the file is damaged"
        return section("epochs", "Scores over the epochs", paragraph(problem, "note"))
    columns = [COLUMNS[name] for name in names]
    cells = [
        [column.format.format(value) if np.isfinite(value) else "–" for value in scores[name]]
        for name, column in zip(names, columns, strict=True)
    ]
    rows = list(zip([f"{epoch:g}" for epoch in scores["epoch"]], *cells, strict=True))
    best_rows = [int(np.nanargmin(column.distance(scores[name]))) for name, column in zip(names, columns, strict=True)]
    best = {(row, column) for column, row in enumerate(best_rows, 1)}
    notes = ["★ is the best of its column, the first one if several are equal."]
    if "diversity" in names:
        notes.append(
            "The best diversity is the one nearest to 1, the diversity of real images; images of a generator that has "
            "learned nothing can be as diverse, so compare the samples as well."
        )
    if run.best_path.exists():
        notes.append("The epoch with the lowest classifier FD is saved as checkpoints/best.safetensors.")
    caption = f"After each of {len(rows)} epochs" if len(rows) > 1 else "After the first epoch"
    return section(
        "epochs",
        "Scores over the epochs",
        table("epochs-table", caption, ["epoch", *(column.heading for column in columns)], rows, best),
        paragraph(" ".join(notes), "note"),
    )


def evaluation(run: RunFolder) -> str:
    """scores.json, as `minigan evaluate` writes it, or the command that writes it, or why it cannot be read."""
    try:
        report = read_scores_file(run.path / "scores.json")
    except UserError as error:
        body = paragraph(str(error), "note")
    else:
        if report is None:
            command = shlex.join(["minigan", "evaluate", str(run.path)])
            body = paragraph(f"None yet. `{command}` computes them, next to those of real data.")
        else:
            body = _evaluation(report)
    return section("evaluation", "Scores with their protocol", body)


def _evaluation(report: dict[str, Any]) -> str:
    heads = ("samples", "real data")
    fake, real = (report[kind]["class_histogram"] for kind in ("samples", "real"))
    classes = [(name, f"{number:,}", f"{real.get(name, 0):,}") for name, number in fake.items()]
    return "\n".join(
        [
            table("scores-table", "Samples compared with real data", ("score", *heads), score_rows(report)),
            table("classes-table", "Images per class", ("class", *heads), classes),
            "<h3>Protocol</h3>",
            definitions(flat(report["protocol"])),
        ]
    )
