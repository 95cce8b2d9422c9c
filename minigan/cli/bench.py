"""minigan bench: measure training and sampling."""

import json

from minigan.errors import UserError


def add_to(commands):
    from minigan.bench import PEERS

    parser = commands.add_parser(
        "bench",
        help="measure training and sampling, against other engines in turn",
        description="Images per second of the full training step and of sampling, GFLOP/s against the BLAS peak, and "
        "peak memory; each engine in a process of its own, in turn.",
    )
    parser.add_argument("--batch-size", type=int, nargs="+", default=[128], help="one or more (default: 128)")
    parser.add_argument("--width", type=int, default=64, help="of the networks (default: 64)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn (default: 2)")
    parser.add_argument("--against", metavar="PEER", choices=list(PEERS), action="append", default=[],
                        help=f"measure {' or '.join(PEERS)} too")  # fmt: skip
    parser.add_argument("--precision", default="fp32", metavar="NAME", help="fp32 (default); on a GPU tf32, bf16 too")
    parser.add_argument("--profile", action="store_true", help="where a step's time goes, operation by operation")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(command=_bench)
    return parser


def _bench(arguments):
    from minigan import bench, doctor

    for name in ("width", "rounds"):
        if getattr(arguments, name) < 1:
            raise UserError(f"--{name} {getattr(arguments, name)}: expected 1 or more")
    if min(arguments.batch_size) < 1:
        raise UserError(f"--batch-size {min(arguments.batch_size)}: expected 1 or more")
    if not 0 < arguments.seconds < 3600:
        raise UserError(f"--seconds {arguments.seconds}: expected a number above 0")
    from minigan import backend  # a wrong MINIGAN_BACKEND is refused here and not in every worker
    from minigan.bench import gpu

    if arguments.precision == "fp64":
        raise UserError("bench --precision fp64: expected fp32, or on a GPU tf32 or bf16")
    backend.set_precision(arguments.precision)
    if arguments.profile:
        from minigan.bench import profile

        for size in arguments.batch_size:
            print("\n".join(profile.table(size, arguments.width)), end="\n\n")
        return 0
    settings = arguments.width, arguments.rounds, arguments.seconds, arguments.against
    results = [
        bench.measure(size, *settings) if backend.on_cpu else gpu.measure(size, *settings, arguments.precision)
        for size in arguments.batch_size
    ]
    if arguments.json:
        print(json.dumps([result for group in results for result in group], indent=2))
        return 0
    for group in results:
        print("\n".join(bench.table(group) if backend.on_cpu else gpu.table(group)), end="\n\n")
    if backend.on_cpu and (warning := doctor.slow_kernels_warning()):
        print(f"warning: {warning}")
    return 0
