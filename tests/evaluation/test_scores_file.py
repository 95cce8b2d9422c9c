"""scores.json comes from disk, or from other people: whatever it holds, its readers have one line to say about it."""

import copy
import json
import shutil
from pathlib import Path

import pytest
from command import minigan
from hypothesis import given
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.evaluation.history import RunHistory
from minigan.evaluation.scores_file import check_scores, read_scores_file
from minigan.evaluation.table import lines, rows
from minigan.report import scores as report_scores
from minigan.runs.folder import RunFolder

RECORDED = Path(__file__).parents[1] / "recorded" / "collapse-classes"
SCORES = json.loads((RECORDED / "scores.json").read_text(encoding="utf-8"))


def paths(value, path=()):
    """The path of every value in nested dictionaries."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))


def changed(path, new):
    """The scores with the value at a path replaced; deleted if `new` is ... ."""
    if not path:
        return new
    content = copy.deepcopy(SCORES)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    if new is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = new
    return content


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 1e308, -1e308, 5e-324, float("nan"), float("inf"), ...]),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(RECORDED, path)
    return path


@given(path=st.sampled_from(list(paths(SCORES))[1:]), value=VALUES)
def test_a_change_anywhere_is_refused_or_can_be_shown(run, path, value):
    (run / "scores.json").write_text(json.dumps(changed(path, value)), encoding="utf-8")
    page = report_scores.evaluation(RunFolder(run))
    if "scores-table" not in page:
        assert "expected the scores that minigan evaluate writes" in page
        with pytest.raises(UserError, match=r"\A[^\n]*expected the scores that minigan evaluate writes[^\n]*\Z"):
            RunHistory(run)
        return
    history = RunHistory(run)
    history.coverage()
    history.diversities()
    history.evidence()
    assert lines(history.report)
    assert rows(history.report)


DAMAGE = {
    "empty": b"",
    "cut": (RECORDED / "scores.json").read_bytes()[:-30],
    "nested": b"[" * 100_000,
    "nested dictionaries": b'{"protocol":' * 5000,
    "a number of 5,000 digits": (RECORDED / "scores.json")
    .read_bytes()
    .replace(b'"seed": 0', b'"seed": ' + b"9" * 5000),
    "not UTF-8": b'{"protocol": "\xff"}',
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "NUL": b"\0" * 100,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_gets_one_line_and_is_kept(run, damage, capsys, tmp_path):
    assert DAMAGE[damage] != (RECORDED / "scores.json").read_bytes()
    (run / "scores.json").write_bytes(DAMAGE[damage])
    assert minigan("diagnose", run) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected the scores that minigan evaluate writes" in error
    assert minigan("report", run, "--out", tmp_path / "report.html") == 0
    assert "expected the scores that minigan evaluate writes" in (tmp_path / "report.html").read_text()
    assert (run / "scores.json").read_bytes() == DAMAGE[damage]


def test_a_byte_order_mark_is_no_damage(run):
    """Editors on Windows write one."""
    (run / "scores.json").write_bytes(b"\xef\xbb\xbf" + (RECORDED / "scores.json").read_bytes())
    assert read_scores_file(run / "scores.json") == SCORES


@pytest.mark.parametrize("recording", sorted(RECORDED.parent.glob("*/scores.json")), ids=lambda path: path.parent.name)
def test_recorded_scores_are_valid(recording):
    assert check_scores(json.loads(recording.read_text(encoding="utf-8"))) == ""


def test_what_is_missing_is_named():
    assert check_scores([]) == "no dictionary"
    assert check_scores(changed(("real",), ...)) == "no real"
    assert check_scores(changed(("samples", "classifier_is", "std"), ...)) == "no std in samples.classifier_is"
    assert check_scores(changed(("protocol", "checkpoint", "step"), "4")) == "no number as protocol.checkpoint.step"
    assert check_scores(changed(("samples", "classifier_fd"), float("nan"))).startswith("a number out of range as sam")
    assert check_scores(changed(("protocol", "seed"), 10**300)) == ""


def test_an_undefined_diversity_is_shown_as_such(run):
    (run / "scores.json").write_text(json.dumps(changed(("samples", "diversity"), None)))
    assert ("diversity of pixels", "undefined") in [row[:2] for row in rows(read_scores_file(run / "scores.json"))]
    (run / "scores.csv").unlink(missing_ok=True)
    assert len(RunHistory(run).diversities()[1]) == 0


def test_without_a_file_there_are_no_scores(tmp_path):
    assert read_scores_file(tmp_path / "scores.json") is None
