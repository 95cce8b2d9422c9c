"""The sections of the page, except the scores, which are in scores.py. A section says so if the run has nothing for it.

Each function returns HTML. run: a RunFolder; config: its settings as a Config; metadata: what config.json records
about the data set; metrics, scores: metrics.csv and scores.csv, as RunFolder.read_metrics and read_scores return them.
"""

import json
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from minigan.errors import UserError
from minigan.models import MODELS
from minigan.report import figures, frames
from minigan.report.markup import definitions, flat, image, paragraph, section, table
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from minigan.evaluation.diagnosis import Finding

Columns: TypeAlias = dict[str, Any]  # {column: values}


def summary(config: Config, metadata: dict[str, Any], metrics: Columns) -> str:
    """What was trained, on which data, and for how long."""
    pairs = [("Model", config.model), ("Data set", metadata.get("name", config.data))]
    if not config.is_classifier:
        pairs.append(("Objective", config.objective))
    step, epoch = metrics["step"][-1], metrics["epoch"][-1]
    return definitions([*pairs, ("Steps done", f"{step:,.0f}"), ("Epochs done", f"{epoch:.4g} of {config.epochs}")])


# --- samples ---------------------------------------------------------------------------------------------------


def samples(run: RunFolder, config: Config, metadata: dict[str, Any]) -> str:
    """The grids of the epochs with a slider, next to real images."""
    heading, shown, count = "Samples over the epochs", frames.frames(run), len(frames.grid_paths(run))
    if not shown:
        note = "None yet: a run writes a grid at the end of each epoch."
        return section("samples", heading, paragraph(note, "note"))
    epoch, source, size = shown[-1]
    columns = ", a column for each class" if MODELS[config.model].conditional else ""
    alt, caption = f"Samples after epoch {epoch}, as a grid{columns}", f"Samples after epoch {epoch}{columns}"
    if len(shown) > 1:  # the slider says which epoch it is
        caption = f"Samples{columns}: each position has its own noise, the same in every epoch"
    images = [image(source, size, alt, caption, "grid")]
    real = run.samples / "real.png"
    if real.is_file():
        caption = f"Real images of {metadata.get('name', config.data)}"
        images.append(image(*frames.encode(real), f"{caption}, as a grid", caption))
    parts = ['<div class="images">', *images, "</div>"]
    if len(shown) > 1:
        parts.insert(0, _slider(shown))
    if len(shown) < count:
        note = f"{len(shown)} of the run's {count} grids, evenly spaced, to keep this file small."
        parts.append(paragraph(note, "note"))
    return section("samples", heading, *parts)


def _slider(shown: Sequence[frames.Frame]) -> str:
    """The controls, which are hidden unless the script of template.html runs, and the images that it reads as JSON."""
    sources, last = [(frame.epoch, frame.source) for frame in shown], shown[-1].epoch
    stop, text = len(shown) - 1, f"epoch {last} of {last}"
    return f"""<div class="controls" id="controls" hidden>
<button type="button" id="previous">Previous</button>
<button type="button" id="play">Play</button>
<button type="button" id="next">Next</button>
<div>
<label for="epoch">Epoch</label>
<input type="range" id="epoch" min="0" max="{stop}" value="{stop}" aria-valuetext="{text}" autocomplete="off">
<output id="position" for="epoch" aria-live="polite">{text.capitalize()}</output>
</div>
</div>
<noscript>{paragraph("The slider needs JavaScript; this is the last grid.", "note")}</noscript>
<script type="application/json" id="frames">{json.dumps(sources)}</script>"""


# --- curves and diagnosis --------------------------------------------------------------------------------------


def curves(config: Config, metrics: Columns, scores: Columns) -> tuple[str, set[str]]:
    """(HTML, titles of the panels) of the curves of a run: losses, outputs and accuracies over the epochs."""
    from minigan import plots

    def draw() -> "Figure":
        if config.is_classifier:
            return plots.classifier_curves(metrics, scores)
        return plots.training_curves(metrics, config.make_objective())

    panels = figures.panels(draw, "curves")
    return section("curves", "Curves", _panels([svg for _, svg in panels])), {title for title, _ in panels}


def _panels(drawings: Sequence[str]) -> str:
    return "\n".join(['<div class="panels">', *drawings, "</div>"])


def diagnosis(run: RunFolder, titles: Collection[str]) -> str:
    """The findings of `minigan diagnose`, and the panels of its figure that mark a finding or are new.

    titles: the panels that the page shows already. A run that cannot be diagnosed, for example because it is too short,
    gets a note.
    """
    from minigan.evaluation.diagnosis import diagnose
    from minigan.evaluation.figure import figure
    from minigan.evaluation.history import RunHistory

    key, heading = "diagnosis", "Diagnosis"
    try:
        history = RunHistory(run.path)
    except UserError as error:
        return section(key, heading, paragraph(str(error), "note"))
    findings = diagnose(history)
    first, last = history.recent_steps
    panels = figures.panels(lambda: figure(history, findings), key)
    return section(
        key,
        heading,
        paragraph(f"A guess from medians of steps {first:,} to {last:,}; the samples have the last word."),
        *map(_finding, findings),
        _panels([svg for title, svg in panels if title not in titles]),
    )


def _finding(finding: "Finding") -> str:
    body = paragraph(finding.words) + "\n" + definitions([("Seen", finding.seen), ("Try", finding.advice)])
    return f'<div class="finding">\n<h3>{escape(finding.name.capitalize())}</h3>\n{body}\n</div>'


# --- settings --------------------------------------------------------------------------------------------------


def configuration(settings: dict[str, Any], metadata: dict[str, Any]) -> str:
    """config.json: the settings that are set, and the metadata of the data set.

    Paths are shortened to their last part: a report is meant to be shared, and need not reveal the folders of a
    machine.
    """
    of_run = {name: _without_folders(name, value) for name, value in settings.items() if name != "dataset"}
    of_data = {name: _without_folders(name, value) for name, value in metadata.items()}
    tables = [table("settings", "Settings that are set", ("setting", "value"), flat(of_run))]
    if of_data:
        tables.append(table("data", "Data set", ("property", "value"), flat(of_data)))
    return section("configuration", "Configuration", *tables)


def _without_folders(name: str, value: Any) -> Any:
    return Path(value).name if name in ("root", "classifier", "source") and isinstance(value, str) else value
