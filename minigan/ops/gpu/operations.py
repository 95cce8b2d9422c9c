"""The operations on a GPU, one kernel each: a whole training step takes fewer than a hundred launches."""

import numpy as np
import numpy.typing as npt

from minigan.backend import Array, xp
from minigan.ops.geometry import Padding, Size, conv_output_size
from minigan.ops.gpu.launch import Geometry, grid_for, implicit_gemm, launch, row_sums, scratch
from minigan.ops.normalization import Statistics


def conv2d(x: Array, w: Array, stride: Size, padding: Padding, bias: Array | None = None) -> Array:
    """See convolution.conv2d."""
    size = conv_output_size(x.shape[1:3], w.shape[:2], stride, padding)
    x, w = of_one_dtype(x, w)
    y = xp.empty((x.shape[0], *size, w.shape[3]), x.dtype)
    implicit_gemm("forward", x, w, y, geometry(x.shape, size, w.shape, stride, padding), bias)
    return y


def conv2d_grad_input(
    dy: Array, w: Array, input_size: Size, stride: Size, padding: Padding, bias: Array | None = None
) -> Array:
    """See convolution.conv2d_grad_input."""
    dy, w = of_one_dtype(dy, w)
    dx = xp.empty((dy.shape[0], *input_size, w.shape[2]), dy.dtype)
    implicit_gemm("input_gradient", dy, w, dx, geometry(dx.shape, dy.shape[1:3], w.shape, stride, padding), bias)
    return dx


def conv2d_grad_weight(
    x: Array, dy: Array, kernel_size: Size, stride: Size, padding: Padding, add_to: Array | None = None
) -> Array:
    """See convolution.conv2d_grad_weight."""
    x, dy = of_one_dtype(x, dy)
    shape = (*kernel_size, x.shape[3], dy.shape[3])
    sizes = geometry(x.shape, dy.shape[1:3], shape, stride, padding)
    if add_to is not None and can_add_to(add_to, x.dtype):
        implicit_gemm("weight_gradient", x, dy, add_to, sizes, add=True)
        return add_to
    dw = xp.empty(shape, x.dtype)
    implicit_gemm("weight_gradient", x, dy, dw, sizes)
    if add_to is None:
        return dw
    add_to += dw
    return add_to


def matmul(a: Array, b: Array, bias: Array | None = None, add_to: Array | None = None) -> Array:
    """See elementwise.matmul. A dense layer is a 1×1 convolution of images of one pixel, in each direction."""
    (m, k), n = a.shape, b.shape[1]
    one_pixel: tuple[Size, Padding] = (1, 1), ((0, 0), (0, 0))  # stride, padding
    if b.flags.f_contiguous and not b.flags.c_contiguous and add_to is None:  # dy·Wᵀ, W being b.T
        dy, w = a.reshape(m, 1, 1, k), b.T.reshape(1, 1, n, k)
        return conv2d_grad_input(dy, w, (1, 1), *one_pixel, bias).reshape(m, n)
    if a.flags.f_contiguous and not a.flags.c_contiguous and bias is None:  # xᵀ·dy, x being a.T
        x, dy = a.T.reshape(k, 1, 1, m), b.reshape(k, 1, 1, n)
        total = None if add_to is None else add_to.reshape(1, 1, m, n)
        dw = conv2d_grad_weight(x, dy, (1, 1), *one_pixel, total)
        return dw.reshape(m, n) if add_to is None else add_to
    y = conv2d(a.reshape(m, 1, 1, k), b.reshape(1, 1, k, n), *one_pixel, bias).reshape(m, n)
    if add_to is None:
        return y
    add_to += y
    return add_to


def geometry(
    input_shape: tuple[int, ...], output_size: Size, kernel_shape: tuple[int, ...], stride: Size, padding: Padding
) -> Geometry:
    """The sizes of a convolution, as its kernels take them."""
    (kh, kw, _, o), ((top, _), (left, _)) = kernel_shape, padding
    n, h, w, c = input_shape
    return Geometry(n, h, w, c, *output_size, o, kh, kw, *stride, top, left)


def of_one_dtype(*arrays: Array) -> list[Array]:
    """The arrays, contiguous, and in the wider of their dtypes."""
    dtype = np.result_type(*(array.dtype for array in arrays))
    return [xp.ascontiguousarray(array.astype(dtype, copy=False)) for array in arrays]


def can_add_to(total: Array, dtype: npt.DTypeLike) -> bool:
    """Whether a kernel for `dtype` can add its result to `total` itself."""
    return bool(total.dtype == dtype and total.flags.c_contiguous)


def sum_rows(rows: Array, add_to: Array | None = None) -> Array:
    """See elementwise.sum_rows."""
    rows = xp.ascontiguousarray(rows)
    m, channels = rows.shape
    in_kernel = add_to is not None and can_add_to(add_to, rows.dtype)
    out: Array = add_to if add_to is not None and in_kernel else xp.empty(channels, rows.dtype)
    grid, block, partial, barrier, shared = row_sums(1, m, channels, rows.dtype)
    launch(
        "normalization.sum_rows", rows.dtype, grid, block, rows, out, in_kernel, partial, barrier, m, channels,
        shared=shared,
    )  # fmt: skip
    if add_to is None or in_kernel:
        return out
    add_to += out
    return add_to


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_var: Array,
    eps: float,
    momentum: float,
    slope: float = 1,
) -> tuple[Array, Statistics]:
    """See normalization.batch_norm. One kernel: blocks sum their rows, wait for each other, and normalize them."""
    x, gamma, beta = of_one_dtype(x, gamma, beta)
    groups, m, channels = x.shape
    y = xp.empty(x.shape, x.dtype)
    statistics = Statistics(xp.empty((groups, channels), x.dtype), xp.empty((groups, channels), x.dtype))
    # The kernel updates running statistics of its own dtype; others (float32, with float64 images) are copied.
    updated = [array.astype(x.dtype, copy=False) for array in (running_mean, running_var)]
    grid, block, partial, barrier, shared = row_sums(groups, m, channels, x.dtype)
    launch(
        "normalization.batch_norm", x.dtype, grid, block, x, gamma, beta, *updated, y, *statistics, partial, barrier,
        m, channels, float(eps), float(momentum), float(slope), shared=shared,
    )  # fmt: skip
    for array, new in zip((running_mean, running_var), updated, strict=True):
        if new.dtype != array.dtype:
            array[...] = new
    return y, statistics


def normalize(x: Array, statistics: Statistics, gamma: Array, beta: Array, slope: float = 1) -> Array:
    """See normalization.normalize."""
    x, mean, inv_std, gamma, beta = of_one_dtype(x, *statistics, gamma, beta)
    _, m, channels = x.shape
    y = xp.empty(x.shape, x.dtype)
    launch(
        "elementwise.normalize", x.dtype, *grid_for(x.size), x, mean, inv_std, gamma, beta, y, float(slope),
        np.int64(m), channels, np.int64(x.size),
    )  # fmt: skip
    return y


def batch_norm_grad(
    x: Array,
    dy: Array,
    statistics: Statistics,
    gamma: Array,
    train: bool = True,
    activation: tuple[Array, float] | None = None,
    add_to: tuple[Array, Array] | None = None,
    input_grad: bool = True,
) -> Array | None:
    """See normalization.batch_norm_grad. One kernel, as for the forward pass."""
    x, dy, mean, inv_std, gamma = of_one_dtype(x, dy, *statistics, gamma)
    y, slope = (None, 1.0) if activation is None else activation
    if y is not None:
        y = xp.ascontiguousarray(y)
    groups, m, channels = x.shape
    dx = xp.empty(x.shape, x.dtype) if input_grad else None
    sums: tuple[Array | None, Array | None] = (None, None)
    in_kernel = add_to is not None and add_to[0].dtype == x.dtype  # the kernel adds to gradients of its own dtype
    if add_to is not None:
        sums = add_to if in_kernel else (xp.zeros(channels, x.dtype), xp.zeros(channels, x.dtype))
    grid, block, partial, barrier, shared = row_sums(groups, m, channels, x.dtype)
    launch(
        "normalization.batch_norm_grad", x.dtype, grid, block, x, y, dy, mean, inv_std, gamma, dx, *sums, partial,
        barrier, m, channels, float(slope), train, shared=shared,
    )  # fmt: skip
    if add_to is not None and not in_kernel:
        for total, added in zip(add_to, sums, strict=True):
            total += added
    return dx


def leaky_relu(x: Array, slope: float) -> Array:
    """See elementwise.leaky_relu."""
    return elementwise("leaky_relu", x, settings=(float(slope),))


def leaky_relu_grad(y: Array, dy: Array, slope: float) -> Array:
    """See elementwise.leaky_relu_grad."""
    return elementwise("leaky_relu_grad", y, dy, settings=(float(slope),))


def tanh(x: Array) -> Array:
    """See elementwise.tanh."""
    return elementwise("tanh_forward", x)


def tanh_grad(y: Array, dy: Array) -> Array:
    """See elementwise.tanh_grad."""
    return elementwise("tanh_grad", y, dy)


def elementwise(name: str, *arrays: Array, settings: tuple[float, ...] = ()) -> Array:
    """The result of a kernel that computes each number from one number of each array."""
    arrays = tuple(of_one_dtype(*arrays))
    out = xp.empty(arrays[0].shape, arrays[0].dtype)
    if out.size:
        launch(f"elementwise.{name}", out.dtype, *grid_for(out.size), *arrays, out, *settings, np.int64(out.size))
    return out


def bce_with_logits(logits: Array, target: Array | float) -> tuple[Array, Array]:
    """See elementwise.bce_with_logits."""
    return loss("bce_with_logits", logits, target)


def least_squares(predictions: Array, target: Array | float) -> tuple[Array, Array]:
    """See elementwise.least_squares."""
    return loss("least_squares", predictions, target)


def loss(name: str, outputs: Array, target: Array | float) -> tuple[Array, Array]:
    """(loss, gradient) by a kernel of one block. target: an array, or one number for all."""
    targets: Array | None = None
    number = 0.0
    if isinstance(target, (int, float)):
        outputs, number = xp.ascontiguousarray(outputs), float(target)
    else:
        outputs, targets = of_one_dtype(outputs, target)
    value, gradient = xp.empty((), outputs.dtype), xp.empty(outputs.shape, outputs.dtype)
    launch(
        f"elementwise.{name}", outputs.dtype, (1,), (256,), outputs, targets, number, value, gradient, outputs.size,
        shared=256 * outputs.dtype.itemsize,
    )  # fmt: skip
    return value, gradient


def add_discriminator_metrics(totals: Array, real: Array, fake: Array, logistic: bool, threshold: float) -> None:
    """See elementwise.add_discriminator_metrics."""
    real, fake = of_one_dtype(real, fake)
    launch(
        "elementwise.add_discriminator_metrics", real.dtype, (1,), (256,), totals, real, fake, logistic,
        float(threshold), real.size, fake.size, shared=256 * 8,
    )  # fmt: skip


def next_images(
    images: Array,
    order: Array,
    cursor: Array,
    count: int,
    dtype: npt.DTypeLike,
    scale: float = 1 / 127.5,
    offset: float = -1,
) -> Array:
    """See elementwise.next_images."""
    out = xp.empty((count, *images.shape[1:]), dtype)
    launch(
        "elementwise.next_images", out.dtype, *grid_for(out.size), images, order, cursor, out, float(scale),
        float(offset), count, out.size // count, scratch().ticket,
    )  # fmt: skip
    return out


def adam_update(
    values: Array, grads: Array, m: Array, v: Array, t: Array, lr: Array, betas: tuple[float, float], eps: float
) -> None:
    """See elementwise.adam_update."""
    launch(
        "elementwise.adam", values.dtype, *grid_for(values.size), values, grads, m, v, t, lr, *map(float, betas),
        float(eps), np.int64(values.size), scratch().ticket,
    )  # fmt: skip
