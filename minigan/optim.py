"""Adam, the optimizer that GANs are usually trained with."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minigan import ops
from minigan.backend import Array, asarray, to_numpy, xp
from minigan.errors import CheckpointError

if TYPE_CHECKING:
    from minigan.layers import Param

STATE = ("m", "v", "t")  # the arrays that a step updates besides the parameters


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), with the same arithmetic as torch.optim.Adam.

        t ← t + 1      m ← β₁·m + (1 − β₁)·g      v ← β₂·v + (1 − β₂)·g²
        θ ← θ − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    The constructor gathers all values and all gradients into two flat buffers and makes every Param a view into them,
    so one step takes a few operations over the whole network, however many layers it has. The step count t is kept on
    the device.

    params: the Params to train, of one dtype and without duplicates. The defaults are the settings of DCGAN: lr 2·10⁻⁴,
    β₁ 0.5. Raises ValueError if params is empty, has duplicates or mixed dtypes, or if a setting is out of range.
    """

    def __init__(
        self,
        params: Iterable["Param"],
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        eps: float = 1e-8,
    ) -> None:
        ops.prepare_training()
        self.params = list(params)
        self._device_lr: Array = xp.zeros((), "float64")
        self.lr, self.betas, self.eps = lr, tuple(betas), eps
        self._require_valid_settings()
        dtype = self.params[0].value.dtype
        size = sum(param.value.size for param in self.params)
        self.values: Array = xp.empty(size, dtype)
        self.grads: Array = xp.empty(size, dtype)
        self._gather()
        self.m: Array = xp.zeros(size, dtype)
        self.v: Array = xp.zeros(size, dtype)
        self.t: Array = xp.zeros((), "float64")

    @property
    def lr(self) -> float:
        """The learning rate. Setting it also updates a copy on the device, which a recorded CUDA graph reads."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = lr
        self._device_lr.fill(lr)

    def zero_grad(self) -> None:
        """Set all gradients to zero. Nothing else does: every backward pass adds to them."""
        self.grads.fill(0)

    def step(self) -> None:
        """Update the parameters in place from their gradients, and increase their versions by one."""
        self._require_own_views()
        ops.adam_update(self.values, self.grads, self.m, self.v, self.t, self._device_lr, self.betas, self.eps)
        for param in self.params:
            param.version += 1

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """{"m", "v", "t"}: the moments, flat in the order of the parameters, and the step count, as NumPy arrays."""
        return {name: np.array(to_numpy(getattr(self, name))) for name in STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Copy a state_dict() back, in place. Raises CheckpointError if an array is missing or has another shape."""
        for name in STATE:
            if name not in state or state[name].shape != getattr(self, name).shape:
                got = state[name].shape if name in state else "nothing"
                raise CheckpointError(f"Adam: expected {name} of shape {getattr(self, name).shape}, got {got}")
        for name in STATE:
            getattr(self, name)[...] = asarray(state[name])

    def __setstate__(self, state: dict[str, Any]) -> None:
        # copy.deepcopy and pickle turn views into arrays of their own: gather those again, or step() would update
        # buffers that no network reads.
        self.__dict__.update(state)
        self._gather()

    def _gather(self) -> None:
        """Copy every value and gradient into the flat buffers, and replace it by a view of its part of them."""
        start = 0
        for param in self.params:
            stop = start + param.value.size
            for flat, name in ((self.values, "value"), (self.grads, "grad")):
                view = flat[start:stop].reshape(param.value.shape)
                view[...] = getattr(param, name)
                setattr(param, name, view)
            start = stop
        self._views = [(param.value, param.grad) for param in self.params]

    def _require_own_views(self) -> None:
        for param, (value, grad) in zip(self.params, self._views, strict=True):
            if param.value is not value or param.grad is not grad:
                raise RuntimeError(
                    f"Adam: {param!r} was replaced after this optimizer gathered it (by astype, by a second optimizer "
                    "over the same parameters, or by `param.grad = ...`); create the optimizer last, write in place"
                )

    def _require_valid_settings(self) -> None:
        if not self.params:
            raise ValueError("Adam: expected at least one Param, got none")
        if len({id(param) for param in self.params}) != len(self.params):
            raise ValueError("Adam: expected each Param once, got one of them twice")
        dtypes = {str(param.value.dtype) for param in self.params}
        if len(dtypes) > 1:
            raise ValueError(f"Adam: expected parameters of one dtype, got {', '.join(sorted(dtypes))}")
        if not self.lr > 0:
            raise ValueError(f"Adam: expected lr above 0, got {self.lr}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"Adam: expected two betas in [0, 1), got {self.betas}")
        if not self.eps >= 0:
            raise ValueError(f"Adam: expected eps of at least 0, got {self.eps}")
