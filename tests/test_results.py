"""The page of results says what the files of scores say, and these say how they were made."""

import importlib.util
import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parent.parent / "docs" / "results"
SCORES = sorted((RESULTS / "scores").glob("*.json"))


def tables():
    spec = importlib.util.spec_from_file_location("tables", RESULTS / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_table_is_what_its_script_makes():
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


def test_one_classifier_judges_all_runs_of_a_data_set():
    judges: dict[str, set] = {}
    for path in SCORES:
        protocol = json.loads(path.read_text(encoding="utf-8"))["protocol"]
        judges.setdefault(protocol["data"], set()).add(protocol["features"]["sha256"])
    assert all(len(hashes) == 1 for hashes in judges.values()), judges
