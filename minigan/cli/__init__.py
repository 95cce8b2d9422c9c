"""The `minigan` command. Bad input gives one line on standard error and exit status 2, never a traceback."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from minigan import __version__
from minigan.cli import bench, console, data, diagnose, doctor, evaluate, report, sample, train
from minigan.cli.parser import Parser
from minigan.errors import UserError

INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command, and exit.

    The exit status is 0, 1 for a run that diverged or a closed pipe, 2 for bad input, 70 for a mistake in minigan
    itself, 130 after Ctrl-C. With MINIGAN_DEBUG=1, such a mistake shows its traceback.
    """
    console.prepare()
    warnings.showwarning = console.warn
    sys.exit(console.finish(_status(argv)))


def _status(argv: Sequence[str] | None) -> int:
    """The exit status of a command."""
    try:
        arguments = build_parser().parse_args(argv)
        status: int = arguments.command(arguments)
    except SystemExit as stop:  # of the parser: --help, --version, or a mistake that it has printed
        return stop.code if isinstance(stop.code, int) else 0
    except UserError as error:
        return console.fail(error)
    except MemoryError as error:
        return console.fail(f"not enough memory ({str(error) or 'the system says no more'}); give smaller numbers")
    except BrokenPipeError:  # `minigan data | head`: the reader has closed the pipe
        return 1
    except OSError as error:  # a full disk, no permission, a file where a folder should be
        return console.fail(f"{error.filename}: {error.strerror}" if error.filename else error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # The last resort: a mistake in minigan itself, of which a user can only tell its authors.
        if os.environ.get("MINIGAN_DEBUG"):
            raise
        console.fail(
            f"internal error, {type(error).__name__}: {error}", advice="; set MINIGAN_DEBUG=1 for the traceback"
        )
        return INTERNAL_ERROR
    return status


def build_parser() -> Parser:
    """The parser of the command, with its subcommands; parsed arguments have `command`, a function that runs them."""
    parser = Parser(
        prog="minigan",
        description="Generative adversarial networks from scratch, on NumPy or (MINIGAN_BACKEND=cupy) CuPy.",
    )
    parser.add_argument("--version", action="version", version=f"minigan {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for module in (train, sample, evaluate, diagnose, report, data, bench, doctor):
        subparser = module.register(commands)
        subparser.set_defaults(parser=subparser)
    return parser
