"""minigan data: list, download and show data sets."""

import argparse
from pathlib import Path

from minigan.cli.console import say
from minigan.cli.parser import Commands, Parser, path_argument, text_argument
from minigan.errors import UserError, unknown_name

MAX_IMAGES = 10_000  # in one grid


def register(commands: Commands) -> Parser:
    """Add the command, with its actions."""
    parser = commands.add_parser("data", help="list, download and show data sets")
    parser.set_defaults(command=_list, root=None)
    actions = parser.add_subparsers(metavar="ACTION", parser_class=Parser)
    for name, command, description, add_options in (
        ("list", _list, "list the data sets, and where each one was found", _add_list_options),
        ("fetch", _fetch, "download a data set into the user's cache", _add_fetch_options),
        ("show", _show, "write a grid of a data set's images, chosen at random", _add_show_options),
    ):
        action = actions.add_parser(name, help=description, add_options=add_options)
        action.set_defaults(command=command, parser=action)
    return parser


def _add_list_options(parser: Parser) -> None:
    parser.add_argument(
        "--root",
        type=text_argument,
        metavar="FOLDER",
        help="where the data sets are (default: the user's cache or ./data)",
    )


def _add_fetch_options(parser: Parser) -> None:
    from minigan.data import DATASETS

    names = [name for name, source in DATASETS.items() if source.downloads]
    parser.add_argument("name", metavar="NAME", help=", ".join(names))


def _add_show_options(parser: Parser) -> None:
    from minigan.cli import settings_help

    parser.add_argument("name", metavar="NAME", help=settings_help.datasets(default_name=None))
    parser.add_argument("--out", type=path_argument, help="the PNG to write (default: NAME.png)")
    parser.add_argument("--count", type=int, default=100, help="number of images (default: %(default)s)")
    parser.add_argument(
        "--root",
        type=text_argument,
        metavar="FOLDER",
        help="where the data set is (default: the user's cache or ./data)",
    )


def _list(arguments: argparse.Namespace) -> int:
    from minigan import data

    for name, source in data.DATASETS.items():
        found = data.locate(name, None if source.synthetic else arguments.root)
        say(f"{name:16} {found or f'not found; {data.how_to_get(name)}'}")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from minigan import data

    say(data.fetch(arguments.name))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from minigan import data, plots
    from minigan.data.dataset import choose
    from minigan.runs.outputs import require_output

    if not 1 <= arguments.count <= MAX_IMAGES:
        raise UserError(f"--count {arguments.count}: expected 1 to {MAX_IMAGES}")
    if arguments.name not in data.DATASETS:
        raise unknown_name("data set", arguments.name, list(data.DATASETS))
    out = arguments.out or Path(f"{arguments.name}.png")
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out}: expected NAME.png, got the ending {out.suffix!r}")
    require_output(out, "PNG image")
    dataset = data.load(arguments.name, arguments.root)
    plots.save_image(out, plots.image_grid(choose(dataset.images, arguments.count, seed=0)))
    say(dataset, out)
    return 0
