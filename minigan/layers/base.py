"""The base of every layer: a forward pass, a backward pass, and named parameters."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from minigan.backend import Array, asarray, to_numpy, xp
from minigan.errors import CheckpointError
from minigan.layers.summary import Row, summary
from minigan.random import RandomStream

SomeLayer = TypeVar("SomeLayer", bound="Layer")


class Param:
    """A trainable array and its gradient.

    value, grad: arrays of one shape and dtype, updated in place and never replaced during training.
    version: how often `value` has changed. A cache remembers the version it was made with, so a backward pass that
    mixes new weights with old activations raises an error instead of returning a wrong gradient.
    """

    def __init__(self, value: Any) -> None:
        self.value = asarray(value)
        self.grad: Array = xp.zeros_like(self.value)
        self.version = 0

    def cast(self, dtype: npt.DTypeLike) -> Array:
        """The value in `dtype`, that of the input; no copy if it has that dtype already."""
        return self.value.astype(dtype, copy=False)

    def require_version(self, version: int, layer: "Layer") -> None:
        """Raise RuntimeError if the weights have changed since the cache of this `version` was made."""
        if version != self.version:
            raise RuntimeError(
                f"{layer.short_name()}: backward with a cache from before the weights changed (cache of version "
                f"{version}, weights of version {self.version}); run forward again after optimizer.step()"
            )

    def __repr__(self) -> str:
        return f"Param(shape={self.value.shape}, dtype={self.value.dtype}, version={self.version})"


class Layer:
    """The contract of every layer and network.

        y, cache = layer.forward(x, train=True, groups=1)
        dx = layer.backward(dy, cache, param_grads=True, input_grad=True)

    A layer keeps no activations: everything backward needs is in `cache`, so one layer can be applied to several
    batches, and each cache stays valid. backward is linear in dy and may run twice on one cache.

    train: use batch statistics and dropout (training mode) or running statistics (evaluation mode); nothing else
    depends on it. groups: x holds that many batches of one size, one after the other; in training mode each is
    normalized with its own statistics.
    param_grads: add the parameters' gradients to `Param.grad`; if False, the gradient passes through the layer, not
    into it. input_grad: compute dx; if False, nothing below needs it and None is returned. The dtype follows the input.
    """

    buffers: tuple[str, ...] = ()  # names of arrays that are state but not trained, such as running statistics
    settings: tuple[str, ...] = ()  # names of the constructor arguments that repr shows; messages show the first
    input_shape: tuple[int, ...] | None = None  # of one input without the batch axis, if the network knows it

    def forward(self, x: Any, train: bool = True, groups: int = 1) -> tuple[Array, Any]:
        """Return (y, cache)."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: Array, cache: Any, param_grads: bool = True, input_grad: bool = True) -> Any:
        """Return dx, an array of the shape of x, or None if input_grad is False."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    # --- children and parameters ---------------------------------------------------------------------------

    def named_children(self) -> list[tuple[str, "Layer"]]:
        """(name, layer) for each layer inside this one."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Layer)]

    def named_parameters(self, prefix: str = "") -> list[tuple[str, Param]]:
        """(name, Param) in a fixed order: this layer's own, then its children's, such as '3.weight'."""
        own = [(prefix + name, value) for name, value in vars(self).items() if isinstance(value, Param)]
        inner = [pair for name, child in self.named_children() for pair in child.named_parameters(f"{prefix}{name}.")]
        return own + inner

    def named_buffers(self, prefix: str = "") -> list[tuple[str, Array]]:
        """(name, array) for the state that is not trained, such as '4.running_mean'."""
        own = [(prefix + name, getattr(self, name)) for name in self.buffers]
        inner = [pair for name, child in self.named_children() for pair in child.named_buffers(f"{prefix}{name}.")]
        return own + inner

    def parameters(self) -> list[Param]:
        """All Params, in the order of named_parameters()."""
        return [param for _, param in self.named_parameters()]

    def random_streams(self) -> list[RandomStream]:
        """The random streams that this layer and its children draw from in forward, such as Dropout's."""
        return [stream for _, child in self.named_children() for stream in child.random_streams()]

    # --- state ---------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """{name: NumPy array}: parameters and running statistics, copied to the host."""
        arrays = {name: param.value for name, param in self.named_parameters()} | dict(self.named_buffers())
        return {name: np.array(to_numpy(array)) for name, array in arrays.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Copy `state` into the existing arrays, in place.

        Raises CheckpointError, before any array is written, if a name is missing or unexpected or a shape differs.
        """
        params = dict(self.named_parameters())
        targets = {name: param.value for name, param in params.items()} | dict(self.named_buffers())
        require_same_arrays(targets, state)
        for name, target in targets.items():
            target[...] = asarray(state[name])
        for param in params.values():
            param.version += 1

    def astype(self: SomeLayer, dtype: npt.DTypeLike) -> SomeLayer:
        """Convert parameters and running statistics to `dtype` in place, and return the layer.

        Convert before creating the optimizer, which gathers the parameters it is given. Raises TypeError unless `dtype`
        is a floating-point dtype.
        """
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}.astype: expected a floating-point dtype, got {dtype}")
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

    def require_shape(self, name: str, array: Any, expected: tuple[int | str, ...]) -> None:
        """Raise ValueError unless array.shape matches `expected`, in which a string such as "N" stands for any size."""
        fits = len(array.shape) == len(expected) and all(
            isinstance(want, str) or want == got for want, got in zip(expected, array.shape, strict=True)
        )
        if not fits:
            shape = f"({', '.join(map(str, expected))}{',' if len(expected) == 1 else ''})"
            raise ValueError(f"{self.short_name()}: expected {name} of shape {shape}, got {tuple(array.shape)}")

    def require_floating(self, name: str, array: Any) -> None:
        """Raise TypeError unless `array` has a floating-point dtype."""
        if array.dtype.kind != "f":
            raise TypeError(
                f"{self.short_name()}: expected {name} of a floating-point dtype, got {array.dtype}; "
                "scale images first, for example with minigan.data.to_float(images)"
            )

    # --- description ---------------------------------------------------------------------------------------

    def summary(self, input_shape: tuple[int, ...] | None = None) -> None:
        """Print a table with each layer's output shape and number of parameters; see layers/summary.py."""
        print(summary(self, input_shape))

    def first_input_shape(self) -> tuple[int, ...] | None:
        """The shape of one input without the batch axis, if it follows from the layers; used by summary()."""
        return self.input_shape

    def trace(self, x: Any, depth: int, rows: list[Row]) -> Array:
        """Apply the layer to x in evaluation mode and append its row, or those of its children; used by summary()."""
        y, _ = self.forward(x, train=False)
        rows.append(Row(depth, self.summary_name(), y.shape, sum(param.value.size for param in self.parameters())))
        return y

    def summary_name(self) -> str:
        """The layer's name in the table of summary()."""
        return type(self).__name__

    def short_name(self) -> str:
        """The layer's name in error messages, such as Conv2D(in_channels=3)."""
        return self._described(self.settings[:1])

    def __repr__(self) -> str:
        return self._described(self.settings)

    def _described(self, names: tuple[str, ...]) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def require_same_arrays(targets: dict[str, Any], state: dict[str, Any]) -> None:
    """Raise CheckpointError unless `state` has exactly the names and shapes of `targets`."""
    missing = [name for name in targets if name not in state]
    unexpected = [name for name in state if name not in targets]
    if missing or unexpected:
        raise CheckpointError(
            "the state belongs to another architecture: "
            + "; ".join(
                f"{what} {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}"
                for what, names in (("missing", missing), ("unexpected", unexpected))
                if names
            )
        )
    for name, target in targets.items():
        if tuple(state[name].shape) != tuple(target.shape):
            raise CheckpointError(
                f"the state belongs to another architecture: {name} has shape {tuple(state[name].shape)}, "
                f"expected {tuple(target.shape)}"
            )
