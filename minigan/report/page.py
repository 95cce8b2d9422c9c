"""The page: what belongs in it, and where it may be written."""

import os
from html import escape
from pathlib import Path
from string import Template

from minigan import __version__
from minigan.config import Config
from minigan.errors import UserError
from minigan.files import replacing
from minigan.report import scores, sections
from minigan.run_folder import RunFolder

MARK = '<meta name="generator" content="minigan'  # in template.html, by which a report is known again
PLAYED = "step epoch loss_d loss_g d_x d_g_z accuracy_real accuracy_fake".split()  # the columns that are drawn
CLASSIFIED = "step epoch loss accuracy".split()


def write(path, out=None):
    """Write the report of the run in the folder `path`; returns where it is: `out`, by default report.html in the run.

    Raises UserError where there is no run, or one without metrics, and where `out` cannot be written, or holds
    something other than a report of minigan.
    """
    run = RunFolder.open(path)
    out = run.path / "report.html" if out is None else Path(out)
    require_place(out)
    html = page(run)
    with replacing(out) as temporary:
        temporary.write_text(html, encoding="utf-8", errors="replace")  # a folder may have any bytes for a name
    return out


def require_place(out):
    """Raise UserError where no report may be written."""
    real = Path(os.path.realpath(out))  # a link is written through
    if real.is_dir():
        raise UserError(f"--out {out}: expected the name of a file, found a folder; give NAME.html")
    if not real.parent.is_dir():
        raise UserError(f"--out {out}: expected a folder {real.parent} to write it into, found none; make it first")
    if real.is_file() and not _is_report(real):
        raise UserError(f"--out {out}: expected a new file or a report of minigan, found another file; give another")


def _is_report(path):
    with path.open("rb") as file:
        return MARK.encode() in file.read(2000)


def page(run):
    """The whole page of a RunFolder, as HTML. Raises UserError for a run without metrics."""
    settings = run.read_config()
    config, facts = Config.from_dict(settings), settings.get("dataset", {})
    metrics, epochs = read_metrics(run, config), run.read_scores()
    curves, shown = sections.curves(config, metrics, epochs)
    parts = [curves, scores.by_epoch(run, epochs)]
    if config.model != "classifier":  # which makes no samples, and plays no game
        parts = [sections.samples(run, config, facts), *parts, scores.evaluation(run), sections.doctor(run, shown)]
    parts.append(sections.configuration(settings, facts))
    template = Template(Path(__file__).with_name("template.html").read_text(encoding="utf-8"))
    return template.substitute(
        version=escape(__version__),
        name=escape(Path(os.path.realpath(run.path)).name),
        summary=sections.summary(config, facts, metrics),
        sections="\n\n".join(filter(None, parts)),
    )


def read_metrics(run, config):
    """metrics.csv of a RunFolder. Raises UserError where it has nothing to draw."""
    metrics = run.read_metrics()
    missing = [name for name in (CLASSIFIED if config.model == "classifier" else PLAYED) if name not in metrics]
    if missing or not len(metrics["step"]):
        what = f"a column {missing[0]}" if missing else "numbers"
        raise UserError(f"{run.metrics_path}: expected {what}, found none: the run has not begun, or is damaged")
    return metrics
