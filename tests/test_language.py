"""The language of the code: one word for one thing, the field's words, in every Python and CUDA file."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path
    for folder in ("minigan", "tests", "examples")
    for pattern in ("*.py", "*.cu", "*.cuh", "*.h", "*.html")
    for path in (ROOT / folder).rglob(pattern)
    if path != Path(__file__) and "__pycache__" not in path.parts
)

# Struck word, as a regular expression: the word to use instead.
STRUCK = {
    r"pictures?": "image",
    r"(?<!standard )deviations?": "standard deviation, std",
    r"inverse_deviation": "inv_std",
    r"side[ _]by[ _]side": "concatenate, or next to each other",
    r"judges?": "scoring classifier, or logit head",
    r"judged": "scored",
    r"asked for": "requested, conditioned on",
    r"told the class": "conditioned on the class",
    r"recorded[ _]?game": "run history",
    r"looked at": "inspected",
    r"in place of": "instead of",
    r"of that name": "called that",
    r"go(es)? on": "continue",
    r"facts": "metadata",
    r"over_slices": "parallel_for",
    r"pieces?": "chunk",
    r"whole[ _]picture": "Toeplitz",
    r"meetings?": "grid barrier",
    r"grid_wait": "grid barrier",
    r"tall": "height",
    r"wide": "width",
    r"(?-i:(LEAST|MOST|FEWEST|LARGEST|SMALLEST)_\w+)": "MIN_, MAX_",  # least_squares is a loss
    r"best[ _]generator": "EMA generator",
    r"suits": "is_applicable",
    r"train=2": "groups=2",
    r"watch(es|ed|ing)?": "callback",
    r"slip of the finger": "typo",
    r"not known here": "unexpected",
}
# "doctor" is the command that inspects the machine, and nothing else; a run is diagnosed.
DOCTOR = re.compile(
    r"minigan doctor|doctor\.py|[\"']doctor[\"']|\bdoctor\.|import (\w+, )*doctor\b|, doctor\)", re.IGNORECASE
)


def struck_words(path):
    """["line 12: pictures (write: image)", ...]"""
    text = path.read_text(encoding="utf-8")
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if "older runs" in line:  # names in their files, which are still read
            continue
        for word, instead in STRUCK.items():
            for match in re.finditer(rf"(?<![A-Za-z])({word})(?![A-Za-z])", line, re.IGNORECASE):
                if word == "wide" and re.search(r"[-–]wide", line):
                    continue
                found.append(f"line {number}: {match[0]!r} (write: {instead})")
        if re.search(r"\bdoctor\b", DOCTOR.sub("", line), re.IGNORECASE):
            found.append(f"line {number}: 'doctor' (it inspects machines; a run is diagnosed)")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_struck_word_is_used(path):
    found = struck_words(path)
    assert not found, "\n".join(found)
