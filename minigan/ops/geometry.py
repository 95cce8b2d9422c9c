"""Sizes of convolutions: the output size that follows from input size, kernel, stride and padding. Integers only.

Sizes are (height, width); a resolved padding is ((top, bottom), (left, right)), never negative.
Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning".
"""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeAlias

Size: TypeAlias = tuple[int, int]  # (height, width)
Padding: TypeAlias = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


def is_size(value: Any, minimum: int = 1) -> bool:
    """Whether `value` is an int of at least `minimum`; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= minimum


def require_sizes(caller: str, **sizes: Any) -> None:
    """Raise ValueError, with the name of the argument, unless each of `sizes` is an int of at least 1."""
    for name, value in sizes.items():
        if not is_size(value):
            raise ValueError(f"{caller}: expected {name} to be an int of at least 1, got {value!r:.80}")


def require_shape_of_sizes(caller: str, name: str, shape: Any, length: int | None = None) -> None:
    """Raise ValueError unless `shape` is a tuple or list of ints of at least 1, `length` of them if it is given."""
    fits = isinstance(shape, (tuple, list)) and all(map(is_size, shape)) and length in (None, len(shape))
    if not fits:
        count = "" if length is None else f"{length} "
        raise ValueError(f"{caller}: expected {name} to be {count}ints of at least 1, got {shape!r:.80}")


def require_number(caller: str, name: str, value: Any, interval: str, fits: Callable[[Any], bool]) -> None:
    """Raise ValueError, with the name of the argument, unless `value` is a real number for which `fits` is true."""
    if isinstance(value, bool) or not isinstance(value, Real) or not fits(value):
        raise ValueError(f"{caller}: expected {name} to be a number {interval}, got {value!r:.80}")


def pair(name: str, value: Any, minimum: int = 1) -> Size:
    """Convert `value`, an int or two of them, to (height, width). Raises ValueError for a value below `minimum`."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2 or not all(is_size(v, minimum) for v in values):
        raise ValueError(f"{name}: expected an int of at least {minimum} or a pair of them, got {value!r:.80}")
    return int(values[0]), int(values[1])


def window_name(kernel_size: Size, stride: Size) -> str:
    """Kernel and stride in a few words, such as "4×4, stride 2"."""
    (kh, kw), (sh, sw) = kernel_size, stride
    return f"{kh}×{kw}, stride {sh}" if sh == sw else f"{kh}×{kw}, strides ({sh}, {sw})"


def explicit_padding(padding: Any) -> Padding:
    """Convert "valid", an int, (h, w) or ((top, bottom), (left, right)) to ((top, bottom), (left, right))."""
    try:
        if padding == "valid":
            padding = 0
        if is_size(padding, 0):
            padding = (padding, padding)
        sides = [pair("padding", side, minimum=0) for side in padding]
        if len(sides) != 2:
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(
            'padding: expected "same", "valid", an int of at least 0, (h, w) or ((top, bottom), (left, right)), '
            f"got {padding!r}"
        ) from None
    return (sides[0], sides[1])


def split_same(total: int) -> tuple[int, int]:
    """Split the padding of "same" by TensorFlow's rule: an odd row or column goes to the bottom or right."""
    return total // 2, total - total // 2


def resolve_padding(padding: Any, input_size: Size, kernel_size: Size, stride: Size) -> Padding:
    """The padding of a convolution over `input_size`. "same": output ⌈H / s⌉, so (⌈H/s⌉ − 1)·s + k − H zeros."""
    if padding != "same":
        return explicit_padding(padding)
    top_bottom, left_right = (
        split_same(max((-(-size // s) - 1) * s + k - size, 0))
        for size, k, s in zip(input_size, kernel_size, stride, strict=True)
    )
    return top_bottom, left_right


def conv_output_size(input_size: Size, kernel_size: Size, stride: Size, padding: Padding) -> Size:
    """H' = ⌊(H + top + bottom − k) / s⌋ + 1, and the same for the width.

    Raises ValueError if the kernel is larger than the padded input.
    """
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


def conv_transpose_output(
    input_size: Size, kernel_size: Size, stride: Size, padding: Any, output_padding: Size
) -> tuple[Size, Padding]:
    """(output size, padding) of a transposed convolution: H' = (H − 1)·s + k − top − bottom + output_padding.

    "same": H' = H·s; the padding is that of a convolution from H·s back to H, k − s rows in total. If the stride
    exceeds the kernel, there is nothing to crop and the last s − k rows are zeros.
    Raises ValueError for settings that do not fit, and for an output of no size.
    """
    require_transpose_settings(stride, padding, output_padding)
    if padding == "same":
        height, width = (size * s for size, s in zip(input_size, stride, strict=True))
        top_bottom, left_right = (split_same(max(k - s, 0)) for k, s in zip(kernel_size, stride, strict=True))
        return (height, width), (top_bottom, left_right)
    sides = explicit_padding(padding)
    height, width = (
        (n - 1) * s + k - before - after + extra
        for n, k, s, (before, after), extra in zip(input_size, kernel_size, stride, sides, output_padding, strict=True)
    )
    if min(height, width) < 1:
        raise ValueError(
            f"ConvTranspose2D: expected an output of at least 1×1, got {(height, width)} from an input of "
            f"{tuple(input_size)} with padding {sides}"
        )
    return (height, width), sides


def require_transpose_settings(stride: Size, padding: Any, output_padding: Size) -> None:
    """Raise ValueError for a padding or output_padding that no input size can be valid for."""
    if any(extra >= s for extra, s in zip(output_padding, stride, strict=True)):
        raise ValueError(f"ConvTranspose2D: expected output_padding below the stride {stride}, got {output_padding}")
    if padding != "same":
        explicit_padding(padding)
    elif any(output_padding):
        raise ValueError(f'ConvTranspose2D: expected output_padding=0 with padding="same", got {output_padding}')
