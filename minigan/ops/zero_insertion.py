"""The second definition of the transposed convolution: insert zeros, pad, convolve with stride 1.

Kept beside the first (conv2d_grad_input) as a second reading and a second opinion: the tests hold one against
the other. w is laid out as in ConvTranspose2D, (kh, kw, O, C): from C input to O output channels.
"""

from minigan.backend import xp
from minigan.ops.convolution import conv2d, conv2d_grad_input, conv2d_grad_weight, pad


def conv_transpose2d_by_zeros(x, w, output_size, stride, padding, bias=None):
    """y = conv2d(pad(insert_zeros(x)), flip(w)) with stride 1; x: (N, H, W, C) to y: (N, H', W', O)."""
    spread = insert_zeros(x, stride)
    border = full_border(spread.shape[1:3], w.shape[:2], output_size, padding)
    return conv2d(place(spread, border), flip(w), (1, 1), NO_PADDING, bias)


def conv_transpose2d_by_zeros_grad_input(dy, w, input_size, stride, padding):
    """dx: back through the convolution, without the border, and only where no zero was inserted."""
    spread_size = tuple((n - 1) * s + 1 for n, s in zip(input_size, stride, strict=True))
    border = full_border(spread_size, w.shape[:2], dy.shape[1:3], padding)
    placed_size = tuple(n + sum(side) for n, side in zip(spread_size, border, strict=True))
    d_placed = conv2d_grad_input(dy, flip(w), placed_size, (1, 1), NO_PADDING)
    d_spread = place(d_placed, tuple((-before, -after) for before, after in border))
    return xp.ascontiguousarray(d_spread[:, :: stride[0], :: stride[1]])


def conv_transpose2d_by_zeros_grad_weight(x, dy, kernel_size, stride, padding):
    """dw: of the convolution, flipped and swapped back to (kh, kw, O, C)."""
    spread = insert_zeros(x, stride)
    border = full_border(spread.shape[1:3], kernel_size, dy.shape[1:3], padding)
    return flip(conv2d_grad_weight(place(spread, border), dy, kernel_size, (1, 1), NO_PADDING))


NO_PADDING = ((0, 0), (0, 0))


def flip(w):
    """The kernel turned by 180 degrees, its two channel axes exchanged; flip(flip(w)) = w."""
    return xp.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3))


def insert_zeros(x, stride):
    """s − 1 rows and columns of zeros between the elements of x: H becomes (H − 1)·s + 1."""
    n, height, width, channels = x.shape
    sh, sw = stride
    spread = xp.zeros((n, (height - 1) * sh + 1, (width - 1) * sw + 1, channels), x.dtype)
    spread[:, ::sh, ::sw] = x
    return spread


def full_border(spread_size, kernel_size, output_size, padding):
    """k − 1 − padding zeros before; after, as many as the output size asks for. Negative where it is cropped."""
    top_bottom, left_right = (
        (k - 1 - before, out - spread + before)
        for k, spread, out, (before, _) in zip(kernel_size, spread_size, output_size, padding, strict=True)
    )
    return top_bottom, left_right


def place(x, border):
    """x with `border` rows and columns of zeros around it, or without them where the number is negative."""
    (top, bottom), (left, right) = border
    x = pad(x, ((max(0, top), max(0, bottom)), (max(0, left), max(0, right))))
    height, width = x.shape[1:3]
    return x[:, max(0, -top) : height - max(0, -bottom), max(0, -left) : width - max(0, -right)]
