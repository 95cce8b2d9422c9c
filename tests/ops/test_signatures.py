"""The readable operations and their CPU and GPU versions have the same names and the same parameters."""

import ast
import inspect
from pathlib import Path

import pytest

from minigan.ops import convolution, elementwise, normalization
from minigan.ops.cpu import operations as cpu_operations

READABLE_MODULES = (convolution, normalization, elementwise)
# Functions of the readable modules that are used by the operations, and are not operations with a fast version.
HELPERS = {"im2col", "col2im", "inside", "pad", "update_running_statistics", "sigmoid", "adam_corrections"}
READABLE = {
    name: function
    for module in READABLE_MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and name not in HELPERS
}


def parameters(function):
    """[(name, kind, default), ...], without the annotations."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def functions_in(path):
    """{name: parameters and their defaults as text, without annotations} of a source file, which is not imported."""
    signatures = {}
    for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
            signatures[node.name] = ast.unparse(node.args)
    return signatures


def test_every_readable_operation_has_a_cpu_version():
    assert set(cpu_operations.__all__) == set(READABLE)


@pytest.mark.parametrize("name", sorted(READABLE))
def test_the_cpu_version_has_the_same_parameters(name):
    assert parameters(getattr(cpu_operations, name)) == parameters(READABLE[name])


@pytest.mark.parametrize("name", sorted(READABLE))
def test_the_gpu_version_has_the_same_parameters(name):
    """Compared as source text, so that neither CuPy nor a GPU is needed."""
    gpu_file = Path(inspect.getfile(cpu_operations)).parents[1] / "gpu/operations.py"
    readable = {name: text for module in READABLE_MODULES for name, text in functions_in(module.__file__).items()}
    assert functions_in(gpu_file)[name] == readable[name]
