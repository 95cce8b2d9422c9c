"""The Markdown pages: which there are, their code blocks, and the files that their links lead to."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/minigan/minigan"
RAW = "https://raw.githubusercontent.com/minigan/minigan/main"

DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / name for name in ("README.md", "README.vi.md", "CONTRIBUTING.md", "CHANGELOG.md")] + DOCS


def blocks(page, language):
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def targets(page):
    """Where the page's links and images lead: inline ones, and the definitions of `[label]: address`."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)


def local_path(page, target):
    """The file or folder that a link leads to; None for other websites and for headings of the same page."""
    address, _, _ = target.partition("#")
    for start in (f"{REPOSITORY}/blob/main/", f"{REPOSITORY}/tree/main/", f"{RAW}/"):
        if address.startswith(start):
            return ROOT / address.removeprefix(start)
    if not address or address.startswith(("http://", "https://")):
        return None
    return page.parent / address
