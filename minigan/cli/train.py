"""minigan train: start a run, or resume one."""

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigan.cli import console
from minigan.cli.console import say
from minigan.cli.parser import SUPPRESS, Commands, Parser, path_argument, text_argument
from minigan.errors import UserError

if TYPE_CHECKING:
    from minigan.runs.checkpoint import Checkpoint
    from minigan.runs.config import Config
    from minigan.runs.folder import RunFolder

NO_SETTINGS = ("command", "parser", "out", "resume", "no_graph")  # all other arguments are settings of the run


def register(commands: Commands) -> Parser:
    """Add the command. Its options, whose help comes from the registries, are added when they are needed."""
    parser = commands.add_parser(
        "train",
        help="train a GAN, or the classifier that scores one",
        description="Train a GAN. Without options: a DCGAN on generated images of shapes, in about two minutes on two "
        "cores. Ctrl-C saves the run; --resume continues it bit for bit.",
        argument_default=SUPPRESS,
        add_options=_add_options,
    )
    parser.set_defaults(command=_train)
    return parser


def _add_options(parser: Parser) -> None:
    from minigan.backend import PRECISIONS
    from minigan.cli import settings_help
    from minigan.cli.settings_help import default, with_objective
    from minigan.losses import LeastSquares

    usual = LeastSquares()
    parser.add_argument(
        "--preset", metavar="NAME", help=f"settings that belong together, one of:\n{settings_help.presets()}"
    )
    data = parser.add_argument_group("data")
    data.add_argument("--data", metavar="NAME", help=settings_help.datasets())
    data.add_argument(
        "--root",
        type=text_argument,
        metavar="FOLDER",
        help="where the data set is (default: the user's cache or ./data)",
    )
    data.add_argument(
        "--image-size",
        type=int,
        metavar="N",
        help=f"resize the images of --data folder to N×N ({default('image_size')})",
    )
    data.add_argument("--flip", action="store_true", help="mirror half of the real images, at random")
    length = parser.add_argument_group("length")
    length.add_argument("--epochs", type=int, metavar="N", help=f"passes over the data ({default('epochs')})")
    length.add_argument("--max-steps", type=int, metavar="N", help="stop after N steps in total")
    network = parser.add_argument_group("networks and optimization")
    network.add_argument("--model", metavar="NAME", help=settings_help.models())
    network.add_argument("--batch-size", type=int, metavar="N", help=f"images per step ({default('batch_size')})")
    network.add_argument(
        "--generator-batch-size",
        type=int,
        metavar="N",
        help="images generated in a generator step (default: as --batch-size)",
    )
    network.add_argument(
        "--width",
        type=int,
        metavar="N",
        help=f"channels of the layer next to the image; deeper layers have multiples of it ({default('width')})",
    )
    network.add_argument(
        "--latent-dim", type=int, metavar="N", help=f"dimension of the noise z ({default('latent_dim')})"
    )
    network.add_argument("--objective", metavar="NAME", help=settings_help.objectives())
    network.add_argument(
        "--targets",
        type=float,
        nargs=3,
        metavar=("A", "B", "C"),
        help=f"{with_objective('targets')}: the discriminator's targets for generated and for real images, and the "
        f"generator's (default: {usual.a:g} {usual.b:g} {usual.c:g})",
    )
    network.add_argument(
        "--label-smoothing",
        type=float,
        metavar="S",
        help=f"{with_objective('label_smoothing')}: the target for real images is 1 - S ({default('label_smoothing')})",
    )
    network.add_argument(
        "--ema",
        type=float,
        metavar="DECAY",
        help="keep an exponential moving average of the generator's weights, such as 0.999, and sample from it; "
        f"0 keeps none ({default('ema')})",
    )
    network.add_argument("--lr", type=float, help=f"Adam's learning rate ({default('lr')})")
    network.add_argument(
        "--discriminator-lr", type=float, metavar="LR", help="the discriminator's learning rate (default: as --lr)"
    )
    network.add_argument(
        "--betas", type=float, nargs=2, metavar=("B1", "B2"), help=f"Adam's β₁ and β₂ ({default('betas')})"
    )
    network.add_argument(
        "--discriminator-steps",
        type=int,
        metavar="K",
        help=f"discriminator steps in each step of the run ({default('discriminator_steps')})",
    )
    network.add_argument(
        "--generator-steps",
        type=int,
        metavar="K",
        help=f"generator steps in each step of the run, after those ({default('generator_steps')})",
    )
    network.add_argument(
        "--precision",
        metavar="NAME",
        help=f"{', '.join(PRECISIONS)}; tf32 and bf16 need a GPU ({default('precision')})",
    )
    network.add_argument(
        "--seed", type=int, help=f"of the weights, the noise and the order of the images ({default('seed')})"
    )
    run = parser.add_argument_group("run")
    run.add_argument(
        "--out",
        metavar="RUN",
        type=path_argument,
        help="the run's folder (default: runs/NAME-1, -2, ... after preset or data)",
    )
    run.add_argument(
        "--resume",
        metavar="RUN",
        nargs="?",
        const=True,
        type=text_argument,
        help="continue a run: its folder or one of its checkpoints (default: --out, or the newest run in runs/)",
    )
    run.add_argument(
        "--log-every", type=int, metavar="STEPS", help=f"log the losses every STEPS steps ({default('log_every')})"
    )
    run.add_argument(
        "--checkpoint-every",
        type=int,
        metavar="STEPS",
        help="save every STEPS steps, in addition to the end of each epoch",
    )
    run.add_argument("--keep", type=int, metavar="N", help=f"keep the newest N checkpoints ({default('keep')})")
    run.add_argument(
        "--no-graph", action="store_true", help="on a GPU: launch kernel by kernel instead of replaying a CUDA graph"
    )
    scores = parser.add_argument_group("scores while training")
    scores.add_argument(
        "--classifier", type=text_argument, metavar="RUN", help="the run of the classifier that scores the samples"
    )
    scores.add_argument(
        "--evaluate-every",
        type=int,
        metavar="EPOCHS",
        help="score samples every EPOCHS epochs, and keep the checkpoint with the lowest classifier FD",
    )
    scores.add_argument(
        "--evaluate-count", type=int, metavar="N", help=f"samples to score ({default('evaluate_count')})"
    )


def _train(arguments: argparse.Namespace) -> int:
    settings = {name: value for name, value in vars(arguments).items() if name not in NO_SETTINGS}
    from minigan import data, training
    from minigan.evaluation.periodic import PeriodicEvaluation, find_matching_classifier
    from minigan.runs.config import Config

    if hasattr(arguments, "resume"):
        folder, saved, config = _find_run(arguments, settings)
    else:
        folder, saved, config = None, None, Config.of_run(**settings)
    # Settings that do not fit the data raise an error here, before a folder is created for them.
    dataset = data.load(config.data, config.root, **config.data_options())
    evaluation = PeriodicEvaluation(config, dataset) if config.is_evaluated else None
    if evaluation is None and "classifier" in settings:
        find_matching_classifier(settings["classifier"], dataset)
        warnings.warn(f"--classifier {settings['classifier']} is not used: {_why_unused(config)}", stacklevel=2)
    trainer = training.make_trainer(config, dataset, graph=not hasattr(arguments, "no_graph"))
    if folder is None:
        folder = _create_run(arguments, config)
    try:
        training.train(trainer, folder, saved, evaluation)
    except training.Diverged as error:
        console.write_error(f"minigan: {console.one_line(error)}")
        return 1
    except training.Interrupted:
        say("", f"stopped at step {trainer.step_count} and saved; continue with: minigan train --resume {folder.path}")
        return 130
    if saved is not None and saved.step == trainer.step_count:
        say(
            f"{folder.path} is already at step {saved.step}, the end of the run ({trainer.last_step} steps); "
            "to continue, increase --epochs or --max-steps"
        )
        return 0
    say(f"trained to step {trainer.step_count}; see {folder.path}: samples/, curves.png, metrics.csv")
    if not config.is_classifier:
        say(f"to generate images: minigan sample {folder.path}")
    return 0


def _why_unused(config: "Config") -> str:
    if config.is_classifier:
        return "a classifier generates no samples"
    return "it scores samples with --evaluate-every EPOCHS, or later: minigan evaluate RUN --classifier"


def _create_run(arguments: argparse.Namespace, config: "Config") -> "RunFolder":
    """The folder of a new run: --out, or the first free runs/NAME-1, -2, ... of the preset's or the data set's name."""
    from minigan.runs.folder import RunFolder

    if hasattr(arguments, "out"):
        if not arguments.out.name:
            raise UserError(f"--out {str(arguments.out)!r}: expected the name of a folder to create")
        return RunFolder.create(arguments.out, config)
    return RunFolder.create_next(Path("runs", config.preset or config.data))


def _find_run(arguments: argparse.Namespace, settings: dict[str, Any]) -> "tuple[RunFolder, Checkpoint | None, Config]":
    """The run to resume, the checkpoint to resume it from, and its settings, changed by those given now."""
    from minigan.runs.folder import find_run_to_resume

    path = arguments.resume
    if path is True:
        path = getattr(arguments, "out", None) or _newest_run()
    elif hasattr(arguments, "out") and Path(arguments.out) != Path(path):
        raise UserError(f"--out {arguments.out}: a resumed run stays in its folder {path}; remove --out")
    folder, saved, config = find_run_to_resume(path)
    return folder, saved, config.resumed_with(**settings)


def _newest_run() -> Path:
    from minigan.runs.search import find_runs

    runs = find_runs("runs")
    if not runs:
        raise UserError("--resume: expected the folder of a run, found none in runs/; name it: --resume RUN")
    return runs[-1]
