"""minigan sample: images from a trained generator."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from minigan.cli.console import say
from minigan.cli.parser import Commands, Parser, path_argument
from minigan.errors import UserError

if TYPE_CHECKING:
    from minigan.inference.sampler import Sampler

# Options that contradict another one.
CONFLICTS = {
    "--history": ("--class", "--grid", "--interpolate", "--count", "--seed", "--checkpoint"),
    "--grid": ("--class", "--interpolate"),
}


class Samples(NamedTuple):
    """Generated images and how to show them: the columns of a grid, a description, and the class of each row."""

    images: Any  # uint8 (N, H, W, C)
    description: str
    columns: int | None = None  # None: a square grid
    row_classes: Sequence[int] = ()  # empty: rows are not classes


def register(commands: Commands) -> Parser:
    """Add the command. Its options, whose help lists the ways to interpolate, are added when they are needed."""
    parser = commands.add_parser("sample", help="generate images with a trained generator", add_options=_add_options)
    parser.set_defaults(command=_sample)
    return parser


def _add_options(parser: Parser) -> None:
    from minigan.inference.interpolation import METHODS

    parser.add_argument("run", metavar="RUN", type=path_argument, help="a run's folder, or one of its checkpoints")
    parser.add_argument(
        "--checkpoint",
        choices=("last", "best"),
        help="last (default), or best, which runs with --evaluate-every have",
    )
    parser.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="number of images (default: 64); with --grid, of noise vectors; with --interpolate, of rows or, for a "
        ".gif, of latent points (default for both: 8)",
    )
    parser.add_argument("--seed", type=int, help="of the noise (default: 0)")
    parser.add_argument(
        "--class", metavar="CLASS", help="for a conditional run: only this class, given by name or number"
    )
    parser.add_argument(
        "--grid", action="store_true", help="for a conditional run: a row per class, with the same noise in each row"
    )
    parser.add_argument(
        "--interpolate",
        metavar="METHOD",
        choices=tuple(METHODS),
        help=f"{' or '.join(METHODS)}: rows of images from one random latent point to another; with --out NAME.gif, a "
        "closed walk from point to point",
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="with --interpolate: images per row, or from point to point (default: 8)"
    )
    parser.add_argument("--history", action="store_true", help="the grids of the run's epochs as a GIF")
    parser.add_argument(
        "--out",
        type=path_argument,
        help="NAME.png for a grid, NAME.npz for an array arr_0 of uint8 (N, H, W, C), NAME.gif for an animation, "
        "any other name for a folder of PNGs (default, in the run: samples.png, class_grid.png, interpolation.png "
        "or history.gif)",
    )


def _sample(arguments: argparse.Namespace) -> int:
    _require_valid(arguments)
    if arguments.history:
        return _save_history(arguments)
    from minigan import plots
    from minigan.inference.sampler import Sampler, enlarge, save_images
    from minigan.runs.folder import find_checkpoint

    saved, folder = find_checkpoint(arguments.run, arguments.checkpoint or "last")
    sampler, seed = Sampler(saved), arguments.seed or 0
    class_name = getattr(arguments, "class")
    label = None if class_name is None else sampler.label(class_name)
    if arguments.grid:
        generate, name = _class_grid, "class_grid.png"
    elif arguments.interpolate is None:
        generate, name = _images, "samples.png"
    else:
        generate, name = _closed_walk if _is_gif(arguments.out) else _interpolation, "interpolation.png"
    out = arguments.out or folder / name
    _require_output(out)  # now, and not after an hour
    samples = generate(sampler, arguments, seed, label)
    if _is_gif(out):
        plots.save_animation(out, enlarge(samples.images), seconds_per_frame=0.08)
    else:
        save_images(samples.images, out, samples.columns)
    say(f"{samples.description} from {saved.path.name}, seed {seed}: {out}")
    if len(samples.row_classes):
        say(f"row by row: {', '.join(sampler.class_names[i] for i in samples.row_classes)}")
    return 0


def _images(sampler: "Sampler", arguments: argparse.Namespace, seed: int, label: int | None) -> Samples:
    count = arguments.count or 64
    images = sampler.generate(sampler.noise(count, seed), sampler.labels(count, label))
    return Samples(images, f"{count} images{_of_class(sampler, label)}")


def _class_grid(sampler: "Sampler", arguments: argparse.Namespace, seed: int, label: int | None) -> Samples:
    count, classes = arguments.count or 8, len(sampler.class_names)
    return Samples(sampler.class_grid(count, seed), f"{classes} classes × {count} noises", count, range(classes))


def _interpolation(sampler: "Sampler", arguments: argparse.Namespace, seed: int, label: int | None) -> Samples:
    rows, steps, method = arguments.count or 8, arguments.steps or 8, arguments.interpolate
    images = sampler.interpolate(rows, steps, method, seed, label)
    description = f"{rows} rows of {steps} images{_of_class(sampler, label)}, {method},"
    row_classes = sampler.labels(rows) if label is None else None
    return Samples(images, description, steps, () if row_classes is None else row_classes.tolist())


def _closed_walk(sampler: "Sampler", arguments: argparse.Namespace, seed: int, label: int | None) -> Samples:
    count, steps, method = arguments.count or 8, arguments.steps or 8, arguments.interpolate
    if sampler.conditional and label is None:
        label = 0
    frames = sampler.closed_walk(count, steps, method, seed, label)
    return Samples(frames, f"{len(frames)} frames through {count} points{_of_class(sampler, label)}, {method},")


def _of_class(sampler: "Sampler", label: int | None) -> str:
    return "" if label is None else f" of class {sampler.class_names[label]}"


def _save_history(arguments: argparse.Namespace) -> int:
    from minigan import plots
    from minigan.inference.sampler import epoch_grids
    from minigan.runs.folder import RunFolder

    run = RunFolder.open(arguments.run)
    out = arguments.out or run.path / "history.gif"
    _require_output(out)
    frames = epoch_grids(run)
    plots.save_animation(out, frames)
    say(f"history of {run.path}, frames: {len(frames)}: {out}")
    return 0


def _require_output(out: Path) -> None:
    """Raise UserError if an existing file would be lost."""
    from minigan.inference.sampler import require_image_output
    from minigan.runs.outputs import require_output

    if _is_gif(out):
        require_output(out, "GIF animation")
    else:
        require_image_output(out)


def _require_valid(arguments: argparse.Namespace) -> None:
    """Raise UserError for numbers out of range, and for options that contradict each other."""
    count, steps, out = arguments.count, arguments.steps, arguments.out
    interpolating = arguments.interpolate is not None
    max_count = 1000 if arguments.grid or interpolating else 10**7
    if count is not None and not 1 <= count <= max_count:
        raise UserError(f"--count {count}: expected 1 to {max_count}")
    if arguments.seed is not None and arguments.seed < 0:
        raise UserError(f"--seed {arguments.seed}: expected 0 or more")
    if steps is not None and not interpolating:
        raise UserError(f"--steps {steps}: expected --interpolate as well; they are its steps")
    if steps is not None and not 2 <= steps <= 1000:
        raise UserError(f"--steps {steps}: expected 2 to 1000")
    for option, others in CONFLICTS.items():
        for other in others:
            if _is_given(arguments, option) and _is_given(arguments, other):
                raise UserError(f"{option} with {other}: expected one of the two, not both")
    if arguments.checkpoint is not None and arguments.run.suffix == ".safetensors":
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


def _is_given(arguments: argparse.Namespace, option: str) -> bool:
    value = getattr(arguments, option.removeprefix("--"))
    return value is not None and value is not False


def _is_gif(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".gif"
