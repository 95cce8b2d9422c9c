"""minigan evaluate: the scores of a run, next to those of real data."""

import json
from pathlib import Path

from minigan.errors import UserError


def add_to(commands):
    parser = commands.add_parser(
        "evaluate",
        help="score a run's samples, next to real data",
        description="Inception Score and Fréchet distance on a classifier of minigan (classifier IS and FD, not to be "
        "compared with those of the Inception network), mode coverage, class accuracy of a conditional model, nearest "
        "training pictures, the discriminator's accuracy. Writes scores.json and neighbours.png.",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run's folder, or one of its checkpoints")
    parser.add_argument(
        "--classifier",
        metavar="RUN",
        type=Path,
        help="the classifier's run (default: the newest beside RUN or in runs/)",
    )
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="last (default) or best")
    parser.add_argument("--count", type=int, default=10_000, help="samples, and real pictures (default: 10000)")
    parser.add_argument("--splits", type=int, default=10, help="parts of the Inception Score (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise and of the pictures chosen (default: 0)")
    parser.add_argument("--root", metavar="FOLDER", help="where the data set is (default: where the run had it)")
    parser.add_argument("--out", type=Path, help="the scores, NAME.json (default: scores.json in the run)")
    parser.add_argument(
        "--inception",
        action="store_true",
        help="the standard scores too, by torch-fidelity: pip install 'minigan[inception]'",
    )
    parser.add_argument("--inception-weights", metavar="FILE", type=Path, help="its weights, where there is no network")
    parser.set_defaults(command=_evaluate)
    return parser


def _evaluate(arguments):
    if not 1 <= arguments.count <= 10**6:
        raise UserError(f"--count {arguments.count}: expected 1 to 1000000")
    if arguments.seed < 0:
        raise UserError(f"--seed {arguments.seed}: expected 0 or more")
    if arguments.out is not None and arguments.out.suffix != ".json":
        raise UserError(f"--out {arguments.out}: expected NAME.json, got the ending {arguments.out.suffix!r}")
    from minigan import data, evaluation, plots
    from minigan.files import replacing
    from minigan.run_folder import find_checkpoint
    from minigan.trained_classifier import TrainedClassifier, find_classifier

    saved, folder = find_checkpoint(arguments.run, arguments.checkpoint)
    name, root = saved.config["dataset"]["name"], arguments.root or saved.config.get("root")
    if arguments.classifier is None:
        classifier = find_classifier(name, folder.resolve().parent, Path("runs"))
    else:
        classifier = TrainedClassifier(arguments.classifier)
    train, test = (data.load(name, root, split=split) for split in ("train", "test"))
    report, samples, _ = evaluation.evaluate(
        saved, classifier, train, test, arguments.count, arguments.splits, arguments.seed
    )
    if arguments.inception:
        from minigan.metrics.inception import inception_scores

        report["inception"] = {
            kind: inception_scores(images, train.images, arguments.inception_weights, arguments.splits, arguments.seed)
            for kind, images in (("samples", samples), ("real", test.images[: arguments.count]))
        }
    out = arguments.out or folder / "scores.json"
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    neighbours = out.with_name("neighbours.png")
    plots.save_image(neighbours, evaluation.neighbour_grid(samples, train.images))
    print(
        "\n".join(
            [
                *table(report),
                "",
                f"{out}, {neighbours} (first column: samples; beside them the nearest training pictures)",
            ]
        )
    )
    return 0


def table(report):
    """The report in lines that a person reads."""
    protocol, samples, real = report["protocol"], report["samples"], report["real"]
    features, step = protocol["features"], protocol["checkpoint"]["step"]
    accuracy = "unknown" if features["test_accuracy"] is None else f"{features['test_accuracy']:.2%}"
    lines = [
        f"{protocol['samples']} samples of step {step}, {protocol['data']}, seed {protocol['seed']}; "
        f"classifier {features['sha256'][:12]}, accuracy {accuracy}",
        f"{'':28}{'samples':>16}{'real data':>16}",
        _line(
            f"classifier IS, {protocol['splits']} splits",
            samples,
            real,
            lambda s: "{mean:.3f} ± {std:.3f}".format(**s["classifier_is"]),
        ),
        _line("classifier FD", samples, real, lambda s: f"{s['classifier_fd']:.3f}"),
        _line("mode coverage", samples, real, lambda s: f"{s['mode_coverage']:.0%}"),
        _line("diversity of pixels", samples, real, lambda s: f"{s['diversity']:.3f}"),
    ]
    if "class_accuracy" in samples:
        lines.append(_line("class accuracy", samples, real, lambda s: f"{s['class_accuracy']:.2%}"))
    distances, right = report["nearest_neighbours"], report["discriminator"]
    near, near_real = distances["median_distance_of_samples"], distances["median_distance_of_real"]
    lines += [
        f"{'nearest training picture':28}{near:>16.3f}{near_real:>16.3f}",
        f"{'discriminator is right':28}{right['right_on_samples']:>16.0%}{right['right_on_real']:>16.0%}",
        "samples by class: " + ", ".join(f"{name} {number}" for name, number in samples["class_histogram"].items()),
    ]
    for kind, standard in report.get("inception", {}).items():
        score = standard["inception_score"]
        lines.append(
            f"Inception network, {kind}: IS {score['mean']:.3f} ± {score['std']:.3f}, FID {standard['fid']:.3f}"
        )
    return lines


def _line(name, samples, real, text):
    return f"{name:28}{text(samples):>16}{text(real):>16}"
