"""The README and the pages in docs/: every Python block runs, every command parses, every link resolves."""

import re
import shlex
from pathlib import Path

import pytest

from minigan import cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.vi.md", *sorted((ROOT / "docs").rglob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@each_page
def test_python_blocks_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)


@each_page
def test_commands_parse(page):
    """Each `minigan ...` line, up to the first && or comment, is one that the command understands."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = [word for word in shlex.split(part, comments=True) if not re.match(r"[A-Z_]+=", word)]
                if words and words[0] == "minigan":
                    cli.build_parser().parse_args(words[1:])


@each_page
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


def test_ci_runs_the_readmes_two_commands():
    first, second = blocks(ROOT / "README.md", "bash")[:2]
    assert first == "pip install -e . && minigan train\n"
    assert second == "pip install -e '.[test]' && python -m pytest\n"
    assert "readme_command 1" in (ROOT / ".ci/run").read_text()
