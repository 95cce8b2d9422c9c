"""Adam."""

import numpy as np

from minigan import ops
from minigan.backend import asarray, to_numpy, xp
from minigan.errors import CheckpointError


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), with the same arithmetic as torch.optim.Adam.

        t ← t + 1      m ← β₁·m + (1 − β₁)·g      v ← β₂·v + (1 − β₂)·g²
        θ ← θ − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    When it is made, it gathers the parameters' values and gradients into two flat buffers and makes every
    Param a view into them: one step is then a few operations over the whole network, whatever the number of
    layers. The step count t lives on the device.

    params: Params of one dtype, each once. DCGAN's settings are the defaults: lr 2·10⁻⁴, β₁ 0.5.
    Raises ValueError for an empty or repeated or mixed list, or settings out of range.
    """

    def __init__(self, params, lr=2e-4, betas=(0.5, 0.999), eps=1e-8):
        self.params = list(params)
        self.rate = xp.zeros((), "float64")
        self.lr, self.betas, self.eps = lr, tuple(betas), eps
        self._require_sane_settings()
        dtype = self.params[0].value.dtype
        size = sum(param.value.size for param in self.params)
        self.values, self.grads = xp.empty(size, dtype), xp.empty(size, dtype)
        self._gather()
        self.m, self.v = xp.zeros(size, dtype), xp.zeros(size, dtype)
        self.t = xp.zeros((), "float64")

    @property
    def lr(self):
        """The learning rate. It is kept on the device as well (`rate`), where a recorded step sees a change of it."""
        return self._lr

    @lr.setter
    def lr(self, lr):
        self._lr = lr
        self.rate.fill(lr)

    def zero_grad(self):
        """Clear the gradients; nothing else ever does."""
        self.grads.fill(0)

    def step(self):
        """Move the parameters along their gradients, in place, and count their versions up."""
        self._require_own_views()
        ops.adam_update(self.values, self.grads, self.m, self.v, self.t, self.rate, self.betas, self.eps)
        for param in self.params:
            param.version += 1

    def state_dict(self):
        """{"m", "v", "t"}: the moments, flat in the order of the parameters, and the step count, as NumPy arrays."""
        return {name: np.array(to_numpy(getattr(self, name))) for name in ("m", "v", "t")}

    def load_state_dict(self, state):
        """Copy a state_dict() back, in place. Raises CheckpointError for moments of another length."""
        for name in ("m", "v", "t"):
            if name not in state or state[name].shape != getattr(self, name).shape:
                got = state[name].shape if name in state else "nothing"
                raise CheckpointError(f"Adam: expected {name} of shape {getattr(self, name).shape}, got {got}")
        for name in ("m", "v", "t"):
            getattr(self, name)[...] = asarray(state[name])

    def _gather(self):
        start = 0
        for param in self.params:
            stop = start + param.value.size
            for flat, name in ((self.values, "value"), (self.grads, "grad")):
                view = flat[start:stop].reshape(param.value.shape)
                view[...] = getattr(param, name)
                setattr(param, name, view)
            start = stop
        self._views = [(param.value, param.grad) for param in self.params]

    def _require_own_views(self):
        for param, (value, grad) in zip(self.params, self._views, strict=True):
            if param.value is not value or param.grad is not grad:
                raise RuntimeError(
                    f"Adam: {param!r} was replaced after this optimizer gathered it (by astype, by a second optimizer "
                    "over the same parameters, or by `param.grad = ...`); make the optimizer last, write in place"
                )

    def _require_sane_settings(self):
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
