"""What the page says of a run, part by part; its scores are in scores.py. What a run does not have is said so.

Each function returns HTML. `run` is always a RunFolder, `config` its settings as a Config, `facts` those that
config.json has of the data set.
"""

import json
from html import escape
from pathlib import Path

from minigan.errors import UserError
from minigan.models import MODELS
from minigan.report import figures, frames
from minigan.report.markup import definitions, flat, paragraph, picture, section, table


def summary(config, facts, metrics):
    """What was trained, on what, and how far it has come."""
    pairs = [("Model", config.model), ("Data set", facts.get("name", config.data))]
    if config.model != "classifier":
        pairs.append(("Objective", config.objective))
    step, epoch = metrics["step"][-1], metrics["epoch"][-1]
    return definitions([*pairs, ("Steps done", f"{step:,.0f}"), ("Epochs done", f"{epoch:.4g} of {config.epochs}")])


# --- samples ---------------------------------------------------------------------------------------------------


def samples(run, config, facts):
    """The grids of the epochs behind a slider, the real pictures beside them."""
    heading, made, there = "Samples over the epochs", frames.frames(run), len(frames.grid_paths(run))
    if not made:
        return section("samples", heading, paragraph("None yet: a run writes a grid at the end of each epoch.", "note"))
    epoch, source, size = made[-1]
    columns = ", a column for each class" if MODELS[config.model].conditional else ""
    alt, caption = f"Samples after epoch {epoch}, as a grid{columns}", f"Samples after epoch {epoch}{columns}"
    if len(made) > 1:  # the slider says which epoch it is
        caption = f"Samples{columns}: each place has its own noise, the same in every epoch"
    pictures = [picture(source, size, alt, caption, "grid")]
    real, name = run.samples / "real.png", facts.get("name", config.data)
    if real.is_file():
        caption = f"Real pictures of {name}"
        source, size = frames.encoded(real)
        pictures.append(picture(source, size, f"{caption}, as a grid", caption))
    parts = ['<div class="pictures">', *pictures, "</div>"]
    if len(made) > 1:
        parts.insert(0, _slider([(epoch, source) for epoch, source, _ in made]))
    if len(made) < there:
        note = f"{len(made)} of the run's {there} grids, spread evenly, so that this file stays small."
        parts.append(paragraph(note, "note"))
    return section("samples", heading, *parts)


def _slider(made):
    """Its pictures are JSON, which template.html's script reads; where no script runs, the controls stay hidden."""
    epochs, stop = [epoch for epoch, _ in made], len(made) - 1
    here = f"poch {epochs[-1]} of {epochs[-1]}"
    return f"""<div class="controls" id="controls" hidden>
<button type="button" id="previous">Previous</button>
<button type="button" id="play">Play</button>
<button type="button" id="next">Next</button>
<div>
<label for="epoch">Epoch</label>
<input type="range" id="epoch" min="0" max="{stop}" value="{stop}" aria-valuetext="e{here}" autocomplete="off">
<output id="said" for="epoch" aria-live="polite">E{here}</output>
</div>
</div>
<noscript>{paragraph("The slider needs JavaScript; this is the last grid.", "note")}</noscript>
<script type="application/json" id="frames">{json.dumps(made)}</script>"""


# --- curves, the doctor ----------------------------------------------------------------------------------------


def curves(config, metrics, scores):
    """(HTML, titles of the panels): losses, and what goes with them, over the epochs.

    metrics, scores: as RunFolder.read_metrics and read_scores return them.
    """
    from minigan import plots

    def draw():
        if config.model == "classifier":
            return plots.classifier_curves(metrics, scores)
        return plots.training_curves(metrics, config.make_objective())

    panels = figures.panels(draw, "curves")
    return section("curves", "Curves", _side_by_side(panels)), {title for title, _ in panels}


def _side_by_side(panels):
    return "\n".join(['<div class="panels">', *(svg for _, svg in panels), "</div>"])


def doctor(run, shown):
    """The findings of `minigan diagnose`, and the panels that they mark or that are not `shown` yet.

    Of a run that is too short to be judged, the page says so.
    """
    from minigan import diagnosis
    from minigan.cli.diagnose import figure
    from minigan.recorded_game import RecordedGame

    heading = "What the doctor says"
    try:
        game = RecordedGame(run.path)
    except UserError as error:
        return section("doctor", heading, paragraph(str(error), "note"))
    findings = diagnosis.diagnose(game)
    first, last = (int(game.metrics["step"][row]) for row in (game.start, -1))
    panels = figures.panels(lambda: figure(game, findings), "doctor")
    return section(
        "doctor",
        heading,
        paragraph(f"Guessed from medians of steps {first:,} to {last:,}; the samples have the last word."),
        *map(_finding, findings),
        _side_by_side([panel for panel in panels if panel[0] not in shown]),
    )


def _finding(finding):
    seen = ", ".join(f"{name} {value:.3g}" for name, value in finding.evidence.items())
    told = paragraph(finding.words) + "\n" + definitions([("Seen", seen), ("Try", finding.advice)])
    return f'<div class="finding">\n<h3>{escape(finding.name.capitalize())}</h3>\n{told}\n</div>'


# --- the settings ----------------------------------------------------------------------------------------------


def configuration(settings, facts):
    """config.json: the settings that are set, and what the data set was.

    Of a folder the last name alone: a page is handed on, and whose machine it was made on is nobody's business.
    """
    of_run = {name: _last_name(name, value) for name, value in settings.items() if name != "dataset"}
    facts = {name: _last_name(name, value) for name, value in facts.items()}
    tables = [table("settings", "Settings that are set", ("setting", "value"), flat(of_run))]
    if facts:
        tables.append(table("data", "Data set", ("fact", "value"), flat(facts)))
    return section("configuration", "Configuration", *tables)


def _last_name(name, value):
    return Path(value).name if name in ("root", "classifier", "source") and isinstance(value, str) else value
