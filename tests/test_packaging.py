"""What an installed package needs: one version, a README that an index can show, all files, imports on any system."""

import configparser
import re
import subprocess
import sys
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path

import pytest

import minigan

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minigan"

SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "setup.cfg", encoding="utf-8")


def words(section, name):
    """The value of a setting that is a list with one entry per line, or after commas."""
    return [word.strip() for line in SETTINGS[section][name].splitlines() for word in line.split(",") if word.strip()]


# --- the version ---------------------------------------------------------------------------------------------


def test_the_version_is_read_from_the_package():
    assert SETTINGS["metadata"]["version"] == "attr: minigan.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", minigan.__version__)


def test_the_changelog_begins_with_this_version():
    sections = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert next(name for name in sections if name != "Unreleased") == minigan.__version__


def test_the_citation_names_this_version_and_the_repository():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {minigan.__version__}\n" in text
    assert f"\nrepository-code: {SETTINGS['metadata']['url']}\n" in text
    assert f"\nlicense: {SETTINGS['metadata']['license_expression']}\n" in text


def test_the_lowest_version_of_python_is_the_same_everywhere():
    lowest = SETTINGS["options"]["python_requires"].removeprefix(">=")
    classifiers = re.findall(r"Python :: (3\.\d+)$", SETTINGS["metadata"]["classifiers"], re.MULTILINE)
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    tested = [re.findall(r'"(3\.\d+)"', line) for line in workflow.splitlines() if "python: [" in line]
    assert classifiers[0] == lowest == SETTINGS["mypy"]["python_version"]
    assert tested[0] == classifiers
    assert tested[1] == [classifiers[0], classifiers[-1]]


# --- the README on a package index ---------------------------------------------------------------------------


class Addresses(HTMLParser):
    """The targets of all links and images of an HTML page."""

    def __init__(self):
        super().__init__()
        self.links, self.images = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes["src"])


def test_the_readme_has_no_relative_link_on_a_package_index():
    """Rendered by the library that PyPI uses, every link and image is absolute, and no Markdown is left."""
    markdown = pytest.importorskip("readme_renderer.markdown", reason="needs pip install 'minigan[test]'")
    assert SETTINGS["metadata"]["long_description"] == "file: README.md"
    html = markdown.render((ROOT / "README.md").read_text(encoding="utf-8"))
    assert html is not None, "README.md cannot be rendered"
    page = Addresses()
    page.feed(html)
    assert len(page.links) > 30
    assert len(page.images) >= 1
    assert not [address for address in page.links + page.images if not address.startswith(("https://", "#"))]
    assert "][" not in re.sub(r"<(pre|code).*?</\1>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("name", ["README.md", "README.vi.md", "CONTRIBUTING.md", "docs/gpu.md", "docs/index.md"])
def test_every_extra_that_a_page_installs_exists(name):
    extras = set(SETTINGS["options.extras_require"])
    used = re.findall(r"pip install -e '?\.\[([\w,]+)\]", (ROOT / name).read_text(encoding="utf-8"))
    assert {extra for group in used for extra in group.split(",")} <= extras


# --- files and imports ---------------------------------------------------------------------------------------


def test_every_file_of_the_package_is_installed():
    """Files other than Python need a pattern in [options.package_data]."""
    installed = [
        PACKAGE.joinpath(*package.split(".")[1:]) / pattern
        for package in SETTINGS["options.package_data"]
        for pattern in words("options.package_data", package)
    ]
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert PACKAGE / "py.typed" in files
    missing = [str(path) for path in files if not any(fnmatch(str(path), str(pattern)) for pattern in installed)]
    assert not missing
    unused = [str(pattern) for pattern in installed if not any(fnmatch(str(path), str(pattern)) for path in files)]
    assert not unused


def test_every_folder_with_python_files_is_a_package():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]


WITHOUT_POSIX = """
import ctypes, importlib, os, pkgutil, signal, sys

import matplotlib.pyplot, numpy, PIL.Image, requests, safetensors.numpy, threadpoolctl, tqdm  # know their system

for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None  # importing it raises ImportError, as on Windows
for name in ("fork", "getuid", "geteuid", "killpg", "mkfifo", "sched_getaffinity", "setsid", "uname"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGALRM", "SIGHUP"):
    if hasattr(signal, name):
        delattr(signal, name)

def without_a_name(name, *arguments, **settings):
    if name is None:
        raise TypeError("bad argument type for built-in operation")
    return library(name, *arguments, **settings)

library, ctypes.CDLL = ctypes.CDLL, without_a_name

import minigan
from minigan import ops

for module in pkgutil.walk_packages(minigan.__path__, "minigan."):
    if not module.name.endswith(("__main__", "torch_peer", "tensorflow_peer")):
        importlib.import_module(module.name)
ops.prepare_training()

from minigan.cli import main

main(["train", "--max-steps", "2", "--width", "4", "--batch-size", "4", "--out", "run"])
"""


def test_every_module_imports_and_a_run_trains_without_posix(tmp_path):
    """As on Windows: without the modules and functions of Python that only POSIX systems have."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run/metrics.csv").is_file()
