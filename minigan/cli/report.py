"""minigan report: a run as one HTML file."""

import argparse

from minigan.cli.console import say
from minigan.cli.parser import Commands, Parser, path_argument


def register(commands: Commands) -> Parser:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="write one HTML file about a run",
        description="Writes one HTML file about a run, to read or to send to someone: its samples, with a slider over "
        "the epochs, next to real images; its curves; its scores, per epoch and, from minigan evaluate, with their "
        "protocol; the findings of minigan diagnose; the settings. The file needs no other file and no network. An "
        "earlier report is replaced.",
    )
    parser.add_argument("run", metavar="RUN", type=path_argument, help="a run's folder")
    parser.add_argument(
        "--out", metavar="FILE", type=path_argument, help="the report (default: report.html in the run)"
    )
    parser.set_defaults(command=_report)
    return parser


def _report(arguments: argparse.Namespace) -> int:
    from minigan import report

    path = report.write(arguments.run, arguments.out)
    say(f"{path} ({path.stat().st_size / 1e6:.2f} MB); open it in a browser")
    return 0
