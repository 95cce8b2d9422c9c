"""Gradient check: does a backward pass compute the derivative of its forward pass?

    report = gradcheck.check(Conv2D(3, 8, 4, stride=2), x)
    report = gradcheck.check(losses.bce_with_logits, logits, targets)

For each argument a (the input, and every parameter), with a random direction v and a random output gradient u, both
sides of

    ⟨v, backward(u)⟩ = d/dh ⟨u, forward(a + h·v)⟩   at h = 0

are computed in float64, the right one by finite differences. Each argument is checked by itself, so a large gradient
cannot hide a small wrong one. u is random because an all-ones output gradient proves nothing for batch normalization:
the sum of its output does not depend on its input. Parameters and running statistics are moved away from the values
they start with, since a γ of 1 or a β of 0 hides a formula that forgets it.

A layer is held to the rest of its contract as well (layers/contract.py): backward may run twice on one cache, a second
batch does not disturb the first, and so on.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigan.backend import Array, asarray, to_numpy
from minigan.layers.base import Layer
from minigan.layers.contract import broken_promise
from minigan.random import default_stream

MAX_ELEMENTS = 200  # that an error message is searched in: each costs four forward passes


class GradientError(AssertionError):
    """A backward pass does not compute the derivative of its forward pass, or a layer breaks the contract of Layer."""


@dataclass(frozen=True)
class Entry:
    """The check of one argument.

    backward: ⟨v, backward(u)⟩; numeric: the same by finite differences; error: their relative error.
    """

    name: str
    backward: float
    numeric: float
    error: float


@dataclass(frozen=True)
class Report:
    """The result of a check, with one Entry for each argument. print(report) shows it as a table."""

    subject: str
    entries: tuple[Entry, ...]

    @property
    def worst(self) -> Entry:
        """The entry with the largest relative error; NaN counts as infinite."""
        return max(self.entries, key=lambda entry: np.inf if np.isnan(entry.error) else entry.error)

    def __str__(self) -> str:
        width = max(12, *(len(entry.name) for entry in self.entries))
        lines = [f"{'':{width}}{'backward':>16}{'differences':>16}{'relative error':>18}"]
        lines += [f"{e.name:{width}}{e.backward:16.8g}{e.numeric:16.8g}{e.error:18.1e}" for e in self.entries]
        return "\n".join([self.subject, *lines])


def check(
    layer_or_function: Layer | Callable[..., Any],
    *inputs: Any,
    seed: int = 0,
    train: bool = True,
    groups: int = 1,
    tolerance: float = 1e-6,
    step: float = 1e-4,
) -> Report:
    """Compare a backward pass with finite differences, and return a Report.

    layer_or_function: a Layer, called as layer.forward(x, train, groups); or a function of `inputs`, such as a loss,
    that returns (value, gradient, ...), the gradients being those of its first arguments, in order.
    inputs: arrays in any memory layout. Floating-point arrays are converted to float64. Layers are checked on a
    float64 copy, so the layer itself does not change. seed: of the random directions and output gradient.
    train, groups: the mode to check, as in Layer.forward; functions ignore them.
    tolerance: the largest relative error allowed. step: h; two central differences, at h and h/2, are combined so that
    their error is of order h⁴ (Richardson extrapolation).

    The relative error is |a − b| / max(|a|, |b|, ‖gradient‖, 10⁻⁴·Σ|u·y|). ‖gradient‖ is the typical size of
    ⟨v, gradient⟩; the last term, about 10⁸ times the rounding error of the differences, takes over if the gradient is
    zero, as for a bias before batch normalization. Keep inputs away from the kinks of ReLU, at which finite differences
    do not approximate the derivative.

    Raises GradientError, which names the wrong element, if an error exceeds the tolerance or a gradient has the wrong
    shape, and for a layer that breaks the contract of Layer; TypeError if there is no input or no gradient to check.
    """
    if not inputs:
        raise TypeError("gradcheck.check: expected at least one input array, got none")
    arrays = [_float64(array) for array in inputs]
    start = default_stream.state()
    try:
        return _checked(layer_or_function, arrays, seed, train, groups, tolerance, step)
    finally:
        default_stream.restore(start)


def _checked(
    layer_or_function: Layer | Callable[..., Any],
    arrays: list[Array],
    seed: int,
    train: bool,
    groups: int,
    tolerance: float,
    step: float,
) -> Report:
    problem: _Problem
    if isinstance(layer_or_function, Layer):
        problem = _LayerProblem(copy.deepcopy(layer_or_function).astype(np.float64), arrays, train, groups, seed)
    else:
        problem = _FunctionProblem(layer_or_function, arrays)
    if not problem.gradients:
        raise TypeError(f"gradcheck.check: {problem.subject} returns no gradient to check")
    random = np.random.default_rng(seed)
    entries = tuple(_check_twice(problem, name, random, step, tolerance) for name in problem.gradients)
    report = Report(problem.subject, entries)
    if not report.worst.error <= tolerance:  # not `>`: NaN must fail
        raise GradientError(_explain(problem, report, tolerance, step / 10))
    broken = problem.broken_promise()
    if broken:
        raise GradientError(f"{problem.subject}: {broken}")
    return report


class _Problem:
    """A scalar function f of named arrays, and the gradients to check.

    subject: its name in the report; arguments: the arrays, which the check changes in place; gradients: of f, by the
    backward pass; magnitude: the size of the terms that f sums, which its rounding error is proportional to.
    """

    subject: str
    arguments: dict[str, Array]
    gradients: dict[str, Any]
    magnitude: float

    def value(self) -> float:
        """f(arguments)."""
        raise NotImplementedError

    def broken_promise(self) -> str | None:
        """What else is wrong, besides the gradients: a sentence, or None."""
        return None


class _LayerProblem(_Problem):
    """f = ⟨u, layer(x)⟩, with its gradients with respect to x and every parameter."""

    def __init__(self, layer: Layer, inputs: list[Array], train: bool, groups: int, seed: int) -> None:
        if len(inputs) != 1:
            raise TypeError(f"gradcheck.check: {layer.short_name()} takes one input, got {len(inputs)}")
        (x,) = inputs
        mode = "training mode" if train else "evaluation mode"
        self.subject = f"{layer.short_name()}, {mode}" + (f", {groups} groups" if groups > 1 else "")
        self.layer, self.train, self.groups, self.seed = layer, train, groups, seed
        random = np.random.default_rng([seed, 2])
        for array in (*(param.value for param in layer.parameters()), *(array for _, array in layer.named_buffers())):
            _perturb(array, random)
        # Every forward pass must compute the same function: the same dropout masks, the same running statistics.
        self.streams = [(stream, stream.state()) for stream in (default_stream, *layer.random_streams())]
        self.running = [buffer.copy() for _, buffer in layer.named_buffers()]
        params = dict(layer.named_parameters())
        self.arguments = {"x": x} | {name: param.value for name, param in params.items()}
        y, cache = self._forward()
        if x.dtype.kind == "f" and y.dtype != x.dtype:
            raise GradientError(f"{self.subject}: expected an output of {x.dtype}, as the input is, got {y.dtype}")
        self.u = asarray(np.random.default_rng([seed, 1]).standard_normal(y.shape))
        for param in params.values():
            param.grad.fill(1)  # backward must add to the gradients, so they start from something to add to
        self.magnitude = float(abs(y * self.u).sum())
        dx = layer.backward(self.u.copy(), cache)
        self.gradients = {"x": dx} if x.dtype.kind == "f" else {}  # labels have no gradient
        self.gradients |= {name: param.grad - 1 for name, param in params.items()}

    def value(self) -> float:
        y, _ = self._forward()
        return float((y * self.u).sum())

    def broken_promise(self) -> str | None:
        return broken_promise(self.layer, self.arguments["x"], self._forward, self.train, self.groups, self.seed)

    def _forward(self) -> tuple[Array, Any]:
        for stream, state in self.streams:
            stream.restore(state)
        for (_, buffer), start in zip(self.layer.named_buffers(), self.running, strict=True):
            buffer[...] = start
        return self.layer.forward(self.arguments["x"], self.train, self.groups)


class _FunctionProblem(_Problem):
    """f, and the gradients that it returns for the first of its arguments."""

    def __init__(self, function: Callable[..., Any], inputs: list[Array]) -> None:
        self.subject = getattr(function, "__qualname__", repr(function))
        self.function = function
        names = _argument_names(function, len(inputs))
        self.arguments = dict(zip(names, inputs, strict=True))
        value, *gradients = function(*inputs)
        self.magnitude = abs(float(value))
        self.gradients = dict(zip(names, gradients, strict=False))

    def value(self) -> float:
        return float(self.function(*self.arguments.values())[0])


def _check_twice(problem: _Problem, name: str, random: np.random.Generator, step: float, tolerance: float) -> Entry:
    """A second look with a tenth of the step, if the first fails: it crosses a kink in a network ten times less often,
    and a wrong formula fails again.
    """
    first = _check_argument(problem, name, random, step)
    return first if first.error <= tolerance else _check_argument(problem, name, random, step / 10)


def _check_argument(problem: _Problem, name: str, random: np.random.Generator, step: float) -> Entry:
    argument, gradient = problem.arguments[name], problem.gradients[name]
    if gradient is None or gradient.shape != argument.shape:
        got = None if gradient is None else tuple(gradient.shape)
        raise GradientError(f"gradient of {name}: expected shape {tuple(argument.shape)}, got {got}")
    if gradient.dtype != argument.dtype:
        raise GradientError(
            f"gradient of {name}: expected {argument.dtype}, got {gradient.dtype}; the dtype follows the input"
        )
    # ±1 times a factor in [0.5, 1]: if a component of v were near zero, an error there would not be noticed.
    v = random.uniform(0.5, 1, argument.shape) * random.choice([-1.0, 1.0], argument.shape)
    backward = float((gradient * asarray(v)).sum())
    numeric = _derivative(problem, name, asarray(v), step)
    norm = float((gradient**2).sum()) ** 0.5
    scale = max(abs(backward), abs(numeric), norm, 1e-4 * problem.magnitude, 1e-12)
    return Entry(name, backward, numeric, abs(backward - numeric) / scale)


def _perturb(array: Array, random: np.random.Generator) -> None:
    """Change every number by 10 to 30 %, and a zero by 0.1 to 0.3, in place; signs stay, as of a variance."""
    if array.dtype.kind == "f":
        change = random.uniform(0.1, 0.3, array.shape) * random.choice([-1.0, 1.0], array.shape)
        array += asarray(change) * (array + (array == 0))


def _derivative(problem: _Problem, name: str, v: Array, step: float) -> float:
    """d/dh f(a + h·v) at 0, from central differences at h and h/2: (4·D(h/2) − D(h)) / 3."""
    return (4 * _central(problem, name, v, step / 2) - _central(problem, name, v, step)) / 3


def _central(problem: _Problem, name: str, v: Array, step: float) -> float:
    """(f(a + h·v) − f(a − h·v)) / 2h."""
    argument = problem.arguments[name]
    start = argument.copy()
    argument[...] = start + step * v
    above = problem.value()
    argument[...] = start - step * v
    below = problem.value()
    argument[...] = start
    return (above - below) / (2 * step)


def _explain(problem: _Problem, report: Report, tolerance: float, step: float) -> str:
    """The message of a GradientError: the worst argument, and the element of it with the largest difference."""
    worst = report.worst
    argument, gradient = problem.arguments[worst.name], to_numpy(problem.gradients[worst.name])
    elements = list(np.ndindex(*argument.shape))
    if len(elements) > MAX_ELEMENTS:
        chosen = np.random.default_rng(0).choice(len(elements), MAX_ELEMENTS, replace=False)
        elements = [elements[i] for i in chosen]

    def numeric_at(element: tuple[int, ...]) -> float:
        v = np.zeros(argument.shape)
        v[element] = 1
        return _derivative(problem, worst.name, asarray(v), step)

    numeric = {element: numeric_at(element) for element in elements}
    differences = {element: abs(float(gradient[element]) - numeric[element]) for element in elements}
    element = max(elements, key=lambda e: np.inf if np.isnan(differences[e]) else differences[e])
    return (
        f"{report.subject}: relative error {worst.error:.1e} in {worst.name}, expected at most {tolerance:.0e}; "
        f"worst entry {worst.name}[{', '.join(map(str, element))}]: backward {float(gradient[element]):.8g}, "
        f"finite differences {numeric[element]:.8g}\n{report}"
    )


def _float64(array: Any) -> Array:
    """A copy to take differences in, in float64 and in the same memory layout; integers, such as labels, stay so."""
    array = np.array(to_numpy(array)) if not isinstance(array, np.ndarray) else array.copy(order="K")
    return asarray(array.astype(np.float64, order="K") if array.dtype.kind == "f" else array)


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    names = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return names[:count] if len(names) >= count else [f"argument {i}" for i in range(count)]
