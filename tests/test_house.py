"""The layout: every file belongs to a room, a room imports only rooms below it, and no two files import each other."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "minigan"

# The rooms from top to bottom: each may import itself and those below it. A new file needs a place here.
ROOMS = {
    "command": ["__main__.py", "cli/*.py"],
    "report": ["report/*.py"],
    "bench": ["bench/*.py"],
    "doctor": ["doctor.py"],
    "evaluation": ["evaluation/*.py"],
    "training": ["training/*.py"],
    "inference": ["inference/*.py"],
    "runs": ["runs/*.py"],
    "plots": ["plots.py"],
    "models": ["models/*.py"],
    "metrics": ["metrics/*.py"],
    "data": ["data/*.py"],
    "gradient check": ["gradcheck.py"],
    "layers": ["layers/*.py"],
    "steps": ["gan.py"],
    "optimizers": ["optim.py"],
    "losses": ["losses.py"],
    "initializers": ["initializers.py"],
    "random numbers": ["random.py"],
    "choice of operations": ["ops/__init__.py"],
    "operations on a GPU": ["ops/gpu/*.py"],
    "operations on the CPU": ["ops/cpu/*.py"],
    "operations": ["ops/*.py"],
    "backend": ["backend.py"],
    "files": ["files.py"],
    "foreign bytes": ["foreign.py"],
    "errors": ["errors.py"],
    "package": ["__init__.py"],
}
ORDER = list(ROOMS)
MAX_ENTRIES = 28  # files and folders directly in minigan/

# Modules imported by name when they are first used: the submodules of the package, and backend's shorthands for random.
IMPORT_BY_NAME = {"__init__.py", "backend.py"}


def package():
    """{path within minigan/: source} of every file."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in files}


def room_of(path):
    """The first room whose patterns match; None for a file that has no place."""
    for room, patterns in ROOMS.items():
        if any(fnmatch(path, pattern) and path.count("/") == pattern.count("/") for pattern in patterns):
            return room
    return None


def imports(path, files):
    """The files of the package that a file imports when it is run, also inside functions; not those for types alone."""
    tree = ast.parse(files[path])
    types_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found = set()
    for node in ast.walk(tree):
        if node in types_only:
            continue
        if isinstance(node, ast.Import):
            found |= {resolved(alias.name, files) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import; write it in full"
            for alias in node.names:
                found.add(resolved(f"{node.module}.{alias.name}", files) or resolved(str(node.module), files))
    return found - {None, path}


def resolved(module, files):
    """The file of a module of minigan, or None."""
    if module.split(".")[0] != "minigan":
        return None
    name = "/".join(module.split(".")[1:])
    return next((path for path in (f"{name}.py", f"{name}/__init__.py".lstrip("/")) if path in files), None)


def violations(files):
    """What is wrong with the layout, a line each."""
    problems = [f"{path} is in no room: add it to ROOMS" for path in files if room_of(path) is None]
    graph = {path: imports(path, files) for path in files if room_of(path) is not None}
    for path, found in graph.items():
        for other in sorted(found & graph.keys()):
            here, there = room_of(path), room_of(other)
            if ORDER.index(there) < ORDER.index(here):
                problems.append(f"{path} ({here}) imports {other} ({there}), which is above it")
    problems += [f"a circle of imports: {' → '.join(circle)}" for circle in circles(graph)]
    for path, source in files.items():
        if "import_module(" in source and path not in IMPORT_BY_NAME:
            problems.append(f"{path} imports by name, which this test cannot follow")
    return problems


def circles(graph):
    """A circle of files that import each other, for each file where one is first closed."""
    found, done = [], set()

    def visit(path, above):
        if path in above:
            found.append([*above[above.index(path) :], path])
        elif path not in done:
            for other in sorted(graph.get(path, ())):
                visit(other, [*above, path])
            done.add(path)

    for path in graph:
        visit(path, [])
    return found


def test_every_file_has_a_room_and_imports_only_what_is_below_it():
    assert not violations(package()), "\n" + "\n".join(violations(package()))


@pytest.mark.parametrize(
    ("path", "line", "problem"),
    [
        ("losses.py", "from minigan.training import train", "which is above it"),
        ("ops/elementwise.py", "from minigan.ops.cpu import elementwise", "which is above it"),
        ("backend.py", "def late():\n    from minigan.random import default_stream", "which is above it"),
        ("report/page.py", "from minigan import cli", "which is above it"),
        ("inference/sampler.py", "import minigan.training.loop", "which is above it"),
        ("layers/summary.py", "from minigan.layers.base import Layer", "a circle of imports"),
        ("files.py", "import importlib\nimportlib.import_module('minigan.cli')", "imports by name"),
        ("helpers.py", "", "is in no room"),
        ("ops/tpu/kernels.py", "", "is in no room"),
    ],
)
def test_a_planted_import_is_found(path, line, problem):
    files = package()
    files[path] = files.get(path, "") + f"\n{line}\n"
    assert any(problem in found for found in violations(files))


def test_an_import_for_types_alone_is_allowed():
    files = package()
    files["losses.py"] += "\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from minigan import cli\n"
    assert violations(files) == violations(package())


def test_the_package_has_few_entries():
    entries = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert len(entries) <= MAX_ENTRIES, sorted(entries)


def test_the_tests_mirror_the_house():
    """Every folder of tests is a folder of the package, or holds what tests share."""
    tests = PACKAGE.parent / "tests"
    shared = {"campaign", "docs", "fake", "golden", "recorded", "support"}
    folders = {path.relative_to(tests) for path in tests.rglob("*") if path.is_dir() and path.name != "__pycache__"}
    stray = {str(path) for path in folders if path.parts[0] not in shared and not (PACKAGE / path).is_dir()}
    assert not stray
