"""BatchNorm: each channel is brought to mean β and deviation γ, over the batch and all positions."""

from minigan import ops
from minigan.backend import xp
from minigan.initializers import ones, zeros
from minigan.layers.activations import LeakyReLU
from minigan.layers.base import Layer, Param


class BatchNorm(Layer):
    """Batch normalization over all axes but the last (Ioffe and Szegedy 2015, algorithm 1).

    With m the number of values per channel, in training mode

        μ = Σ x / m      σ² = Σ (x − μ)² / m      x̂ = (x − μ) / √(σ² + ε)      y = γ·x̂ + β

        dβ = Σ dy      dγ = Σ dy·x̂      dx = γ / √(σ² + ε) · (dy − dβ / m − x̂ · dγ / m)

    because μ and σ² depend on x too. In evaluation mode the running statistics stand in for μ and σ²; they are
    constants, so dx = γ / √(σ² + ε) · dy and nothing is subtracted. The cache says which it was.

    Each forward in training mode moves the running statistics, as in PyTorch:
    running ← (1 − momentum)·running + momentum·batch, with the unbiased variance σ²·m / (m − 1).

    activation: a LeakyReLU, applied to y in the same pass over the memory, LeakyReLU(γ·x̂ + β); backward then takes
    dy through it first: one kernel in place of two on a GPU, one array less to keep.

    train=2 is training mode for two batches side by side in x, a real and a fake one: each is normalized by its own
    statistics, as if it had come alone.

    x, y: (..., num_features) with two axes or more; gamma, beta, running_mean, running_var: (num_features,).
    Raises ValueError for another shape, and in training mode for a single value per channel (a batch of 1);
    TypeError for another activation than LeakyReLU.
    """

    buffers = ("running_mean", "running_var")

    settings = ("num_features", "activation")

    def __init__(self, num_features, eps=1e-5, momentum=0.1, activation=None):
        if not (activation is None or isinstance(activation, LeakyReLU)):
            raise TypeError(f"BatchNorm: expected a LeakyReLU as activation, or None, got {activation!r}")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.activation = activation
        self.slope = 1 if activation is None else activation.slope  # 1 is no activation
        self.gamma = Param(ones(num_features))
        self.beta = Param(zeros(num_features))
        self.running_mean = zeros(num_features)
        self.running_var = ones(num_features)

    def forward(self, x, train=True):
        self.require_shape("x", x, ("N", *["..."] * (x.ndim - 2), self.num_features))
        self.require_floating("x", x)
        rows = self._batches(x, train)  # (batches, m, C)
        gamma, beta = self.gamma.cast(x.dtype), self.beta.cast(x.dtype)
        if train:
            self._require_two_values(rows)
            y, mean, inverse_deviation = ops.batch_norm(
                rows, gamma, beta, self.running_mean, self.running_var, self.eps, self.momentum, self.slope
            )
        else:
            # Copies: a later batch in training mode moves the running statistics, and this cache must stay good.
            mean = self.running_mean.astype(x.dtype)[None]  # (1, C)
            inverse_deviation = 1 / xp.sqrt(self.running_var.astype(x.dtype)[None] + self.eps)
            y = ops.normalize(rows, mean, inverse_deviation, gamma, beta, self.slope)
        y = y.reshape(x.shape)
        return y, (x, None if self.slope == 1 else y, mean, inverse_deviation, train, self.gamma.version)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, y, mean, inverse_deviation, train, version = cache
        self.gamma.require_version(version, self)
        self.require_shape("dy", dy, x.shape)
        rows, y_rows, d_rows = (None if array is None else self._batches(array, train) for array in (x, y, dy))
        dx = ops.batch_norm_grad(
            rows,
            y_rows,
            d_rows,
            mean,
            inverse_deviation,
            self.gamma.cast(dy.dtype),
            self.slope,
            bool(train),
            dgamma=self.gamma.grad if param_grads else None,
            dbeta=self.beta.grad if param_grads else None,
            input_grad=input_grad,
        )
        return dx.reshape(x.shape) if input_grad else None

    def _batches(self, array, train):
        """(batches, m, C): one batch, or in training mode as many side by side as `train` says."""
        batches = int(train) or 1
        if array.shape[0] % batches:
            raise ValueError(
                f"{self.in_messages()}: expected {batches} batches of one size, got x of shape {tuple(array.shape)}"
            )
        return array.reshape(batches, -1, self.num_features)

    def _require_two_values(self, rows):
        if rows.shape[1] < 2:
            raise ValueError(
                f"{self.in_messages()}: expected at least 2 values per channel in training mode, got {rows.shape[1]}; "
                "use a batch of 2 or more, or train=False"
            )
