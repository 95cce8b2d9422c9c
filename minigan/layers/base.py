"""What every layer is: a forward pass, a backward pass, and named parameters."""

import numpy as np

from minigan.backend import asarray, to_numpy, xp
from minigan.errors import CheckpointError


class Param:
    """A trainable array and its gradient.

    value, grad: arrays of one shape and dtype, updated in place and never replaced while training runs.
    version: how often `value` has changed. A cache remembers the version it was made with, so a backward
    pass with new weights through old activations is an error and not a wrong gradient.
    """

    def __init__(self, value):
        self.value = asarray(value)
        self.grad = xp.zeros_like(self.value)
        self.version = 0

    def cast(self, dtype):
        """The value in the dtype of the input at hand; no copy where it already is."""
        return self.value.astype(dtype, copy=False)

    def require_version(self, version, layer):
        if version != self.version:
            raise RuntimeError(
                f"{layer.in_messages()}: backward with a cache from before the weights changed (cache of version "
                f"{version}, weights of version {self.version}); run forward again after optimizer.step()"
            )

    def __repr__(self):
        return f"Param(shape={self.value.shape}, dtype={self.value.dtype}, version={self.version})"


class Layer:
    """The contract of every layer and network.

        y, cache = layer.forward(x, train=True)
        dx = layer.backward(dy, cache, param_grads=True, input_grad=True)

    The layer keeps no activation: what backward needs is in the `cache`, a plain tuple, so one layer can be
    applied to several batches and each cache stays good. backward is linear in dy and may run twice on one
    cache. `train` chooses batch or running statistics (and dropout), nothing else; train=2 says that x
    holds two batches side by side, each with statistics of its own. Parameter gradients are
    added to `Param.grad` unless param_grads=False: then the gradient passes through the layer, not into it.
    With input_grad=False nothing below needs dx, and None is returned. The dtype follows the input.
    """

    buffers: tuple[str, ...] = ()  # names of arrays that are state but not trained, such as running statistics
    settings: tuple[str, ...] = ()  # names of what it was made with, for repr; messages show the first
    input_shape = None  # of one input, where the network knows it

    def forward(self, x, train=True):
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    # --- names ---------------------------------------------------------------------------------------------

    def named_children(self):
        """(name, layer) for each layer inside this one."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Layer)]

    def named_parameters(self, prefix=""):
        """(name, Param) in a fixed order: this layer's own, then its children's, as in '3.weight'."""
        own = [(prefix + name, value) for name, value in vars(self).items() if isinstance(value, Param)]
        inner = [pair for name, child in self.named_children() for pair in child.named_parameters(f"{prefix}{name}.")]
        return own + inner

    def named_buffers(self, prefix=""):
        """(name, array) of the state that is not trained, as in '4.running_mean'."""
        own = [(prefix + name, getattr(self, name)) for name in self.buffers]
        inner = [pair for name, child in self.named_children() for pair in child.named_buffers(f"{prefix}{name}.")]
        return own + inner

    def parameters(self):
        return [param for _, param in self.named_parameters()]

    # --- state ---------------------------------------------------------------------------------------------

    def state_dict(self):
        """{name: NumPy array}: parameters and running statistics, copied to the host."""
        arrays = {name: param.value for name, param in self.named_parameters()} | dict(self.named_buffers())
        return {name: np.array(to_numpy(array)) for name, array in arrays.items()}

    def load_state_dict(self, state):
        """Copy `state` into the arrays that are there. Every name and shape is checked before any is written."""
        params = dict(self.named_parameters())
        targets = {name: param.value for name, param in params.items()} | dict(self.named_buffers())
        require_same_arrays(targets, state)
        for name, target in targets.items():
            target[...] = asarray(state[name])
        for param in params.values():
            param.version += 1

    def astype(self, dtype):
        """Convert parameters and running statistics to `dtype` in place; returns the layer.

        Convert before the optimizer is made: it gathers the parameters it is given.
        """
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}.astype: expected a floating dtype, got {dtype}")
        for param in (value for value in vars(self).values() if isinstance(value, Param)):
            param.value = param.value.astype(dtype)
            param.grad = param.grad.astype(dtype)
            param.version += 1
        for name in self.buffers:
            setattr(self, name, getattr(self, name).astype(dtype))
        for _, child in self.named_children():
            child.astype(dtype)
        return self

    # --- checks --------------------------------------------------------------------------------------------

    def require_shape(self, name, array, expected):
        """Raise unless array.shape fits `expected`, where a string such as "N" stands for any size."""
        fits = len(array.shape) == len(expected) and all(
            isinstance(want, str) or want == got for want, got in zip(expected, array.shape, strict=True)
        )
        if not fits:
            shape = f"({', '.join(map(str, expected))}{',' if len(expected) == 1 else ''})"
            raise ValueError(f"{self.in_messages()}: expected {name} of shape {shape}, got {tuple(array.shape)}")

    def require_floating(self, name, array):
        if array.dtype.kind != "f":
            raise TypeError(
                f"{self.in_messages()}: expected {name} of a floating dtype, got {array.dtype}; "
                "images are scaled first, as in x.astype('float32') / 127.5 - 1"
            )

    # --- words ---------------------------------------------------------------------------------------------

    def summary(self, input_shape=None):
        """Print a table: each layer, the shape of what leaves it, its parameters. See layers/summary.py."""
        from minigan.layers.summary import summary

        print(summary(self, input_shape))

    def in_messages(self):
        """The layer in a few words, such as Conv2D(in_channels=3): messages begin with it."""
        return self._shown(self.settings[:1])

    def __repr__(self):
        return self._shown(self.settings)

    def _shown(self, names):
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def require_same_arrays(targets, state):
    """Raise CheckpointError unless `state` has exactly the names and shapes of `targets`."""
    missing = [name for name in targets if name not in state]
    surplus = [name for name in state if name not in targets]
    if missing or surplus:
        raise CheckpointError(
            "the state is of another architecture: "
            + "; ".join(
                f"{what} {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}"
                for what, names in (("missing", missing), ("not known here", surplus))
                if names
            )
        )
    for name, target in targets.items():
        if tuple(state[name].shape) != tuple(target.shape):
            raise CheckpointError(
                f"the state is of another architecture: {name} is of shape {tuple(state[name].shape)}, "
                f"expected {tuple(target.shape)}"
            )
