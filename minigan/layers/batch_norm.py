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

    def __init__(self, num_features, eps=1e-5, momentum=0.1, activation=None):
        if not (activation is None or isinstance(activation, LeakyReLU)):
            raise TypeError(f"BatchNorm: expected a LeakyReLU as activation, or None, got {activation!r}")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.slope = 1 if activation is None else activation.slope  # 1 is no activation
        self.gamma = Param(ones(num_features))
        self.beta = Param(zeros(num_features))
        self.running_mean = zeros(num_features)
        self.running_var = ones(num_features)

    def forward(self, x, train=True):
        self.require_shape("x", x, ("N", *["..."] * (x.ndim - 2), self.num_features))
        self.require_floating("x", x)
        rows = self._batches(x, train)  # (batches, m, C)
        y = xp.empty(x.shape, x.dtype)
        y_rows = self._batches(y, train)
        statistics = []
        for batch in range(len(rows)):
            mean, var = self._statistics(rows[batch], train)
            inverse_deviation = 1 / xp.sqrt(var + self.eps)  # (C,)
            scale = self.gamma.cast(x.dtype) * inverse_deviation
            ops.normalize(rows[batch], mean, scale, self.beta.cast(x.dtype), self.slope, out=y_rows[batch])
            statistics.append((mean, inverse_deviation))
        return y, (x, None if self.slope == 1 else y, statistics, train, self.gamma.version)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, y, statistics, train, version = cache
        self.gamma.require_version(version, self)
        self.require_shape("dy", dy, x.shape)
        d_normalized = dy if y is None else xp.empty(dy.shape, dy.dtype)  # dy, taken back through the activation
        dx = xp.empty(x.shape, dy.dtype) if input_grad else None
        rows, y_rows, d_rows, d_normalized_rows, dx_rows = (
            None if array is None else self._batches(array, train) for array in (x, y, dy, d_normalized, dx)
        )  # each (batches, m, C)
        for batch, (mean, inverse_deviation) in enumerate(statistics):
            if y is None:
                dbeta, dgamma = ops.normalize_sums(rows[batch], d_rows[batch], mean)
            else:
                dbeta, dgamma = ops.normalize_sums(
                    rows[batch], d_rows[batch], mean, y_rows[batch], self.slope, out=d_normalized_rows[batch]
                )
            dgamma *= inverse_deviation  # Σ dy·x̂, with x̂ = (x − μ)·inverse_deviation
            if param_grads:
                self.beta.grad += dbeta
                self.gamma.grad += dgamma
            if dx is None:
                continue
            scale = self.gamma.cast(dy.dtype) * inverse_deviation  # (C,)
            if train:
                m = rows.shape[1]
                slope = scale * inverse_deviation * dgamma / m  # of −x̂·dγ/m, as a multiple of x − μ
                offset = scale * dbeta / m
                ops.normalize_grad(
                    rows[batch], d_normalized_rows[batch], mean, scale, slope, offset, out=dx_rows[batch]
                )
            else:
                dx_rows[batch] = d_normalized_rows[batch] * scale
        return dx

    def _batches(self, array, train):
        """(batches, m, C): one batch, or in training mode as many side by side as `train` says."""
        batches = int(train) or 1
        if array.shape[0] % batches:
            raise ValueError(f"{self!r}: expected {batches} batches of one size, got x of shape {tuple(array.shape)}")
        return array.reshape(batches, -1, self.num_features)

    def _statistics(self, rows, train):
        """(μ, σ²) of a batch, which also moves the running statistics; or those, in evaluation mode."""
        if not train:
            # Copies: a later batch in training mode moves the running statistics, and this cache must stay good.
            return self.running_mean.astype(rows.dtype), self.running_var.astype(rows.dtype)
        m = rows.shape[0]
        if m < 2:
            raise ValueError(
                f"{self!r}: expected at least 2 values per channel in training mode, got {m}; "
                "use a batch of 2 or more, or train=False"
            )
        mean, var = ops.mean_and_variance(rows)
        self._move(self.running_mean, mean)
        self._move(self.running_var, var * (m / (m - 1)))
        return mean, var

    def _move(self, running, batch):
        running *= 1 - self.momentum
        running += self.momentum * batch

    def __repr__(self):
        return f"{type(self).__name__}(num_features={self.num_features})"
