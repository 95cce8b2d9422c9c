"""minigan sample: pictures from a trained generator."""

from pathlib import Path

from minigan.errors import UserError

# What cannot be given together with an option.
EXCLUDED = {
    "--history": ("--class", "--grid", "--interpolate", "--count", "--seed", "--checkpoint"),
    "--grid": ("--class", "--interpolate"),
}


def add_to(commands):
    parser = commands.add_parser("sample", help="make pictures with a trained generator")
    parser.add_argument("run", metavar="RUN", type=Path, help="a run's folder, or one of its checkpoints")
    parser.add_argument(
        "--checkpoint", choices=("last", "best"), help="last (default) or best, of train --evaluate-every"
    )
    parser.add_argument(
        "--count",
        type=int,
        help="how many (default: 64); with --grid noises, with --interpolate rows or, in a .gif, points (default: 8)",
    )
    parser.add_argument("--seed", type=int, help="of the noise (default: 0)")
    parser.add_argument("--class", metavar="CLASS", help="of a conditional run: this class alone, a name or a number")
    parser.add_argument(
        "--grid", action="store_true", help="of a conditional run: a row for each class, the same noise in every row"
    )
    parser.add_argument(
        "--interpolate",
        metavar="METHOD",
        choices=("linear", "spherical"),
        help="linear or spherical: rows of pictures from one random latent point to another; "
        "with --out NAME.gif a closed walk from point to point",
    )
    parser.add_argument(
        "--steps", type=int, help="of --interpolate: pictures of a row, or from point to point (default: 8)"
    )
    parser.add_argument("--history", action="store_true", help="the pictures of the run's epochs as a GIF")
    parser.add_argument(
        "--out",
        type=Path,
        help="NAME.png a grid, NAME.npz an array arr_0 of uint8 (N, H, W, C), NAME.gif an animation, otherwise a "
        "folder of PNGs (default, in the run: samples.png, class_grid.png, interpolation.png or history.gif)",
    )
    parser.set_defaults(command=_sample)
    return parser


def _sample(arguments):
    _require_sense(arguments)
    if arguments.history:
        return _history(arguments)
    from minigan import plots, sampling
    from minigan.run_folder import find_checkpoint

    saved, _ = find_checkpoint(arguments.run, arguments.checkpoint or "last")
    sampler, seed = sampling.Sampler(saved), arguments.seed or 0
    class_name = getattr(arguments, "class")
    label = None if class_name is None else sampler.label(class_name)
    if arguments.grid:
        make, name = _class_grid, "class_grid.png"
    elif arguments.interpolate is None:
        make, name = _pictures, "samples.png"
    else:
        make, name = _closed_walk if _is_gif(arguments.out) else _rows_between, "interpolation.png"
    out = arguments.out or (arguments.run.parent if _is_checkpoint(arguments.run) else arguments.run) / name

    pictures, columns, what, classes = make(sampler, arguments, seed, label)
    if _is_gif(out):
        plots.save_animation(out, sampling.enlarged(pictures), seconds_per_frame=0.08)
    else:
        sampling.write(pictures, out, columns)
    print(f"{what} from {saved.path.name}, seed {seed}: {out}")
    if len(classes):
        print(f"row by row: {', '.join(sampler.class_names[i] for i in classes)}")
    return 0


# Each returns (pictures, columns, what they are, the classes of the rows where these are to be named).


def _pictures(sampler, arguments, seed, label):
    count = arguments.count or 64
    pictures = sampler.pictures(sampler.noise(count, seed), sampler.labels(count, label))
    return pictures, None, f"{count} pictures{_of_class(sampler, label)}", ()


def _class_grid(sampler, arguments, seed, label):
    count, classes = arguments.count or 8, len(sampler.class_names)
    return sampler.class_grid(count, seed), count, f"{classes} classes × {count} noises", range(classes)


def _rows_between(sampler, arguments, seed, label):
    rows, steps, method = arguments.count or 8, arguments.steps or 8, arguments.interpolate
    pictures = sampler.rows_between(rows, steps, method, seed, label)
    what = f"{rows} rows of {steps} pictures{_of_class(sampler, label)}, {method},"
    return pictures, steps, what, sampler.labels(rows) if sampler.conditional and label is None else ()


def _closed_walk(sampler, arguments, seed, label):
    count, steps, method = arguments.count or 8, arguments.steps or 8, arguments.interpolate
    label = 0 if sampler.conditional and label is None else label
    pictures = sampler.closed_walk(count, steps, method, seed, label)
    return pictures, None, f"{len(pictures)} frames through {count} points{_of_class(sampler, label)}, {method},", ()


def _of_class(sampler, label):
    return "" if label is None else f" of class {sampler.class_names[label]}"


def _history(arguments):
    from minigan import plots, sampling
    from minigan.run_folder import RunFolder

    run = RunFolder.open(arguments.run)
    frames = sampling.history(run)
    out = arguments.out or run.path / "history.gif"
    plots.save_animation(out, frames)
    print(f"history of {run.path}, frames: {len(frames)}: {out}")
    return 0


def _require_sense(arguments):
    """Raises UserError for numbers out of range, and for options that contradict each other."""
    count, steps, out = arguments.count, arguments.steps, arguments.out
    interpolating = arguments.interpolate is not None
    most = 1000 if arguments.grid or interpolating else 10**7
    if count is not None and not 1 <= count <= most:
        raise UserError(f"--count {count}: expected 1 to {most}")
    if arguments.seed is not None and arguments.seed < 0:
        raise UserError(f"--seed {arguments.seed}: expected 0 or more")
    if steps is not None and not interpolating:
        raise UserError(f"--steps {steps}: expected --interpolate as well, whose steps these are")
    if steps is not None and not 2 <= steps <= 1000:
        raise UserError(f"--steps {steps}: expected 2 to 1000")
    for option, excluded in EXCLUDED.items():
        for other in excluded:
            if _given(arguments, option) and _given(arguments, other):
                raise UserError(f"{option} with {other}: expected one of the two, not both")
    if arguments.checkpoint is not None and _is_checkpoint(arguments.run):
        raise UserError(
            f"--checkpoint {arguments.checkpoint}: expected a run's folder, got the checkpoint {arguments.run}"
        )
    if arguments.history and out is not None and not _is_gif(out):
        raise UserError(f"--out {out}: expected NAME.gif for --history")
    if _is_gif(out) and not (arguments.history or interpolating):
        raise UserError(
            f"--out {out}: expected NAME.png, NAME.npz or a folder; .gif is for --interpolate and --history"
        )
    if _is_gif(out) and count == 1:
        raise UserError("--count 1: expected at least 2 points to walk between")


def _given(arguments, option):
    value = getattr(arguments, option.removeprefix("--"))
    return value is not None and value is not False


def _is_checkpoint(path):
    return path.suffix == ".safetensors"


def _is_gif(path):
    return path is not None and path.suffix.lower() == ".gif"
