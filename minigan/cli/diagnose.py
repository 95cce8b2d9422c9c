"""minigan diagnose: what is happening in a run, in words."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from minigan.cli.console import say
from minigan.cli.parser import Commands, Parser, path_argument

if TYPE_CHECKING:
    from minigan.evaluation.diagnosis import Finding


def register(commands: Commands) -> Parser:
    """Add the command."""
    parser = commands.add_parser(
        "diagnose",
        help="say in words what is happening in a run",
        description="Looks for the usual failures: a vanishing gradient, mode collapse, a discriminator that is too "
        "strong or too weak, oscillation. For each finding it prints the numbers behind it, which come from "
        "metrics.csv, scores.csv and, after minigan evaluate, scores.json, and what to try. Draws diagnosis.png.",
    )
    parser.add_argument("run", metavar="RUN", type=path_argument, help="a run's folder")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(command=_diagnose)
    return parser


def _diagnose(arguments: argparse.Namespace) -> int:
    from minigan import plots
    from minigan.evaluation import diagnosis
    from minigan.evaluation.figure import figure
    from minigan.evaluation.history import RunHistory
    from minigan.runs.outputs import require_output

    history = RunHistory(arguments.run)
    require_output(arguments.run / "diagnosis.png", "PNG image")
    findings, path = diagnosis.diagnose(history), arguments.run / "diagnosis.png"
    plots.save_figure(path, figure(history, findings))
    first, last = history.recent_steps
    if arguments.json:
        report = {"run": str(arguments.run), "now": {"from_step": first, "to_step": last}, "figure": str(path)}
        found = [{key: value for key, value in asdict(finding).items() if key != "panels"} for finding in findings]
        say(*json.dumps(report | {"findings": found}, indent=2).splitlines())
    else:
        head = f"{arguments.run}: {last} steps; numbers are medians of steps {first} to {last}"
        say(head, "", *(line for finding in findings for line in _paragraph(finding)), path)
    return 0


def _paragraph(finding: "Finding") -> list[str]:
    return [
        finding.name.upper(),
        f"  {finding.words}",
        f"  Seen: {finding.seen}.",
        f"  Try: {finding.advice}.",
        "",
    ]
