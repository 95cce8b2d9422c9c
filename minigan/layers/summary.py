"""A network as a table: each layer, the shape of what leaves it, its parameters."""

from minigan.backend import xp
from minigan.layers.conditional import Conditional
from minigan.layers.dense import Dense
from minigan.layers.sequential import Sequential


def summary(network, input_shape=None):
    """The table as text: one line for each layer, N for the size of the batch.

    input_shape: of one picture or noise vector, without the batch; for a network that is told the class, of its first
    input. Networks of minigan.models know theirs, and one that begins with Dense needs none.
    One example of zeros goes through the network in evaluation mode, which moves no running statistics.
    Raises ValueError where the input's shape is not known, or does not fit.
    """
    shape = input_shape or network.input_shape or _of_first_dense(network)
    if shape is None:
        raise ValueError(
            "summary: expected the shape of one input, such as summary((32, 32, 3)); this network has none"
        )
    x = xp.zeros((1, *shape), _dtype(network))
    first = ("input", x.shape, 0)
    if isinstance(network, Conditional):
        x = (x, xp.zeros(1, "int64"))
    rows: list[tuple[str, tuple, int]] = []
    _trace(network, x, 0, rows)
    return _table([first, *rows], sum(param.value.size for param in network.parameters()))


def _trace(layer, x, depth, rows):
    """Send x through a layer and add its line, or the lines of the layers inside it, to `rows`; returns the output."""
    indent = "  " * depth
    if isinstance(layer, Sequential):
        for child in layer.layers:
            x = _trace(child, x, depth, rows)
        return x
    if isinstance(layer, Conditional):
        parts = []
        for name, path, part in (("x", layer.x_path, x[0]), ("label", layer.label_path, x[1])):
            rows.append((f"{indent}{name}:", part.shape, 0))
            parts.append(_trace(path, part, depth + 1, rows))
        joined = layer.joined(*parts)
        rows.append((f"{indent}side by side", joined.shape, 0))
        return _trace(layer.rest, joined, depth, rows)
    y, _ = layer.forward(x, train=False)
    rows.append((indent + _name(layer), y.shape, sum(param.value.size for param in layer.parameters())))
    return y


def _name(layer):
    """A layer in a few words; its channels can be read off the shapes."""
    words = type(layer).__name__
    if hasattr(layer, "kernel_size"):
        (height, width), stride = layer.kernel_size, layer.stride
        words += f" {height}×{width}" + (f", stride {stride[0]}" if stride[0] == stride[1] else f", strides {stride}")
    elif getattr(layer, "activation", None) is not None:
        words += f", {type(layer.activation).__name__}"
    return words


def _table(rows, total):
    width = max(len(name) for name, _, _ in rows) + 2
    lines = [f"{'layer':{width}}{'output':18}{'parameters':>12}"]
    for name, shape, parameters in rows:
        output = f"({', '.join(['N', *map(str, shape[1:])])})" if len(shape) > 1 else "(N,)"
        lines.append(f"{name:{width}}{output:18}{parameters or '':>12,}" if parameters else f"{name:{width}}{output}")
    return "\n".join([*lines, f"{'':{width}}{'in all':18}{total:>12,}"])


def _of_first_dense(network):
    while isinstance(network, (Sequential, Conditional)):
        inner = network.layers if isinstance(network, Sequential) else [network.x_path]
        if not inner:
            return None
        network = inner[0]
    return (network.in_features,) if isinstance(network, Dense) else None


def _dtype(network):
    params = network.parameters()
    return params[0].value.dtype if params else "float32"
