"""BatchNorm: each channel is brought to mean β and deviation γ, over the batch and all positions."""

from minigan import ops
from minigan.backend import xp
from minigan.initializers import ones, zeros
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

    train=2 is training mode for two batches side by side in x, a real and a fake one: each is normalized by its own
    statistics, as if it had come alone.

    x, y: (..., num_features) with two axes or more; gamma, beta, running_mean, running_var: (num_features,).
    Raises ValueError for another shape, and in training mode for a single value per channel (a batch of 1).
    """

    buffers = ("running_mean", "running_var")

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
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
            ops.normalize(rows[batch], mean, scale, self.beta.cast(x.dtype), out=y_rows[batch])
            statistics.append((mean, inverse_deviation))
        return y, (x, statistics, train, self.gamma.version)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, statistics, train, version = cache
        self.gamma.require_version(version, self)
        self.require_shape("dy", dy, x.shape)
        dx = xp.empty(x.shape, dy.dtype) if input_grad else None
        rows, d_rows = self._batches(x, train), self._batches(dy, train)  # (batches, m, C)
        for batch, (mean, inverse_deviation) in enumerate(statistics):
            m = rows.shape[1]
            if param_grads or train:
                dbeta, dgamma = ops.normalize_sums(rows[batch], d_rows[batch], mean)
                dgamma *= inverse_deviation  # Σ dy·x̂, with x̂ = (x − μ)·inverse_deviation
            if param_grads:
                self.beta.grad += dbeta
                self.gamma.grad += dgamma
            if dx is None:
                continue
            out = self._batches(dx, train)[batch]
            scale = self.gamma.cast(dy.dtype) * inverse_deviation  # (C,)
            if train:
                slope = scale * inverse_deviation * dgamma / m  # of −x̂·dγ/m, as a multiple of x − μ
                ops.normalize_grad(rows[batch], d_rows[batch], mean, scale, slope, scale * dbeta / m, out=out)
            else:
                out[...] = d_rows[batch] * scale
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
