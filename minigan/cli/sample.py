"""minigan sample: pictures from a trained generator."""

from pathlib import Path

from minigan.errors import UserError


def add_to(commands):
    parser = commands.add_parser("sample", help="make pictures with a trained generator")
    parser.add_argument("run", metavar="RUN", type=Path, help="a run's folder, or one of its checkpoints")
    parser.add_argument("--count", type=int, default=64, help="how many (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")
    parser.add_argument(
        "--out",
        type=Path,
        help="NAME.png a grid, NAME.npz an array arr_0 of uint8 (N, H, W, C), otherwise a folder of PNGs "
        "(default: samples.png in the run)",
    )
    parser.set_defaults(command=_sample)
    return parser


def _sample(arguments):
    if not 1 <= arguments.count <= 10**7:
        raise UserError(f"--count {arguments.count}: expected 1 to 10000000")
    if arguments.seed < 0:
        raise UserError(f"--seed {arguments.seed}: expected 0 or more")
    from minigan import checkpoint, sampling
    from minigan.run_folder import RunFolder

    if arguments.run.suffix == ".safetensors":
        saved, folder = checkpoint.load(arguments.run), arguments.run.parent
    else:
        run = RunFolder.open(arguments.run)
        saved, folder = run.latest_checkpoint(), run.path
    out = arguments.out or folder / "samples.png"
    sampling.write(sampling.sample(saved, arguments.count, arguments.seed), out)
    print(f"{arguments.count} pictures from {saved.path.name}, seed {arguments.seed}: {out}")
    return 0
