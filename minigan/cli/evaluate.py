"""minigan evaluate: the scores of a run, next to those of real data."""

import argparse
import json
from pathlib import Path

from minigan.cli.console import say
from minigan.cli.parser import Commands, Parser, path_argument, text_argument
from minigan.errors import UserError


def register(commands: Commands) -> Parser:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        help="score a run's samples, next to real data",
        description="Inception Score and Fréchet distance computed with a classifier trained by minigan (classifier IS "
        "and FD, which cannot be compared with scores of the Inception network), mode coverage, class accuracy of a "
        "conditional model, nearest training images, and the discriminator's accuracy. Writes scores.json and "
        "neighbours.png.",
    )
    parser.add_argument("run", metavar="RUN", type=path_argument, help="a run's folder, or one of its checkpoints")
    parser.add_argument(
        "--classifier",
        metavar="RUN",
        type=path_argument,
        help="the run of the scoring classifier (default: the newest one next to RUN or in runs/)",
    )
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="last (default) or best")
    parser.add_argument(
        "--count",
        type=int,
        default=10_000,
        metavar="N",
        help="number of samples and of real images (default: %(default)s)",
    )
    parser.add_argument(
        "--splits", type=int, default=10, metavar="N", help="splits of the Inception Score (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the noise and of the choice of images (default: %(default)s)"
    )
    parser.add_argument(
        "--root", type=text_argument, metavar="FOLDER", help="where the data set is (default: where the run found it)"
    )
    parser.add_argument("--out", type=path_argument, help="the scores, NAME.json (default: scores.json in the run)")
    parser.add_argument(
        "--inception",
        action="store_true",
        help="compute the standard scores as well, with torch-fidelity: pip install 'minigan[inception]'",
    )
    parser.add_argument(
        "--inception-weights", metavar="FILE", type=path_argument, help="the weights of its network, to use it offline"
    )
    parser.set_defaults(command=_evaluate)
    return parser


def _evaluate(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.count <= 10**6:
        raise UserError(f"--count {arguments.count}: expected 1 to 1000000")
    if arguments.seed < 0:
        raise UserError(f"--seed {arguments.seed}: expected 0 or more")
    if arguments.out is not None and arguments.out.suffix != ".json":
        raise UserError(f"--out {arguments.out}: expected NAME.json, got the ending {arguments.out.suffix!r}")
    from minigan import data, plots
    from minigan.evaluation import scores, table
    from minigan.files import replacing
    from minigan.inference.classifier import ScoringClassifier, find_classifier
    from minigan.runs.folder import find_checkpoint
    from minigan.runs.outputs import require_output

    saved, folder = find_checkpoint(arguments.run, arguments.checkpoint)
    out = arguments.out or folder / "scores.json"
    neighbours = out.with_name("neighbours.png")
    require_output(out, "file of scores")  # now, and not after an hour
    require_output(neighbours, "PNG image")
    name, root = saved.config["dataset"]["name"], arguments.root or saved.config.get("root")
    if arguments.classifier is None:
        classifier = find_classifier(name, folder.resolve().parent, Path("runs"))
    else:
        classifier = ScoringClassifier(arguments.classifier)
    train, test = (data.load(name, root, split=split) for split in ("train", "test"))
    protocol = arguments.count, arguments.splits, arguments.seed
    report, samples, _ = scores.evaluate(saved, classifier, train, test, *protocol)
    if arguments.inception:
        report["inception"] = scores.standard_scores(samples, train, test, *protocol, arguments.inception_weights)
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    plots.save_image(neighbours, scores.neighbour_grid(samples, train.images))
    say(*table.lines(report), "")
    say(f"{out}, {neighbours} (first column: samples; next to each, the nearest training images)")
    return 0
