"""The report of an evaluation as text: the scores of the samples next to those of real data."""

from collections.abc import Callable, Mapping
from typing import Any


def _mean_and_std(score: Mapping[str, float]) -> str:
    return f"{score['mean']:.3f} ± {score['std']:.3f}"


def _if_defined(score: float | None) -> str:
    return "undefined" if score is None else f"{score:.3f}"


# The scores that samples and real data have in common: name and format.
SCORES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "classifier_is": ("classifier IS", _mean_and_std),
    "classifier_fd": ("classifier FD", "{:.3f}".format),
    "mode_coverage": ("mode coverage", "{:.0%}".format),
    "diversity": ("diversity of pixels", _if_defined),
    "class_accuracy": ("class accuracy", "{:.2%}".format),  # of a conditional model
}


def rows(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """[(name, score of the samples, score of real data)] of a report, see scores.evaluate."""
    samples, real = report["samples"], report["real"]
    table = [(name, text(samples[key]), text(real[key])) for key, (name, text) in SCORES.items() if key in samples]
    distances, right = report["nearest_neighbours"], report["discriminator"]
    table += [
        (
            "distance to nearest training image",
            f"{distances['median_distance_of_samples']:.3f}",
            f"{distances['median_distance_of_real']:.3f}",
        ),
        ("discriminator is right", f"{right['right_on_samples']:.0%}", f"{right['right_on_real']:.0%}"),
    ]
    if "inception" in report:
        samples, real = report["inception"]["samples"], report["inception"]["real"]
        table += [
            ("Inception Score", _mean_and_std(samples["inception_score"]), _mean_and_std(real["inception_score"])),
            ("FID", f"{samples['fid']:.3f}", f"{real['fid']:.3f}"),
        ]
    return table


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report as lines of text: its protocol in short, a table, and how many samples each class has."""
    protocol = report["protocol"]
    features, step = protocol["features"], protocol["checkpoint"]["step"]
    accuracy = "unknown" if features["test_accuracy"] is None else f"{features['test_accuracy']:.2%}"
    counts = ", ".join(f"{name} {count}" for name, count in report["samples"]["class_histogram"].items())
    return [
        f"{protocol['samples']} samples of step {step}, {protocol['data']}, seed {protocol['seed']}, "
        f"{protocol['splits']} splits; classifier {features['sha256'][:12]}, accuracy {accuracy}",
        *(f"{name:36}{ours:>16}{real:>16}" for name, ours, real in [("", "samples", "real data"), *rows(report)]),
        f"samples by class: {counts}",
    ]
