"""The second definition of the transposed convolution: insert zeros, pad, convolve with stride 1.

The first definition is conv2d_grad_input. This one is kept for teaching and as an independent check: the tests compare
the two. w is laid out as in ConvTranspose2D, (kh, kw, O, C): from C input channels to O output channels.
"""

from minigan.backend import Array, xp
from minigan.ops.convolution import conv2d, conv2d_grad_input, conv2d_grad_weight, pad
from minigan.ops.geometry import Padding, Size

NO_PADDING: Padding = ((0, 0), (0, 0))


def conv_transpose2d_by_zeros(
    x: Array, w: Array, output_size: Size, stride: Size, padding: Padding, bias: Array | None = None
) -> Array:
    """y = conv2d(pad(insert_zeros(x)), flip(w)) with stride 1; x: (N, H, W, C) to y: (N, H', W', O)."""
    spread = insert_zeros(x, stride)
    border = full_border(spread.shape[1:3], w.shape[:2], output_size, padding)
    return conv2d(pad_or_crop(spread, border), flip(w), (1, 1), NO_PADDING, bias)


def conv_transpose2d_by_zeros_grad_input(
    dy: Array, w: Array, input_size: Size, stride: Size, padding: Padding
) -> Array:
    """dx, (N, H, W, C): back through the convolution, then drop the border and the gradients of the inserted zeros."""
    spread_height, spread_width = ((n - 1) * s + 1 for n, s in zip(input_size, stride, strict=True))
    border = full_border((spread_height, spread_width), w.shape[:2], dy.shape[1:3], padding)
    (top, bottom), (left, right) = border
    padded_size = (top + spread_height + bottom, left + spread_width + right)
    d_padded = conv2d_grad_input(dy, flip(w), padded_size, (1, 1), NO_PADDING)
    d_spread = pad_or_crop(d_padded, ((-top, -bottom), (-left, -right)))
    return xp.ascontiguousarray(d_spread[:, :: stride[0], :: stride[1]])


def conv_transpose2d_by_zeros_grad_weight(
    x: Array, dy: Array, kernel_size: Size, stride: Size, padding: Padding
) -> Array:
    """dw, (kh, kw, O, C): the weight gradient of the convolution, flipped back."""
    spread = insert_zeros(x, stride)
    border = full_border(spread.shape[1:3], kernel_size, dy.shape[1:3], padding)
    return flip(conv2d_grad_weight(pad_or_crop(spread, border), dy, kernel_size, (1, 1), NO_PADDING))


def flip(w: Array) -> Array:
    """Rotate the kernel by 180 degrees and exchange its two channel axes; flip(flip(w)) = w."""
    return xp.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3))


def insert_zeros(x: Array, stride: Size) -> Array:
    """Insert s − 1 rows and columns of zeros between the elements of x: H becomes (H − 1)·s + 1."""
    n, height, width, channels = x.shape
    sh, sw = stride
    spread = xp.zeros((n, (height - 1) * sh + 1, (width - 1) * sw + 1, channels), x.dtype)
    spread[:, ::sh, ::sw] = x
    return spread


def full_border(spread_size: Size, kernel_size: Size, output_size: Size, padding: Padding) -> Padding:
    """k − 1 − padding rows of zeros before, and after as many as the output size needs; negative numbers crop."""
    top_bottom, left_right = (
        (k - 1 - before, out - spread + before)
        for k, spread, out, (before, _) in zip(kernel_size, spread_size, output_size, padding, strict=True)
    )
    return top_bottom, left_right


def pad_or_crop(x: Array, border: Padding) -> Array:
    """x with `border` rows and columns of zeros around it; a negative number crops that many instead."""
    (top, bottom), (left, right) = border
    x = pad(x, ((max(0, top), max(0, bottom)), (max(0, left), max(0, right))))
    height, width = x.shape[1:3]
    return x[:, max(0, -top) : height - max(0, -bottom), max(0, -left) : width - max(0, -right)]
