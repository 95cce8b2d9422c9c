"""A network as a table: each layer's output shape and number of parameters."""

from typing import Any, NamedTuple, Protocol

from minigan.backend import Array, xp


class Row(NamedTuple):
    """One line of the table; depth: how far its name is indented; shape: of the output, with the batch axis."""

    depth: int
    name: str
    shape: tuple[int, ...]
    parameters: int


class Traceable(Protocol):
    """What summary() needs to know of a network; every Layer has it."""

    input_shape: tuple[int, ...] | None

    def first_input_shape(self) -> tuple[int, ...] | None: ...

    def trace(self, x: Any, depth: int, rows: list[Row]) -> Array: ...

    def parameters(self) -> list[Any]: ...


def summary(network: Traceable, input_shape: tuple[int, ...] | None = None) -> str:
    """The table as text: one line for each layer, with N for the batch size.

    input_shape: of one image or noise vector, without the batch axis. The networks of minigan.models know theirs, and
    for one that begins with Dense it is found from the layer. One example of zeros passes through the network in
    evaluation mode, so no running statistics change. Raises ValueError if the shape is not known or does not fit.
    """
    shape = input_shape or network.input_shape or network.first_input_shape()
    if shape is None:
        raise ValueError(
            "summary: expected the shape of one input, such as summary((32, 32, 3)); this network does not know it"
        )
    params = network.parameters()
    x = xp.zeros((1, *shape), params[0].value.dtype if params else "float32")
    rows = [Row(0, "input", x.shape, 0)]
    network.trace(x, 0, rows)
    return _table(rows, sum(param.value.size for param in params))


def _table(rows: list[Row], total: int) -> str:
    names = ["  " * row.depth + row.name for row in rows]
    width = max(map(len, names)) + 2
    lines = [f"{'layer':{width}}{'output':18}{'parameters':>12}"]
    for name, row in zip(names, rows, strict=True):
        output = f"({', '.join(['N', *map(str, row.shape[1:])])})" if len(row.shape) > 1 else "(N,)"
        count = f"{output:18}{row.parameters:>12,}" if row.parameters else output
        lines.append(f"{name:{width}}{count}")
    return "\n".join([*lines, f"{'':{width}}{'total':18}{total:>12,}"])
