"""minigan diagnose."""


def add_to(commands):
    parser = commands.add_parser("diagnose", help="")
    return parser
