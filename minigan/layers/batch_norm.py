"""BatchNorm: normalize each channel over the batch and all positions, then scale it by γ and shift it by β."""

from typing import NamedTuple

from minigan import ops
from minigan.backend import Array, xp
from minigan.initializers import ones, zeros
from minigan.layers.activations import LeakyReLU
from minigan.layers.base import Layer, Param
from minigan.ops.geometry import is_size, require_number, require_sizes
from minigan.ops.normalization import Statistics


class BatchNormCache(NamedTuple):
    """y: the output if an activation follows, else None; statistics: what x was normalized with; train: the mode."""

    x: Array
    y: Array | None
    statistics: Statistics
    train: bool
    version: int


class BatchNorm(Layer):
    """Batch normalization over all axes but the last (Ioffe and Szegedy 2015, algorithm 1).

    With m the number of values per channel, in training mode

        μ = Σ x / m      σ² = Σ (x − μ)² / m      x̂ = (x − μ) / √(σ² + ε)      y = γ·x̂ + β

        dβ = Σ dy      dγ = Σ dy·x̂      dx = γ / √(σ² + ε) · (dy − dβ / m − x̂ · dγ / m)

    because μ and σ² depend on x too. In evaluation mode the running statistics replace μ and σ²; they are constants, so
    dx = γ / √(σ² + ε) · dy and nothing is subtracted. The cache records the mode.

    Every forward pass in training mode updates the running statistics, as in PyTorch:
    running ← (1 − momentum)·running + momentum·batch, with the unbiased variance σ²·m / (m − 1).

    activation: a LeakyReLU, applied to y in the same pass over the memory, LeakyReLU(γ·x̂ + β); backward first takes dy
    through it. That is one kernel instead of two on a GPU, and one array less to keep.

    groups=2: x holds two batches, the real and the generated one; each is normalized with its own statistics, as if it
    had come alone.

    x, y: (..., num_features) with at least two axes; gamma, beta, running_mean, running_var: (num_features,).
    Raises ValueError for another shape or a setting out of range, and in training mode for fewer than two values per
    channel (a batch of 1); TypeError for an activation other than LeakyReLU.
    """

    buffers = ("running_mean", "running_var")
    settings = ("num_features", "activation")

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, activation: LeakyReLU | None = None
    ) -> None:
        if not (activation is None or isinstance(activation, LeakyReLU)):
            raise TypeError(f"BatchNorm: expected a LeakyReLU as activation, or None, got {activation!r}")
        require_sizes("BatchNorm", num_features=num_features)
        require_number("BatchNorm", "eps", eps, "of at least 0", lambda eps: 0 <= eps < float("inf"))
        require_number("BatchNorm", "momentum", momentum, "in [0, 1]", lambda momentum: 0 <= momentum <= 1)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.activation = activation
        self.slope: float = 1 if activation is None else activation.slope  # a slope of 1 is no activation
        self.gamma = Param(ones(num_features))
        self.beta = Param(zeros(num_features))
        self.running_mean = zeros(num_features)
        self.running_var = ones(num_features)

    def forward(self, x: Array, train: bool = True, groups: int = 1) -> tuple[Array, BatchNormCache]:
        self.require_shape("x", x, ("N", *["..."] * (x.ndim - 2), self.num_features))
        self.require_floating("x", x)
        gamma, beta = self.gamma.cast(x.dtype), self.beta.cast(x.dtype)
        if train:
            rows = self._split(x, groups)  # (groups, m, C)
            if rows.shape[1] < 2:
                raise ValueError(
                    f"{self.short_name()}: expected at least 2 values per channel in training mode, got "
                    f"{rows.shape[1]}; use a batch of 2 or more, or train=False"
                )
            y, statistics = ops.batch_norm(
                rows, gamma, beta, self.running_mean, self.running_var, self.eps, self.momentum, self.slope
            )
        else:
            # Copies: a later batch in training mode updates the running statistics, and this cache must stay valid.
            mean = self.running_mean.astype(x.dtype)[None]  # (1, C)
            inv_std = 1 / xp.sqrt(self.running_var.astype(x.dtype)[None] + self.eps)
            statistics = Statistics(mean, inv_std)
            y = ops.normalize(self._split(x, 1), statistics, gamma, beta, self.slope)
        y = y.reshape(x.shape)
        return y, BatchNormCache(x, None if self.slope == 1 else y, statistics, train, self.gamma.version)

    def backward(
        self, dy: Array, cache: BatchNormCache, param_grads: bool = True, input_grad: bool = True
    ) -> Array | None:
        self.gamma.require_version(cache.version, self)
        self.require_shape("dy", dy, cache.x.shape)
        groups = len(cache.statistics.mean)
        dx = ops.batch_norm_grad(
            self._split(cache.x, groups),
            self._split(dy, groups),
            cache.statistics,
            self.gamma.cast(dy.dtype),
            train=cache.train,
            activation=None if cache.y is None else (self._split(cache.y, groups), self.slope),
            add_to=(self.gamma.grad, self.beta.grad) if param_grads else None,
            input_grad=input_grad,
        )
        return dx.reshape(dy.shape) if input_grad else None

    def _split(self, array: Array, groups: int) -> Array:
        """(groups, m, C): the values of each channel in a column, one batch after the other."""
        if not is_size(groups):
            raise ValueError(f"{self.short_name()}: expected groups to be an int of at least 1, got {groups!r:.80}")
        if array.shape[0] % groups:
            raise ValueError(
                f"{self.short_name()}: expected {groups} batches of one size, got x of shape {tuple(array.shape)}"
            )
        return array.reshape(groups, -1, self.num_features)

    def summary_name(self) -> str:
        return "BatchNorm" if self.activation is None else f"BatchNorm, {type(self.activation).__name__}"
