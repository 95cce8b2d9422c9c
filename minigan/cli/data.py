"""minigan data: list, fetch and look at data sets."""

from pathlib import Path

from minigan.cli.parser import Parser
from minigan.errors import UserError


def add_to(commands):
    parser = commands.add_parser("data", help="list, fetch and look at data sets")
    actions = parser.add_subparsers(metavar="ACTION", parser_class=Parser)
    parser.set_defaults(command=_data_list, root=None)
    listing = actions.add_parser("list", help="the data sets, and where each was found")
    listing.set_defaults(command=_data_list)
    fetch = actions.add_parser("fetch", help="download a data set into the user's cache")
    fetch.add_argument("name", metavar="NAME")
    fetch.set_defaults(command=_data_fetch)
    show = actions.add_parser("show", help="write a grid of a data set's pictures")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--out", type=Path, help="PNG to write (default: NAME.png)")
    show.add_argument("--count", type=int, default=100, help="how many (default: 100)")
    show.set_defaults(command=_data_show)
    for action in (listing, show):
        action.add_argument("--root", metavar="FOLDER", help="where the data set is; default: the user's cache")
    for action in (listing, fetch, show):
        action.set_defaults(parser=action)
    return parser


def _data_list(arguments):
    from minigan import data

    for name in data.NAMES:
        found = data.locate(name, None if name in data.DRAWN else arguments.root)
        print(f"{name:16} {found or f'not found; minigan data fetch {name}'}")
    return 0


def _data_fetch(arguments):
    from minigan import data

    print(data.fetch(arguments.name))
    return 0


def _data_show(arguments):
    from minigan import data, plots

    if arguments.count < 1:
        raise UserError(f"--count {arguments.count}: expected 1 or more")
    dataset = data.load(arguments.name, arguments.root)
    out = arguments.out or Path(f"{arguments.name}.png")
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out}: expected NAME.png, got the ending {out.suffix!r}")
    plots.save_image(out, plots.image_grid(dataset.images[: arguments.count]))
    print(f"{dataset}\n{out}")
    return 0
