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
        rows = x.reshape(-1, self.num_features)  # (m, C)
        if train:
            m = rows.shape[0]
            if m < 2:
                raise ValueError(
                    f"{self!r}: expected at least 2 values per channel in training mode, got x of shape "
                    f"{x.shape}; use a batch of 2 or more, or train=False"
                )
            mean, var = ops.mean_and_variance(rows)
            self._move(self.running_mean, mean)
            self._move(self.running_var, var * (m / (m - 1)))
        else:
            # Copies: a later batch in training mode moves the running statistics, and this cache must stay good.
            mean, var = self.running_mean.astype(x.dtype), self.running_var.astype(x.dtype)
        inverse_deviation = 1 / xp.sqrt(var + self.eps)  # (C,)
        y = ops.normalize(rows, mean, self.gamma.cast(x.dtype) * inverse_deviation, self.beta.cast(x.dtype))
        return y.reshape(x.shape), (x, mean, inverse_deviation, train, self.gamma.version)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        x, mean, inverse_deviation, train, version = cache
        self.gamma.require_version(version, self)
        self.require_shape("dy", dy, x.shape)
        rows, d_rows = x.reshape(-1, self.num_features), dy.reshape(-1, self.num_features)  # (m, C)
        if param_grads or train:
            dbeta, dgamma = ops.normalize_sums(rows, d_rows, mean)
            dgamma *= inverse_deviation  # Σ dy·x̂, with x̂ = (x − μ)·inverse_deviation
        if param_grads:
            self.beta.grad += dbeta
            self.gamma.grad += dgamma
        if not input_grad:
            return None
        scale = self.gamma.cast(dy.dtype) * inverse_deviation  # (C,)
        if not train:
            return (d_rows * scale).reshape(dy.shape)
        m = rows.shape[0]
        slope = scale * inverse_deviation * dgamma / m  # of −x̂·dγ/m, as a multiple of x − μ
        return ops.normalize_grad(rows, d_rows, mean, scale, slope, scale * dbeta / m).reshape(dy.shape)

    def _move(self, running, batch):
        running *= 1 - self.momentum
        running += self.momentum * batch

    def __repr__(self):
        return f"{type(self).__name__}(num_features={self.num_features})"
