"""The scores of a run as tables: those of each epoch, and those of `minigan evaluate` with their protocol."""

import json
import shlex

import numpy as np

from minigan.report.markup import definitions, flat, paragraph, section, table

# scores.csv: what the table calls its columns, how it writes them, and what is least for the best value.
COLUMNS = {
    "diversity": ("diversity", "{:.3f}", lambda value: abs(value - 1)),
    "classifier_is": ("classifier IS", "{:.3f}", lambda value: -value),
    "classifier_fd": ("classifier FD", "{:.3f}", lambda value: value),
    "mode_coverage": ("mode coverage", "{:.0%}", lambda value: -value),
    "class_accuracy": ("class accuracy", "{:.2%}", lambda value: -value),
    "test_accuracy": ("test accuracy", "{:.2%}", lambda value: -value),
}

# scores.json: the same for what it has of samples and of real data alike.
MEASURES = {
    "classifier_is": ("classifier IS", lambda score: f"{score['mean']:.3f} ± {score['std']:.3f}"),
    "classifier_fd": ("classifier FD", "{:.3f}".format),
    "mode_coverage": ("mode coverage", "{:.0%}".format),
    "diversity": ("diversity of pixels", "{:.3f}".format),
    "class_accuracy": ("class accuracy", "{:.2%}".format),
}


def by_epoch(run, scores):
    """The scores of a RunFolder, as its read_scores returns them, the best of each column marked; "" where none."""
    names = [name for name in COLUMNS if name in scores and np.isfinite(scores[name]).any()]
    if not names:
        return ""
    headings, styles, least = zip(*(COLUMNS[name] for name in names), strict=True)
    cells = [
        [style.format(value) if np.isfinite(value) else "–" for value in scores[name]]
        for name, style in zip(names, styles, strict=True)
    ]
    rows = list(zip([f"{epoch:g}" for epoch in scores["epoch"]], *cells, strict=True))
    lowest = [int(np.nanargmin(of(scores[name]))) for name, of in zip(names, least, strict=True)]
    best = {(row, column) for column, row in enumerate(lowest, 1)}
    notes = ["★ is the best of its column, the first of equals."]
    if "diversity" in names:
        notes.append(
            "Of diversity that is the nearest to 1, that of real pictures; what a generator that has learned nothing "
            "makes can be as diverse, so look at the samples too."
        )
    if run.best_path.exists():
        notes.append("The epoch of the lowest classifier FD is kept as checkpoints/best.safetensors.")
    caption = f"After each of {len(rows)} epochs" if len(rows) > 1 else "After the first epoch"
    return section(
        "epochs",
        "Scores over the epochs",
        table("epochs-table", caption, ["epoch", *headings], rows, best),
        paragraph(" ".join(notes), "note"),
    )


def evaluation(run):
    """scores.json of a RunFolder, as `minigan evaluate` writes it; how to make it, where there is none."""
    path = run.path / "scores.json"
    if not path.exists():
        command = shlex.join(["minigan", "evaluate", str(run.path)])
        told = paragraph(f"None yet. `{command}` takes them, next to those of real data.")
    else:
        try:
            told = _evaluation(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            told = paragraph(f"{path}: expected the scores that minigan evaluate writes ({error!r})", "note")
    return section("evaluation", "Scores with their protocol", told)


def _evaluation(report):
    both = [report[kind] for kind in ("samples", "real")]
    made, real = (kind["class_histogram"] for kind in both)
    rows = [[name, *(text(kind[key]) for kind in both)] for key, (name, text) in MEASURES.items() if key in both[0]]
    near, right = report["nearest_neighbours"], report["discriminator"]
    rows.append(["distance to the nearest training picture", *_pair(near, "median_distance_of_{}", "{:.3f}")])
    rows.append(["discriminator is right", *_pair(right, "right_on_{}", "{:.0%}")])
    if "inception" in report:
        standard = [report["inception"][kind] for kind in ("samples", "real")]
        rows.append(["Inception Score", *(MEASURES["classifier_is"][1](kind["inception_score"]) for kind in standard)])
        rows.append(["FID", *(f"{kind['fid']:.3f}" for kind in standard)])
    classes = [[name, f"{number:,}", f"{real.get(name, 0):,}"] for name, number in made.items()]
    heads = ("samples", "real data")
    return "\n".join(
        [
            table("scores-table", "Samples against real data", ("score", *heads), rows),
            table("classes-table", "Pictures by class", ("class", *heads), classes),
            "<h3>Protocol</h3>",
            definitions(flat(report["protocol"])),
        ]
    )


def _pair(numbers, name, style):
    return [style.format(numbers[name.format(kind)]) for kind in ("samples", "real")]
