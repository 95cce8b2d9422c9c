"""The README and the pages in docs/: every Python block runs, every command parses, every link leads to a file."""

import re
import shlex

import pytest
from pages import PAGES, ROOT, blocks, local_path, targets

from minigan import cli

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_python_blocks_run(page, tmp_path, monkeypatch, capsys, own_registries):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)


@pytest.fixture
def own_registries(monkeypatch):
    """Copies of the registries, so that what a page registers does not outlive its test."""
    from minigan import data, losses, models

    for module, name in ((models, "MODELS"), (data, "DATASETS"), (losses, "OBJECTIVES")):
        monkeypatch.setattr(module, name, dict(getattr(module, name)))


@each_page
def test_commands_parse(page):
    """Each `minigan ...` line, up to the first && or comment, is a command that the parser accepts."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = [word for word in shlex.split(part, comments=True) if not re.match(r"[A-Z_]+=", word)]
                if words and words[0] == "minigan":
                    cli.build_parser().parse_args(words[1:])


@each_page
def test_links_lead_to_files(page):
    paths = [local_path(page, target) for target in targets(page)]
    missing = [str(path) for path in paths if path is not None and not path.exists()]
    assert not missing


def test_links_to_the_repository_are_links_to_folders_or_to_files_as_they_should_be():
    """GitHub shows a folder under /tree/ and a file under /blob/."""
    for target in targets(ROOT / "README.md"):
        path = local_path(ROOT / "README.md", target)
        if path is not None:
            assert path.is_dir() == ("/tree/" in target), target


def test_every_reference_of_the_readme_is_defined():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"\[[^\]]+\]\[([^\]]+)\]", text)) | set(re.findall(r"\[([\w/]+(?:/|\.py))\](?![\[:])", text))
    defined = set(re.findall(r"^\[([^\]]+)\]: ", text, re.MULTILINE))
    assert used == defined


def test_ci_runs_the_readmes_two_commands():
    first, second = blocks(ROOT / "README.md", "bash")[:2]
    assert first == "pip install -e . && minigan train\n"
    assert second == "pip install -e '.[test]' && python -m pytest\n"
    assert "readme_command 1" in (ROOT / ".ci/run").read_text(encoding="utf-8")
