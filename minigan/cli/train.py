"""minigan train: begin a run, or go on with one."""

import sys
from pathlib import Path

from minigan.cli.parser import SUPPRESS
from minigan.errors import UserError
from minigan.presets import PRESETS


def add_to(commands):
    parser = commands.add_parser(
        "train",
        help="train a GAN, or the classifier that judges one",
        description="Train a GAN. Without options: a DCGAN on the embedded shapes, in about two minutes on two cores. "
        "Ctrl-C saves; --resume goes on bit for bit.",
        argument_default=SUPPRESS,
    )
    parser.add_argument("--preset", metavar="NAME", help=f"a system with its settings: {', '.join(PRESETS)}")
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data", metavar="NAME", help="shapes (default), digits, cifar10, mnist, fashion-mnist, or folder"
    )
    data.add_argument("--root", metavar="FOLDER", help="where the data set is; default: the user's cache")
    data.add_argument("--image-size", type=int, help="of the pictures of --data folder (default: 64)")
    data.add_argument("--flip", action="store_true", help="turn half of the real pictures left to right, at random")
    length = parser.add_argument_group("length")
    length.add_argument("--epochs", type=int, help="passes over the data (default: shapes 4, cifar10 50)")
    length.add_argument("--max-steps", type=int, help="stop after this many generator steps in all")
    network = parser.add_argument_group("network and game")
    network.add_argument(
        "--model", metavar="NAME", help="dcgan (default), dense-gan, convolutional-gan, cgan, classifier"
    )
    network.add_argument("--batch-size", type=int, help="pictures a step (default: shapes 32, cifar10 128)")
    network.add_argument(
        "--generator-batch-size", type=int, metavar="N", help="fakes of a generator step (default: as --batch-size)"
    )
    network.add_argument(
        "--width", type=int, help="channels next to the picture, doubled inwards (default: shapes 24, cifar10 64)"
    )
    network.add_argument("--latent-dim", type=int, help="size of the noise z (default: 128)")
    network.add_argument("--objective", metavar="NAME", help="non-saturating (default), minimax or least-squares")
    network.add_argument(
        "--targets",
        type=float,
        nargs=3,
        metavar="T",
        help="a, b, c of least-squares: of fakes, of real pictures, and what the generator wants (default: 0 1 1)",
    )
    network.add_argument(
        "--label-smoothing", type=float, metavar="S", help="the target of real pictures is 1 - S (default: 0)"
    )
    network.add_argument(
        "--ema",
        type=float,
        metavar="DECAY",
        help="keep a moving average of the generator and sample from it, as 0.999 (default: 0, none; shapes 0.995)",
    )
    network.add_argument("--lr", type=float, help="Adam's learning rate (default: 0.0002)")
    network.add_argument("--discriminator-lr", type=float, metavar="LR", help="the discriminator's (default: as --lr)")
    network.add_argument("--betas", type=float, nargs=2, metavar="B", help="Adam's β₁ β₂ (default: 0.5 0.999)")
    network.add_argument("--discriminator-steps", type=int, metavar="K", help="per generator step (default: 1)")
    network.add_argument("--precision", metavar="NAME", help="fp32 (default), fp64; on a GPU tf32, bf16 too")
    network.add_argument("--seed", type=int, help="of weights, noise and order (default: 0)")
    run = parser.add_argument_group("run")
    run.add_argument("--out", metavar="RUN", type=Path, help="the run's folder (default: runs/PRESET-1, -2, ...)")
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
    scores = parser.add_argument_group("scores while training")
    scores.add_argument("--classifier", metavar="RUN", help="the run of the classifier that judges the samples")
    scores.add_argument(
        "--evaluate-every",
        type=int,
        metavar="EPOCHS",
        help="score the samples, keep the best checkpoint (default: never)",
    )
    scores.add_argument("--evaluate-count", type=int, metavar="N", help="samples to score (default: 2000)")
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
        config, saved = Config.of_run(**given), None
    # Settings that cannot work with the data are refused here, before a folder is made for them.
    trainer = training.trainer_of(config, _load(config), graph=not hasattr(arguments, "no_graph"))
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
        + ("" if config.model == "classifier" else f"New pictures: minigan sample {folder.path}")
    )
    return 0


def _new_run(arguments, config):
    """The folder of a new run: --out, or the first free runs/NAME-1, -2, ...: the preset's name, or the data's."""
    from minigan.run_folder import RunFolder

    if hasattr(arguments, "out"):
        if not arguments.out.name:
            raise UserError(f"--out {str(arguments.out)!r}: expected the name of a folder to make")
        return RunFolder.create(arguments.out)
    name, number = config.preset or config.data, 1
    while Path(f"runs/{name}-{number}").exists():
        number += 1
    return RunFolder.create(f"runs/{name}-{number}")


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
