"""The page: which sections it has, and where it may be written."""

import base64
import hashlib
import os
from html import escape
from pathlib import Path
from string import Template

from minigan import __version__
from minigan.errors import UserError
from minigan.files import replacing
from minigan.report import scores, sections
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.runs.outputs import require_output

GAN_COLUMNS = "step epoch loss_d loss_g d_x d_g_z accuracy_real accuracy_fake".split()  # of metrics.csv, to draw
CLASSIFIER_COLUMNS = "step epoch loss accuracy".split()


def write(path: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of the run in the folder `path` to `out`, by default report.html in the run; return its path.

    Raises UserError if there is no run, or one without metrics, and if `out` cannot be written, or is a file that is
    not a report of minigan.
    """
    run = RunFolder.open(path)
    out = run.path / "report.html" if out is None else Path(out)
    require_writable(out)
    html = page(run)
    with replacing(out) as temporary:
        temporary.write_text(html, encoding="utf-8", errors="replace")  # the name of a folder may be any bytes
    return out


def require_writable(out: Path) -> None:
    """Raise UserError unless `out` is a new file or an earlier report, in a folder that exists."""
    require_output(out, "report of minigan")
    parent = Path(os.path.realpath(out)).parent  # a link is written through
    if not parent.is_dir():
        raise UserError(f"--out {out}: expected a folder {parent} to write to, found none; create it first")


def page(run: RunFolder) -> str:
    """The HTML of the whole page. Raises UserError for a run without metrics."""
    settings = run.read_config()
    config, metadata = Config.from_dict(settings), settings.get("dataset", {})
    if not isinstance(metadata, dict):
        raise UserError(f"{run.config_path}: expected the metadata of a data set as dataset, found something else")
    metrics, epoch_scores = read_metrics(run, config), run.read_scores()
    curves, titles = sections.curves(config, metrics, epoch_scores)
    parts = [curves, scores.by_epoch(run, epoch_scores)]
    if not config.is_classifier:  # a classifier has no samples, and nothing to diagnose
        samples = sections.samples(run, config, metadata)
        parts = [samples, *parts, scores.evaluation(run), sections.diagnosis(run, titles)]
    parts.append(sections.configuration(settings, metadata))
    template = Path(__file__).with_name("template.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        script=script_source(template),
        version=escape(__version__),
        name=escape(Path(os.path.realpath(run.path)).name),
        summary=sections.summary(config, metadata, metrics),
        sections="\n\n".join(filter(None, parts)),
    )


def script_source(template: str) -> str:
    """The hash of the script in template.html, as a content security policy names it: no other script may run."""
    script = template.partition("<script>")[2].partition("</script>")[0]
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def read_metrics(run: RunFolder, config: Config) -> sections.Columns:
    """metrics.csv as {column: values}. Raises UserError if there is nothing to draw."""
    metrics = run.read_metrics()
    missing = [name for name in (CLASSIFIER_COLUMNS if config.is_classifier else GAN_COLUMNS) if name not in metrics]
    if missing or not len(metrics["step"]):
        expected = f"a column {missing[0]}" if missing else "numbers"
        raise UserError(
            f"{run.metrics_path}: expected {expected}, found none: the run has not logged anything yet, or the file "
            "is damaged"
        )
    return metrics
