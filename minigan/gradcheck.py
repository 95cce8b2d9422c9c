"""Gradient check: does a backward pass compute the derivative of its forward pass?

    report = gradcheck.check(Conv2D(3, 8, 4, stride=2), x)
    report = gradcheck.check(losses.bce_with_logits, logits, targets)

With a random direction v for one argument a and a random output gradient u, both sides of

    ⟨v, backward(u)⟩ = d/dh ⟨u, forward(a + h·v)⟩   at h = 0

are computed, the right one by finite differences in float64. Each argument (the input, every parameter) has its
own direction, so a large gradient cannot hide a small wrong one. u is random because an all-ones output gradient
proves nothing for batch normalization: the sum of its output does not depend on its input.
"""

import copy
import inspect
from dataclasses import dataclass

import numpy as np

from minigan import backend
from minigan.backend import asarray, to_numpy
from minigan.layers.base import Layer


class GradientError(AssertionError):
    """A backward pass that is not the derivative of its forward pass."""


@dataclass(frozen=True)
class Entry:
    """One argument's check: ⟨v, backward(u)⟩ against finite differences, and their relative error."""

    name: str
    backward: float
    numeric: float
    error: float


@dataclass(frozen=True)
class Report:
    """All entries of one check."""

    subject: str
    entries: tuple[Entry, ...]

    @property
    def worst(self):
        """The entry with the largest relative error; NaN is the worst there is."""
        return max(self.entries, key=lambda entry: np.inf if np.isnan(entry.error) else entry.error)

    def __str__(self):
        width = max(12, *(len(entry.name) for entry in self.entries))
        lines = [f"{'':{width}}{'backward':>16}{'differences':>16}{'relative error':>18}"]
        lines += [f"{e.name:{width}}{e.backward:16.8g}{e.numeric:16.8g}{e.error:18.1e}" for e in self.entries]
        return "\n".join([self.subject, *lines])


def check(layer_or_function, *inputs, seed=0, train=True, tolerance=1e-6, step=1e-4):
    """Compare a backward pass with finite differences; returns a Report, raises GradientError.

    layer_or_function: a Layer, called as layer.forward(x, train); or a function of `inputs` that returns
    (value, gradient, ...), the gradients of its first arguments in order, as losses do.
    inputs: arrays of any layout; floating ones are converted to float64, and so is a copy of the layer: yours
    is left as it is. train: the mode to check. tolerance: the largest relative error allowed. step: h; two
    central differences, at h and h/2, are combined so that their error is of order h⁴ (Richardson).

    The relative error is |a − b| / max(|a|, |b|, ‖gradient‖, 10⁻⁴·Σ|u·y|): ‖gradient‖ is what ⟨v, gradient⟩
    typically is, and the last term, about 10⁸ times the rounding error of the differences, stands in where the
    gradient is zero (a bias before batch normalization). Keep inputs off the kinks of ReLU: finite differences
    across one are no derivative.
    """
    if not inputs:
        raise TypeError("gradcheck.check: expected at least one input array, got none")
    arrays = [_float64(array) for array in inputs]
    if isinstance(layer_or_function, Layer):
        layer = copy.deepcopy(layer_or_function).astype(np.float64)
        subject = f"{layer.in_messages()}, {'training' if train else 'evaluation'} mode"
        problem: _LayerProblem | _FunctionProblem = _LayerProblem(layer, arrays, train, seed)
    else:
        subject = getattr(layer_or_function, "__qualname__", repr(layer_or_function))
        problem = _FunctionProblem(layer_or_function, arrays)
    if not problem.gradients:
        raise TypeError(f"gradcheck.check: {subject} gives no gradient to check")
    random = np.random.default_rng(seed)
    entries = tuple(_check_argument(problem, name, random, step) for name in problem.gradients)
    report = Report(subject, entries)
    if not report.worst.error <= tolerance:
        raise GradientError(_explain(problem, report, tolerance, step))
    return report


class _LayerProblem:
    """f(arguments) = ⟨u, layer(x)⟩, with its gradients for x and for every parameter."""

    def __init__(self, layer, inputs, train, seed):
        if len(inputs) != 1:
            raise TypeError(f"gradcheck.check: {layer.in_messages()} takes one input, got {len(inputs)}")
        (x,) = inputs
        self.layer, self.train = layer, train
        self.stream = backend.random.state()  # dropout must draw the same mask each time
        self.running = [buffer.copy() for _, buffer in layer.named_buffers()]
        params = dict(layer.named_parameters())
        self.arguments = {"x": x} | {name: param.value for name, param in params.items()}
        y, cache = self._forward()
        self.u = asarray(np.random.default_rng([seed, 1]).standard_normal(y.shape))
        for param in params.values():
            param.grad.fill(1)  # gradients must be added to what is there
        self.magnitude = float(abs(y * self.u).sum())
        dx = layer.backward(self.u, cache)
        self.gradients = {"x": dx} if x.dtype.kind == "f" else {}
        self.gradients |= {name: param.grad - 1 for name, param in params.items()}

    def value(self):
        y, _ = self._forward()
        return float((y * self.u).sum())

    def _forward(self):
        backend.random.restore(self.stream)
        for (_, buffer), start in zip(self.layer.named_buffers(), self.running, strict=True):
            buffer[...] = start
        return self.layer.forward(self.arguments["x"], self.train)


class _FunctionProblem:
    """f(arguments) and the gradients it returns for the first of them."""

    def __init__(self, function, inputs):
        self.function = function
        names = _argument_names(function, len(inputs))
        self.arguments = dict(zip(names, inputs, strict=True))
        value, *gradients = function(*inputs)
        self.magnitude = abs(float(value))
        self.gradients = dict(zip(names, gradients, strict=False))

    def value(self):
        return float(self.function(*self.arguments.values())[0])


def _check_argument(problem, name, random, step):
    argument, gradient = problem.arguments[name], problem.gradients[name]
    if gradient is None or gradient.shape != argument.shape:
        got = None if gradient is None else tuple(gradient.shape)
        raise GradientError(f"gradient of {name}: expected shape {tuple(argument.shape)}, got {got}")
    # No component of v is near zero, or an error there would go unseen.
    v = random.uniform(0.5, 1, argument.shape) * random.choice([-1.0, 1.0], argument.shape)
    backward = float((gradient * asarray(v)).sum())
    numeric = _derivative(problem, name, asarray(v), step)
    norm = float((gradient**2).sum()) ** 0.5
    scale = max(abs(backward), abs(numeric), norm, 1e-4 * problem.magnitude, 1e-12)
    return Entry(name, backward, numeric, abs(backward - numeric) / scale)


def _derivative(problem, name, v, step):
    """d/dh f(a + h·v) at 0, from central differences at h and h/2: (4·D(h/2) − D(h)) / 3."""
    return (4 * _central(problem, name, v, step / 2) - _central(problem, name, v, step)) / 3


def _central(problem, name, v, step):
    argument = problem.arguments[name]
    start = argument.copy()
    argument[...] = start + step * v
    above = problem.value()
    argument[...] = start - step * v
    below = problem.value()
    argument[...] = start
    return (above - below) / (2 * step)


def _explain(problem, report, tolerance, step):
    """The worst argument, and within it the element that is furthest off."""
    worst = report.worst
    argument, gradient = problem.arguments[worst.name], to_numpy(problem.gradients[worst.name])
    elements = list(np.ndindex(*argument.shape))
    if len(elements) > 200:  # two evaluations each: enough to point at the trouble
        elements = [elements[i] for i in np.random.default_rng(0).choice(len(elements), 200, replace=False)]

    def numeric_at(element):
        v = np.zeros(argument.shape)
        v[element] = 1
        return _derivative(problem, worst.name, asarray(v), step)

    numeric = {element: numeric_at(element) for element in elements}
    element = max(elements, key=lambda e: abs(float(gradient[e]) - numeric[e]))
    place = f"{worst.name}[{', '.join(map(str, element))}]"
    return (
        f"{report.subject}: relative error {worst.error:.1e} in {worst.name}, expected at most {tolerance:.0e}; "
        f"worst entry {place}: backward {float(gradient[element]):.8g}, "
        f"finite differences {numeric[element]:.8g}\n{report}"
    )


def _float64(array):
    # A copy, in which the differences are taken; integers (labels) stay what they are.
    array = np.array(to_numpy(array)) if not isinstance(array, np.ndarray) else array.copy(order="K")
    return asarray(array.astype(np.float64, order="K") if array.dtype.kind == "f" else array)


def _argument_names(function, count):
    names = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return names[:count] if len(names) >= count else [f"argument {i}" for i in range(count)]
