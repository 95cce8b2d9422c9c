"""The three primitives of every convolution, each as one im2col or col2im and one matrix product.

    conv2d              y  from x and w
    conv2d_grad_input   dx from dy and w      (as a forward pass, it is the transposed convolution)
    conv2d_grad_weight  dw from x and dy

im2col copies every window of the image into a row of a matrix; the convolution is then a matrix product with the kernel
written as a matrix (Chellapilla, Puri and Simard 2006). Channels are last, so each row of a window is one contiguous
run of kw·C numbers, and the result of the product needs no transposition.

x: (N, H, W, C), w: (kh, kw, C, O), y and dy: (N, H', W', O); stride (h, w); padding ((top, bottom), (left, right)).
"""

from minigan.backend import Array, xp
from minigan.ops.geometry import Padding, Size, conv_output_size


def conv2d(x: Array, w: Array, stride: Size, padding: Padding, bias: Array | None = None) -> Array:
    """y[n, p, q, o] = Σ_{i, j, c} x[n, p·s + i − top, q·s + j − left, c] · w[i, j, c, o], plus bias[o]."""
    kh, kw, _, out_channels = w.shape
    columns = im2col(x, (kh, kw), stride, padding)  # (N, H', W', kh·kw·C)
    n, height, width, taps = columns.shape
    y = columns.reshape(-1, taps) @ w.reshape(taps, out_channels)
    if bias is not None:
        y += bias
    return y.reshape(n, height, width, out_channels)


def conv2d_grad_weight(
    x: Array, dy: Array, kernel_size: Size, stride: Size, padding: Padding, add_to: Array | None = None
) -> Array:
    """dw[i, j, c, o] = Σ_{n, p, q} x[n, p·s + i − top, q·s + j − left, c] · dy[n, p, q, o].

    If `add_to` is given, the result is added to it in place.
    """
    columns = im2col(x, kernel_size, stride, padding)  # (N, H', W', kh·kw·C)
    out_channels = dy.shape[3]
    dw = columns.reshape(-1, columns.shape[3]).T @ dy.reshape(-1, out_channels)
    dw = dw.reshape(*kernel_size, x.shape[3], out_channels)
    if add_to is None:
        return dw
    add_to += dw
    return add_to


def conv2d_grad_input(
    dy: Array, w: Array, input_size: Size, stride: Size, padding: Padding, bias: Array | None = None
) -> Array:
    """dx[n, p·s + i − top, q·s + j − left, c] += Σ_o dy[n, p, q, o] · w[i, j, c, o], inside input_size (H, W).

    Plus bias[c], which a transposed convolution may have.
    """
    kh, kw, channels, out_channels = w.shape
    n, height, width, _ = dy.shape
    columns = dy.reshape(-1, out_channels) @ w.reshape(-1, out_channels).T  # (N·H'·W', kh·kw·C)
    dx = col2im(columns.reshape(n, height, width, kh, kw, channels), input_size, stride, padding)
    if bias is not None:
        dx += bias
    return dx


def im2col(x: Array, kernel_size: Size, stride: Size, padding: Padding) -> Array:
    """Copy every window of x into a row: (N, H, W, C) to (N, H', W', kh·kw·C)."""
    n, _, _, channels = x.shape
    (kh, kw), (sh, sw) = kernel_size, stride
    height, width = conv_output_size(x.shape[1:3], kernel_size, stride, padding)
    x = pad(x, padding)
    step_n, step_h, step_w, step_c = x.strides
    # A view in which the windows overlap: a step to the next window is a step of (sh, sw) pixels in x.
    windows = xp.lib.stride_tricks.as_strided(
        x,
        shape=(n, height, width, kh, kw, channels),
        strides=(step_n, sh * step_h, sw * step_w, step_h, step_w, step_c),
    )
    return windows.reshape(n, height, width, kh * kw * channels)  # the copy happens here


def col2im(columns: Array, input_size: Size, stride: Size, padding: Padding) -> Array:
    """The adjoint of im2col: add every window back to the pixels that it was copied from.

    columns: (N, H', W', kh, kw, C) to (N, H, W, C). One strided addition for each kernel element. Windows whose element
    lies in the padding are left out, so nothing has to be padded and cropped.
    """
    n, height, width, kh, kw, channels = columns.shape
    (sh, sw), ((top, _), (left, _)) = stride, padding
    dx = xp.zeros((n, *input_size, channels), columns.dtype)
    for i in range(kh):
        p, rows = inside(i - top, height, sh, input_size[0])
        for j in range(kw):
            q, cols = inside(j - left, width, sw, input_size[1])
            dx[:, rows, cols] += columns[:, p, q, i, j]
    return dx


def inside(offset: int, count: int, stride: int, size: int) -> tuple[slice, slice]:
    """The windows p for which row p·stride + offset lies in [0, size): (slice of windows, slice of rows)."""
    first = max(0, -(offset // stride))
    last = min(count, (size - 1 - offset) // stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + offset
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def pad(x: Array, padding: Padding) -> Array:
    """x with rows and columns of zeros around it."""
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    n, height, width, channels = x.shape
    padded = xp.zeros((n, top + height + bottom, left + width + right, channels), x.dtype)
    padded[:, top : top + height, left : left + width] = x
    return padded
