"""Sequential: layers one after another. The chain rule is the loop in backward."""

from minigan.layers.base import Layer


class Sequential(Layer):
    """y = layerₙ(... layer₂(layer₁(x))); dx = layer₁ᵀ(layer₂ᵀ(... layerₙᵀ(dy))).

    `layers` is the list, in order. The cache is the tuple of the layers' caches. input_shape: of one input, for
    summary(), where it does not follow from the first layer.
    """

    def __init__(self, *layers, input_shape=None):
        self.layers, self.input_shape = list(layers), input_shape

    def forward(self, x, train=True):
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, train)
            caches.append(cache)
        return x, tuple(caches)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        for index in reversed(range(len(self.layers))):
            below = input_grad or index > 0
            dy = self.layers[index].backward(dy, cache[index], param_grads, below)
        return dy

    def named_children(self):
        return [(str(index), layer) for index, layer in enumerate(self.layers)]

    def __repr__(self):
        return indented("Sequential", [(f"{index}: ", layer) for index, layer in enumerate(self.layers)])

    def in_messages(self):
        return f"Sequential of {len(self.layers)} layers"


def indented(name, children):
    """A network in words: one line for each (label, layer) inside it."""
    lines = "\n".join(f"{label}{layer!r}" for label, layer in children).replace("\n", "\n  ")
    return f"{name}(\n  {lines}\n)" if children else f"{name}()"
