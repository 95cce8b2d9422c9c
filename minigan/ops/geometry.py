"""Sizes of convolutions: kernel, stride and padding in, output size out. Whole numbers only.

Sizes are (height, width); a resolved padding is ((top, bottom), (left, right)), never negative.
Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning".
"""

from numbers import Integral


def pair(name, value, least=1):
    """`value` (an int or two of them) as (height, width), each at least `least`."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2 or not all(isinstance(v, Integral) and v >= least for v in values):
        raise ValueError(f"{name}: expected an int of at least {least} or a pair of them, got {value!r}")
    return int(values[0]), int(values[1])


def explicit_padding(padding):
    """An int, (h, w) or ((top, bottom), (left, right)) as ((top, bottom), (left, right))."""
    try:
        if padding == "valid":
            padding = 0
        if isinstance(padding, Integral):
            padding = (padding, padding)
        sides = [pair("padding", side, least=0) for side in padding]
        if len(sides) != 2:
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(
            'padding: expected "same", "valid", an int of at least 0, (h, w) or ((top, bottom), (left, right)), '
            f"got {padding!r}"
        ) from None
    return (sides[0], sides[1])


def split_same(total):
    """TensorFlow's rule for "same": an odd row or column goes to the bottom or right."""
    return total // 2, total - total // 2


def resolve_padding(padding, input_size, kernel_size, stride):
    """The padding of a convolution over `input_size`. "same": output ⌈H / s⌉, so (⌈H/s⌉ − 1)·s + k − H zeros."""
    if padding != "same":
        return explicit_padding(padding)
    top_bottom, left_right = (
        split_same(max((-(-size // s) - 1) * s + k - size, 0))
        for size, k, s in zip(input_size, kernel_size, stride, strict=True)
    )
    return top_bottom, left_right


def conv_output_size(input_size, kernel_size, stride, padding):
    """H' = ⌊(H + top + bottom − k) / s⌋ + 1, and the same for the width."""
    height, width = (
        (size + before + after - k) // s + 1
        for size, k, s, (before, after) in zip(input_size, kernel_size, stride, padding, strict=True)
    )
    if height < 1 or width < 1:
        raise ValueError(
            f"convolution: expected an input at least as large as the kernel {kernel_size}, "
            f"got {tuple(input_size)} with padding {padding}"
        )
    return height, width


def conv_transpose_output(input_size, kernel_size, stride, padding, output_padding):
    """(output size, padding) of a transposed convolution: H' = (H − 1)·s + k − top − bottom + output_padding.

    "same": H' = H·s; the padding is what a convolution from H·s back to H has, k − s rows. Where the stride
    exceeds the kernel, there is nothing to crop and the last s − k rows are zeros.
    """
    require_transpose_settings(stride, padding, output_padding)
    if padding == "same":
        size = tuple(size * s for size, s in zip(input_size, stride, strict=True))
        top_bottom, left_right = (split_same(max(k - s, 0)) for k, s in zip(kernel_size, stride, strict=True))
        return size, (top_bottom, left_right)
    sides = explicit_padding(padding)
    size = tuple(
        (n - 1) * s + k - before - after + extra
        for n, k, s, (before, after), extra in zip(input_size, kernel_size, stride, sides, output_padding, strict=True)
    )
    if min(size) < 1:
        raise ValueError(
            f"ConvTranspose2D: expected an output of at least 1×1, got {size} from an input of "
            f"{tuple(input_size)} with padding {sides}"
        )
    return size, sides


def require_transpose_settings(stride, padding, output_padding):
    """Raise ValueError for a padding or output_padding that no input size can make sense of."""
    if any(extra >= s for extra, s in zip(output_padding, stride, strict=True)):
        raise ValueError(f"ConvTranspose2D: expected output_padding below the stride {stride}, got {output_padding}")
    if padding != "same":
        explicit_padding(padding)
    elif any(output_padding):
        raise ValueError(f'ConvTranspose2D: expected output_padding=0 with padding="same", got {output_padding}')
