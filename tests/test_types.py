"""Every function of the package is annotated: all parameters and the return value."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "minigan"
FILES = sorted(PACKAGE.rglob("*.py"))


def unannotated(path):
    """["line 12: convolve(x, stride), returns"]: the functions that lack annotations, and what lacks them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    methods = {
        function
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for function in owner.body
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        a = function.args
        parameters = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        is_static = any(getattr(decorator, "id", None) == "staticmethod" for decorator in function.decorator_list)
        if function in methods and not is_static:
            parameters = parameters[1:]  # self or cls
        lacking = [parameter.arg for parameter in parameters if parameter.annotation is None]
        lacking += ["the return value"] if function.returns is None else []
        if lacking:
            found.append(f"line {function.lineno}: {function.name}: {', '.join(lacking)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_parameter_and_return_value_is_annotated(path):
    found = unannotated(path)
    assert not found, "\n".join(found)


def test_missing_annotations_are_found(tmp_path):
    source = """
class Layer:
    def __init__(self, size: int) -> None: ...
    def forward(self, x, *rest, train: bool = True): ...
    @staticmethod
    def helper(x) -> None: ...

def outer(x: int) -> int:
    def inner(y: int): ...
"""
    path = tmp_path / "layer.py"
    path.write_text(source, encoding="utf-8")
    assert sorted(unannotated(path)) == [
        "line 4: forward: x, rest, the return value",
        "line 6: helper: x",
        "line 9: inner: the return value",
    ]
