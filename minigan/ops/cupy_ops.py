"""The operations on a GPU, one kernel each (kernels.cu): a whole training step is fewer than a hundred launches."""

import numpy as np

from minigan.backend import xp
from minigan.ops.cupy_kernels import by_columns, each, launch, product, scratch, suffix
from minigan.ops.geometry import conv_output_size


def conv2d(x, w, stride, padding, bias=None):
    """As convolution.conv2d."""
    size = conv_output_size(x.shape[1:3], w.shape[:2], stride, padding)
    x, w = of_one_dtype(x, w)
    y = xp.empty((x.shape[0], *size, w.shape[3]), x.dtype)
    product("forward", x, w, y, geometry(x.shape, size, w.shape, stride, padding), bias)
    return y


def conv2d_grad_input(dy, w, input_size, stride, padding, bias=None):
    """As convolution.conv2d_grad_input."""
    dy, w = of_one_dtype(dy, w)
    dx = xp.empty((dy.shape[0], *input_size, w.shape[2]), dy.dtype)
    product("input_gradient", dy, w, dx, geometry(dx.shape, dy.shape[1:3], w.shape, stride, padding), bias)
    return dx


def conv2d_grad_weight(x, dy, kernel_size, stride, padding, add_to=None):
    """As convolution.conv2d_grad_weight."""
    x, dy = of_one_dtype(x, dy)
    shape = (*kernel_size, x.shape[3], dy.shape[3])
    layout = geometry(x.shape, dy.shape[1:3], shape, stride, padding)
    if add_to is not None and add_to.dtype == x.dtype and add_to.flags.c_contiguous:
        product("weight_gradient", x, dy, add_to, layout, add=True)
        return add_to
    dw = xp.empty(shape, x.dtype)
    product("weight_gradient", x, dy, dw, layout)
    if add_to is None:
        return dw
    add_to += dw
    return add_to


def matmul(a, b, bias=None, add_to=None):
    """As elementwise.matmul: a dense layer is a 1×1 convolution of pictures of one pixel, forwards or backwards."""
    (m, k), n = a.shape, b.shape[1]
    kernel = (1, 1), (1, 1), ((0, 0), (0, 0))
    if b.flags.f_contiguous and not b.flags.c_contiguous and add_to is None:  # dy·Wᵀ
        return conv2d_grad_input(a.reshape(m, 1, 1, k), b.T.reshape(1, 1, n, k), *kernel, bias).reshape(m, n)
    if a.flags.f_contiguous and not a.flags.c_contiguous and bias is None:  # xᵀ·dy
        target = None if add_to is None else add_to.reshape(1, 1, m, n)
        dw = conv2d_grad_weight(a.T.reshape(k, 1, 1, m), b.reshape(k, 1, 1, n), *kernel, target)
        return dw.reshape(m, n) if add_to is None else add_to
    y = conv2d(a.reshape(m, 1, 1, k), b.reshape(1, 1, k, n), *kernel[1:], bias).reshape(m, n)
    if add_to is None:
        return y
    add_to += y
    return add_to


def geometry(input_shape, output_size, kernel_shape, stride, padding):
    """What struct Geometry of kernels.cu holds."""
    (kh, kw, _, o), ((top, _), (left, _)) = kernel_shape, padding
    return (*input_shape, *output_size, o, kh, kw, *stride, top, left)


def of_one_dtype(*arrays):
    """Contiguous, and in the wider of their dtypes."""
    dtype = np.result_type(*(array.dtype for array in arrays))
    return [xp.ascontiguousarray(array.astype(dtype, copy=False)) for array in arrays]


def sum_rows(rows, add_to=None):
    """As elementwise.sum_rows."""
    rows = xp.ascontiguousarray(rows)
    m, channels = rows.shape
    direct = add_to is not None and add_to.dtype == rows.dtype and add_to.flags.c_contiguous
    out = add_to if direct else xp.empty(channels, rows.dtype)
    grid, block, partial, meetings, shared = by_columns(1, m, channels, rows.dtype)
    launch(
        f"sum_rows_{suffix(rows.dtype)}", grid, block, rows, out, direct, partial, meetings, m, channels, shared=shared
    )
    if add_to is None or direct:
        return out
    add_to += out
    return add_to


def batch_norm(x, gamma, beta, running_mean, running_var, eps, momentum, slope=1):
    """As normalization.batch_norm, in one kernel: blocks sum their rows, wait for each other, and normalize them."""
    x, gamma, beta = of_one_dtype(x, gamma, beta)
    batches, m, channels = x.shape
    y = xp.empty(x.shape, x.dtype)
    mean, inverse_deviation = xp.empty((batches, channels), x.dtype), xp.empty((batches, channels), x.dtype)
    # The kernel moves statistics of its own dtype; others (float32 beside float64 pictures) go through copies.
    moved = [array.astype(x.dtype, copy=False) for array in (running_mean, running_var)]
    grid, block, partial, meetings, shared = by_columns(batches, m, channels, x.dtype)
    launch(
        f"batch_norm_{suffix(x.dtype)}", grid, block, x, gamma, beta, *moved, y, mean, inverse_deviation, partial,
        meetings, m, channels, float(eps), float(momentum), float(slope), shared=shared,
    )  # fmt: skip
    for array, new in zip((running_mean, running_var), moved, strict=True):
        if new.dtype != array.dtype:
            array[...] = new
    return y, mean, inverse_deviation


def normalize(x, mean, inverse_deviation, gamma, beta, slope=1):
    """As normalization.normalize."""
    x, mean, inverse_deviation, gamma, beta = of_one_dtype(x, mean, inverse_deviation, gamma, beta)
    _, m, channels = x.shape
    y = xp.empty(x.shape, x.dtype)
    launch(
        f"normalize_{suffix(x.dtype)}", *each(x.size), x, mean, inverse_deviation, gamma, beta, y, float(slope),
        np.int64(m), channels, np.int64(x.size),
    )  # fmt: skip
    return y


def batch_norm_grad(x, y, dy, mean, inverse_deviation, gamma, slope, train, dgamma, dbeta, input_grad=True):
    """As normalization.batch_norm_grad, in one kernel."""
    x, dy, mean, inverse_deviation, gamma = of_one_dtype(x, dy, mean, inverse_deviation, gamma)
    if y is not None:
        y = xp.ascontiguousarray(y)
    batches, m, channels = x.shape
    dx = xp.empty(x.shape, x.dtype) if input_grad else None
    wanted = dgamma is not None
    direct = wanted and dgamma.dtype == x.dtype
    sums = (dgamma, dbeta) if direct or not wanted else (xp.zeros(channels, x.dtype), xp.zeros(channels, x.dtype))
    grid, block, partial, meetings, shared = by_columns(batches, m, channels, x.dtype)
    launch(
        f"batch_norm_grad_{suffix(x.dtype)}", grid, block, x, y, dy, mean, inverse_deviation, gamma, dx, *sums, partial,
        meetings, m, channels, float(slope), train, shared=shared,
    )  # fmt: skip
    if wanted and not direct:
        dgamma += sums[0]
        dbeta += sums[1]
    return dx


def leaky_relu(x, slope):
    """As elementwise.leaky_relu."""
    return one_to_one("leaky_relu", x, settings=(float(slope),))


def leaky_relu_grad(y, dy, slope):
    """As elementwise.leaky_relu_grad."""
    return one_to_one("leaky_relu_grad", y, dy, settings=(float(slope),))


def tanh(x):
    """As elementwise.tanh."""
    return one_to_one("tanh", x)


def tanh_grad(y, dy):
    """As elementwise.tanh_grad."""
    return one_to_one("tanh_grad", y, dy)


def one_to_one(name, *arrays, settings=()):
    """A kernel that makes one number from one number of each array."""
    arrays = of_one_dtype(*arrays)
    out = xp.empty(arrays[0].shape, arrays[0].dtype)
    if out.size:
        launch(f"{name}_{suffix(out.dtype)}", *each(out.size), *arrays, out, *settings, np.int64(out.size))
    return out


def bce_with_logits(logits, target):
    """As elementwise.bce_with_logits."""
    return loss("bce_with_logits", logits, target)


def least_squares(scores, target):
    """As elementwise.least_squares."""
    return loss("least_squares", scores, target)


def loss(name, outputs, target):
    """A kernel of one block that leaves the loss and its gradient."""
    number = isinstance(target, (int, float))
    (outputs, targets) = (xp.ascontiguousarray(outputs), None) if number else of_one_dtype(outputs, target)
    value, gradient = xp.empty((), outputs.dtype), xp.empty(outputs.shape, outputs.dtype)
    launch(
        f"{name}_{suffix(outputs.dtype)}", (1,), (256,), outputs, targets, float(target) if number else 0.0, value,
        gradient, outputs.size, shared=256 * outputs.dtype.itemsize,
    )  # fmt: skip
    return value, gradient


def add_score_means(totals, real, fake, logistic, threshold):
    """As elementwise.add_score_means."""
    real, fake = of_one_dtype(real, fake)
    launch(
        f"add_score_means_{suffix(real.dtype)}", (1,), (256,), totals, real, fake, logistic, float(threshold),
        real.size, fake.size, shared=256 * 8,
    )  # fmt: skip


def next_images(images, order, place, count, dtype, scale=1 / 127.5, offset=-1):
    """As elementwise.next_images."""
    shape = images.shape[1:]
    out = xp.empty((count, *shape), dtype)
    size = out.size // count
    launch(
        f"next_images_{suffix(out.dtype)}", *each(out.size), images, order, place, out, float(scale), float(offset),
        count, size, scratch()[2],
    )  # fmt: skip
    return out


def adam_update(values, grads, m, v, t, lr, betas, eps):
    """As elementwise.adam_update."""
    launch(
        f"adam_{suffix(values.dtype)}", *each(values.size), values, grads, m, v, t, lr, *map(float, betas),
        float(eps), np.int64(values.size), scratch()[2],
    )  # fmt: skip
