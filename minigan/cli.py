"""The `minigan` command. Bad input gives one line on standard error and exit status 2, never a traceback."""

import argparse
import json
import sys
import warnings
from difflib import get_close_matches
from pathlib import Path

from minigan import __version__
from minigan.errors import UserError

SUPPRESS = argparse.SUPPRESS  # an option not given leaves no trace, so that defaults can depend on the data


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, with the nearest known name."""

    def __init__(self, **settings):
        super().__init__(**settings | {"allow_abbrev": False})

    def error(self, message):
        sys.stderr.write(f"{self.prog}: error: {message}; see {self.prog} --help\n")
        sys.exit(2)

    def parse_args(self, args=None, namespace=None):
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = getattr(parsed, "parser", self)
            near = get_close_matches(unknown[0].split("=")[0], parser._option_string_actions, n=1)
            parser.error(f"unknown argument {unknown[0]}" + (f": did you mean {near[0]}?" if near else ""))
        return parsed

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            near = get_close_matches(str(value), choices, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            what = action.metavar or action.dest
            raise argparse.ArgumentError(None, f"unknown {what} {value!r}: {hint}Known: {', '.join(choices)}")


def main(argv=None):
    """Run one command; the exit status is 0, 1 for a run that diverged, 2 for bad input, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # β and × are no reason to fail where the terminal has none
            stream.reconfigure(errors="replace")
    warnings.showwarning = _warn
    arguments = build_parser().parse_args(argv)
    try:
        status = arguments.command(arguments)
    except UserError as error:
        status = _complain(str(error))
    except MemoryError as error:
        status = _complain(f"not enough memory: {error or 'give smaller numbers'}")
    except BrokenPipeError:  # `minigan data | head`: the reader has seen enough
        sys.stderr.close()
        status = 1
    except OSError as error:  # a full disk, no permission, a file where a folder should be
        status = _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _warn(message, *_):
    sys.stderr.write(f"minigan: warning: {message}\n")


def _complain(message):
    sys.stderr.write(f"minigan: error: {' '.join(message.split())}\n")
    return 2


def build_parser():
    parser = Parser(
        prog="minigan",
        description="Generative adversarial networks from scratch, on NumPy or (MINIGAN_BACKEND=cupy) CuPy.",
    )
    parser.add_argument("--version", action="version", version=f"minigan {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for add in (_add_train, _add_sample, _add_data, _add_bench, _add_doctor):
        subparser = add(commands)
        subparser.set_defaults(parser=subparser)
    return parser


# --- train -------------------------------------------------------------------------------------------------


def _add_train(commands):
    parser = commands.add_parser(
        "train",
        help="train a DCGAN",
        description="Train a DCGAN. Without options: on the embedded shapes, in about two minutes on two cores. "
        "Ctrl-C saves; --resume goes on bit for bit.",
        argument_default=SUPPRESS,
    )
    data = parser.add_argument_group("data")
    data.add_argument("--data", metavar="NAME", help="shapes (default), cifar10, mnist, fashion-mnist, or folder")
    data.add_argument("--root", metavar="FOLDER", help="where the data set is; default: the user's cache")
    data.add_argument("--image-size", type=int, help="of the pictures of --data folder (default: 64)")
    length = parser.add_argument_group("length")
    length.add_argument("--epochs", type=int, help="passes over the data (default: shapes 4, cifar10 50)")
    length.add_argument("--max-steps", type=int, help="stop after this many generator steps in all")
    network = parser.add_argument_group("network and game")
    network.add_argument("--batch-size", type=int, help="pictures a step (default: shapes 32, cifar10 128)")
    network.add_argument(
        "--width", type=int, help="channels next to the picture, doubled inwards (default: shapes 24, cifar10 64)"
    )
    network.add_argument("--latent-dim", type=int, help="size of the noise z (default: 128)")
    network.add_argument("--objective", metavar="NAME", help="non-saturating (default), minimax or least-squares")
    network.add_argument("--lr", type=float, help="Adam's learning rate (default: 0.0002)")
    network.add_argument("--betas", type=float, nargs=2, metavar="B", help="Adam's β₁ β₂ (default: 0.5 0.999)")
    network.add_argument("--discriminator-steps", type=int, metavar="K", help="per generator step (default: 1)")
    network.add_argument("--precision", metavar="NAME", help="fp32 (default), fp64; on a GPU tf32, bf16 too")
    network.add_argument("--seed", type=int, help="of weights, noise and order (default: 0)")
    run = parser.add_argument_group("run")
    run.add_argument("--out", metavar="RUN", type=Path, help="the run's folder (default: runs/DATA-1, -2, ...)")
    run.add_argument(
        "--resume",
        metavar="RUN",
        nargs="?",
        const=True,
        help="go on with a run: its folder, or one of its checkpoints; alone, with --out or the newest in runs/",
    )
    run.add_argument("--log-every", type=int, metavar="STEPS", help="between readings of the losses (default: 10)")
    run.add_argument(
        "--checkpoint-every", type=int, metavar="STEPS", help="beside the one at each epoch's end (default: none)"
    )
    run.add_argument("--keep", type=int, metavar="N", help="checkpoints kept (default: 2)")
    run.add_argument("--no-graph", action="store_true", help="on a GPU: kernel by kernel, not as one CUDA graph")
    parser.set_defaults(command=_train)
    return parser


def _load(config):
    from minigan import data

    return data.load(config.data, config.root, **({"image_size": config.image_size} if config.data == "folder" else {}))


def _train(arguments):
    given = {k: v for k, v in vars(arguments).items() if k not in ("command", "parser", "out", "resume", "no_graph")}
    from minigan import training
    from minigan.config import Config

    if hasattr(arguments, "resume"):
        folder, saved, config = _find_run(arguments, given)
    else:
        config, saved = Config.for_data(**given), None
    # Settings that cannot work with the data are refused here, before a folder is made for them.
    trainer = training.Trainer(config, _load(config), graph=not hasattr(arguments, "no_graph"))
    if saved is None:
        folder = _new_run(arguments, config)
    try:
        training.train(trainer, folder, saved)
    except training.Diverged as error:
        sys.stderr.write(f"minigan: {error}\n")
        return 1
    except training.Interrupted:
        print(f"\nstopped at step {trainer.step_count} and saved; go on with: minigan train --resume {folder.path}")
        return 130
    if saved is not None and saved.step == trainer.step_count:
        print(
            f"{folder.path} is at step {saved.step} already, where it was to end ({trainer.last_step}); "
            "give more --epochs or --max-steps to go on"
        )
        return 0
    print(
        f"trained to step {trainer.step_count}; see {folder.path}: samples/, curves.png, metrics.csv. "
        f"New pictures: minigan sample {folder.path}"
    )
    return 0


def _new_run(arguments, config):
    """The folder of a new run: --out, or the first free runs/DATA-1, -2, ..."""
    from minigan.run_folder import RunFolder

    if hasattr(arguments, "out"):
        if not arguments.out.name:
            raise UserError(f"--out {str(arguments.out)!r}: expected the name of a folder to make")
        return RunFolder.create(arguments.out)
    number = 1
    while Path(f"runs/{config.data}-{number}").exists():
        number += 1
    return RunFolder.create(f"runs/{config.data}-{number}")


def _find_run(arguments, given):
    """(folder, checkpoint, config) of the run to go on with."""
    from minigan import checkpoint
    from minigan.config import Config
    from minigan.run_folder import RunFolder

    path = arguments.resume
    if path is True:
        path = getattr(arguments, "out", None) or _newest_run()
    elif hasattr(arguments, "out") and Path(arguments.out) != Path(path):
        raise UserError(f"--out {arguments.out}: a resumed run stays in its folder {path}; leave --out away")
    path = Path(path)
    if path.suffix == ".safetensors":
        path = path.resolve()
        saved = checkpoint.load(path)
        folder = RunFolder.open(path.parent.parent)
    else:
        folder = RunFolder.open(path)
        saved = folder.latest_checkpoint()
    config = Config.from_dict(folder.read_config())
    Config.from_dict(saved.config).require_same_run(config, folder.config_path)
    return folder, saved, config.resumed_with(**given)


def _newest_run():
    runs = sorted(Path("runs").glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise UserError("--resume: expected the folder of a run, found none in runs/; give it: --resume RUN")
    return runs[-1].parent


# --- sample ------------------------------------------------------------------------------------------------


def _add_sample(commands):
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


# --- data --------------------------------------------------------------------------------------------------


def _add_data(commands):
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
        found = data.locate(name, None if name == "shapes" else arguments.root)
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


# --- bench and doctor --------------------------------------------------------------------------------------


def _add_bench(commands):
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


def _add_doctor(commands):
    parser = commands.add_parser("doctor", help="what minigan runs on, and what could be better")
    parser.set_defaults(command=_doctor)
    return parser


def _doctor(arguments):
    from minigan import doctor

    print("\n".join(doctor.report()))
    return 0
