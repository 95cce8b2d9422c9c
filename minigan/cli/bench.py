"""minigan bench: measure training and sampling."""

import argparse
import json

from minigan.cli.console import say
from minigan.cli.parser import Commands, Parser
from minigan.errors import UserError


def register(commands: Commands) -> Parser:
    """Add the command. Its options, whose help lists the known engines, are added when they are needed."""
    parser = commands.add_parser(
        "bench",
        help="measure training and sampling, also against other engines",
        description="Images per second in full training steps and in sampling, GFLOP/s compared with the BLAS peak, "
        "and peak memory. Each engine has its own process, and they take turns.",
        add_options=_add_options,
    )
    parser.set_defaults(command=_bench)
    return parser


def _add_options(parser: Parser) -> None:
    from minigan.backend import PRECISIONS
    from minigan.bench import PEERS

    parser.add_argument(
        "--batch-size", type=int, nargs="+", default=[128], metavar="N", help="one or more sizes (default: 128)"
    )
    parser.add_argument("--width", type=int, default=64, metavar="N", help="of the networks (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="turns per engine (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn (default: %(default)g)")
    parser.add_argument(
        "--against",
        metavar="PEER",
        choices=list(PEERS),
        action="append",
        default=[],
        help=f"measure this engine as well: {' or '.join(PEERS)}; may be repeated",
    )
    names = ", ".join(name for name in PRECISIONS if name != "fp64")
    parser.add_argument(
        "--precision", default="fp32", metavar="NAME", help=f"{names}; all but fp32 need a GPU (default: %(default)s)"
    )
    parser.add_argument("--profile", action="store_true", help="show the time of each operation in a step")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _bench(arguments: argparse.Namespace) -> int:
    for name in ("width", "rounds"):
        if getattr(arguments, name) < 1:
            raise UserError(f"--{name} {getattr(arguments, name)}: expected 1 or more")
    if min(arguments.batch_size) < 1:
        raise UserError(f"--batch-size {min(arguments.batch_size)}: expected 1 or more")
    if not 0 < arguments.seconds < 3600:
        raise UserError(f"--seconds {arguments.seconds}: expected a number above 0")
    if arguments.precision == "fp64":
        raise UserError("bench --precision fp64: expected fp32, or on a GPU tf32 or bf16")
    from minigan import backend, bench
    from minigan.bench import gpu
    from minigan.ops.cpu.blas import slow_kernels_warning

    backend.set_precision(arguments.precision)
    if arguments.profile:
        from minigan.bench import profile

        for size in arguments.batch_size:
            say(*profile.table(size, arguments.width), "")
        return 0
    settings = arguments.width, arguments.rounds, arguments.seconds, arguments.against
    results = [
        bench.measure(size, *settings) if backend.on_cpu else gpu.measure(size, *settings, arguments.precision)
        for size in arguments.batch_size
    ]
    if arguments.json:
        say(*json.dumps([result for group in results for result in group], indent=2).splitlines())
        return 0
    for group in results:
        say(*(bench.table(group) if backend.on_cpu else gpu.table(group)), "")
    if backend.on_cpu and (warning := slow_kernels_warning()):
        say(f"warning: {warning}")
    return 0
