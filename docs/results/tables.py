"""Fill the tables in the README of this folder from scores/*.json, which `minigan evaluate` has written.

python docs/results/tables.py

A table is between `<!-- table: RUN RUN ... -->` and `<!-- end -->`; RUN is the name of a run without its seed.
scores/RUN-SEED.json holds the scores of 10,000 samples, scores/RUN-SEED-1000.json those of 1,000, and
scores/RUN-SEED-best.json those of the best checkpoint, if that is not the last one.
"""

import json
import re
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PAGE, SCORES = HERE / "README.md", HERE / "scores"
HEADER = (
    "| run | step | classifier IS of 1,000 | share of real | of 10,000 | classifier FD | modes | class accuracy |",
    "|---|---|---|---|---|---|---|---|",
)


def main():
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def filled(page):
    """The page with every table rewritten."""
    return re.sub(
        r"(<!-- table: (.*?) -->\n).*?(<!-- end -->)",
        lambda match: match[1] + "\n".join(table(match[2].split())) + "\n" + match[3],
        page,
        flags=re.DOTALL,
    )


def table(names):
    """The lines of one table: the real data, then each run, then the mean over its seeds."""
    lines, real = [], None
    for name in names:
        runs = []
        for path in sorted(SCORES.glob(f"{name}-[0-9].json")) + sorted(SCORES.glob(f"{name}-[0-9]-best.json")):
            large, small = read(path), read(path.with_name(f"{path.stem}-1000.json"))
            real = real or real_line(large["real"], small["real"])
            runs.append((path.stem, large, small))
            lines.append(line(path.stem, large["protocol"]["checkpoint"]["step"], large["samples"], small))
        last = [(large, small) for stem, large, small in runs if not stem.endswith("best")]
        if len(last) > 1:
            lines.append(mean_line(name, last))
    return [*HEADER, *([real] if real else []), *lines]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def line(name, step, samples, small):
    """One run. samples: its scores from 10,000 samples; small: the report on 1,000 samples."""
    score, real = small["samples"]["classifier_is"], small["real"]["classifier_is"]
    accuracy = f"{samples['class_accuracy']:.1%}" if "class_accuracy" in samples else ""
    return (
        f"| {name} | {step} | {score['mean']:.2f} ± {score['std']:.2f} | {score['mean'] / real['mean']:.1%} "
        f"| {samples['classifier_is']['mean']:.2f} | {samples['classifier_fd']:.2f} | {samples['mode_coverage']:.0%} "
        f"| {accuracy} |"
    )


def real_line(large, small):
    """The real data. large, small: its scores from 10,000 and from 1,000 images."""
    few, many, distance = small["classifier_is"], large["classifier_is"], large["classifier_fd"]
    return (
        f"| real data | | {few['mean']:.2f} ± {few['std']:.2f} | 100% | {many['mean']:.2f} | {distance:.2f} "
        f"| {large['mode_coverage']:.0%} | {large['class_accuracy']:.1%} |"
    )


def mean_line(name, runs):
    """The mean and the range over the seeds, of the last checkpoints; runs: [(large report, small report)]."""
    few = [small["samples"]["classifier_is"]["mean"] for _, small in runs]
    share = [small["samples"]["classifier_is"]["mean"] / small["real"]["classifier_is"]["mean"] for _, small in runs]
    many = [large["samples"]["classifier_is"]["mean"] for large, _ in runs]
    distance = [large["samples"]["classifier_fd"] for large, _ in runs]
    scores = f"{spread(few)} | {np.mean(share):.1%} | {spread(many)} | {spread(distance)}"
    return f"| **{name}**, {len(runs)} seeds | | {scores} | | |"


def spread(values):
    """Mean and range, such as 8.31 (8.02 to 8.64)."""
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
