"""minigan doctor: what minigan runs on, and what could be better."""

import argparse

from minigan.cli.console import say
from minigan.cli.parser import Commands, Parser


def register(commands: Commands) -> Parser:
    """Add the command."""
    parser = commands.add_parser("doctor", help="show what minigan runs on, and what could be better")
    parser.set_defaults(command=_doctor)
    return parser


def _doctor(_: argparse.Namespace) -> int:
    from minigan import doctor

    say(*doctor.report())
    return 0
