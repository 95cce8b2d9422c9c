"""Sequential: layers one after another. The chain rule is the loop in backward."""

from typing import Any

from minigan.backend import Array
from minigan.layers.base import Layer
from minigan.layers.summary import Row
from minigan.ops.geometry import require_shape_of_sizes


class Sequential(Layer):
    """y = layerₙ(... layer₂(layer₁(x))); dx = layer₁ᵀ(layer₂ᵀ(... layerₙᵀ(dy))).

    `layers` is the list of layers, in order. The cache is the tuple of their caches. input_shape: of one input without
    the batch axis, for summary(), if it does not follow from the first layer.
    """

    def __init__(self, *layers: Layer, input_shape: tuple[int, ...] | None = None) -> None:
        if input_shape is not None:
            require_shape_of_sizes("Sequential", "input_shape", input_shape)
        self.layers, self.input_shape = list(layers), input_shape

    def forward(self, x: Any, train: bool = True, groups: int = 1) -> tuple[Array, tuple[Any, ...]]:
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, train, groups)
            caches.append(cache)
        return x, tuple(caches)

    def backward(self, dy: Any, cache: Any, param_grads: bool = True, input_grad: bool = True) -> Array | None:
        for index in reversed(range(len(self.layers))):
            below = input_grad or index > 0
            dy = self.layers[index].backward(dy, cache[index], param_grads, below)
        return dy if input_grad else None

    def named_children(self) -> list[tuple[str, Layer]]:
        return [(str(index), layer) for index, layer in enumerate(self.layers)]

    def first_input_shape(self) -> tuple[int, ...] | None:
        return self.input_shape or (self.layers[0].first_input_shape() if self.layers else None)

    def trace(self, x: Any, depth: int, rows: list[Row]) -> Array:
        for layer in self.layers:
            x = layer.trace(x, depth, rows)
        return x

    def short_name(self) -> str:
        return f"Sequential of {len(self.layers)} layers"

    def __repr__(self) -> str:
        return indented("Sequential", [(f"{index}: ", layer) for index, layer in enumerate(self.layers)])


def indented(name: str, children: list[tuple[str, Layer]]) -> str:
    """A network as text: its name, then one line for each (label, layer) inside it."""
    lines = "\n".join(f"{label}{layer!r}" for label, layer in children).replace("\n", "\n  ")
    return f"{name}(\n  {lines}\n)" if children else f"{name}()"
