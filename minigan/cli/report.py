"""minigan report: a run as one HTML file."""

from pathlib import Path


def add_to(commands):
    parser = commands.add_parser(
        "report",
        help="put a run into one HTML file",
        description="Writes one HTML file about a run, to look at or to send on: its samples behind a slider over the "
        "epochs, next to real pictures; curves; scores over the epochs and, of minigan evaluate, with their protocol; "
        "what minigan diagnose says; the settings. It needs no other file and no network. The report of before is "
        "replaced.",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run's folder")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the report (default: report.html in the run)")
    parser.set_defaults(command=_report)
    return parser


def _report(arguments):
    from minigan import report

    path = report.write(arguments.run, arguments.out)
    print(f"{path} ({path.stat().st_size / 1e6:.2f} MB); open it in a browser")
    return 0
