"""The tables of the results page agree with the files of scores, and every score has its protocol."""

import importlib.util
import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
SCORES = sorted((RESULTS / "scores").glob("*.json"))


def tables():
    spec = importlib.util.spec_from_file_location("tables", RESULTS / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_table_is_the_output_of_its_script():
    page = (RESULTS / "README.md").read_text(encoding="utf-8")
    assert "<!-- table:" in page
    assert tables().filled(page) == page
    assert tables().filled(page.replace("| real data |", "| other data |")) == page


@pytest.mark.parametrize("path", SCORES, ids=lambda path: path.stem)
def test_every_score_has_its_protocol(path):
    report = json.loads(path.read_text(encoding="utf-8"))
    protocol = report["protocol"]
    assert protocol["samples"] == (1000 if path.stem.endswith("-1000") else 10_000)
    assert {"minigan", "checkpoint", "data", "splits", "seed", "reference", "real", "features"} <= protocol.keys()
    assert len(protocol["features"]["sha256"]) == 64
    assert sum(report["samples"]["class_histogram"].values()) == protocol["samples"]


def test_one_classifier_scores_all_runs_of_a_data_set():
    classifiers: dict[str, set] = {}
    for path in SCORES:
        protocol = json.loads(path.read_text(encoding="utf-8"))["protocol"]
        classifiers.setdefault(protocol["data"], set()).add(protocol["features"]["sha256"])
    assert all(len(hashes) == 1 for hashes in classifiers.values()), classifiers
