"""The `minigan` command. Bad input gives one line on standard error and exit status 2, never a traceback."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from minigan import __version__
from minigan.cli import bench, data, diagnose, doctor, evaluate, report, sample, train
from minigan.cli.parser import Parser
from minigan.errors import UserError


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command; the exit status is 0, 1 for a run that diverged, 2 for bad input, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without β and × shows a question mark instead of failing
            stream.reconfigure(errors="replace")
    warnings.showwarning = _warn
    try:
        arguments = build_parser().parse_args(argv)
        status = arguments.command(arguments)
    except UserError as error:
        status = _print_error(str(error))
    except MemoryError as error:
        status = _print_error(f"not enough memory: {error or 'choose smaller numbers'}")
    except BrokenPipeError:  # `minigan data | head`: the reader has closed the pipe
        sys.stderr.close()
        status = 1
    except OSError as error:  # a full disk, no permission, a file where a folder should be
        status = _print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


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


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    sys.stderr.write(f"minigan: warning: {message}\n")


def _print_error(message: str) -> int:
    sys.stderr.write(f"minigan: error: {' '.join(message.split())}\n")
    return 2
