"""Hypothesis strategies: arrays in unusual memory layouts, and the geometry of convolutions."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from minigan.backend import asarray

LAYOUTS = ("C", "F", "every other", "reversed")


def in_layout(array, layout):
    """The same numbers in another memory layout, as an array of the backend."""
    if layout == "every other":
        doubled = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        doubled[..., ::2] = array
        return asarray(doubled)[..., ::2]
    if layout == "reversed":
        return asarray(array[::-1].copy())[::-1]
    if layout == "F":
        order = tuple(reversed(range(array.ndim)))
        return asarray(np.ascontiguousarray(array.transpose(order))).transpose(order)
    return asarray(array)


def off_zero(random, shape):
    """Random numbers at least 0.1 away from 0, the kink of ReLU."""
    return random.uniform(0.1, 1.5, shape) * random.choice([-1.0, 1.0], shape)


def spread(random, shape):
    """Random numbers with a variance of about 1 in every channel, so that normalization is well conditioned."""
    count = int(np.prod(shape[:-1]))
    columns = [random.permutation(np.linspace(-1.7, 1.7, count)) for _ in range(shape[-1])]
    return np.stack(columns, axis=-1).reshape(shape) + random.uniform(-0.1, 0.1, shape) + 0.5


randoms = st.integers(0, 2**32 - 1).map(np.random.default_rng)
layouts = st.sampled_from(LAYOUTS)
small_shapes = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)


@dataclass(frozen=True)
class Convolution:
    """The geometry of a convolution whose output is not empty."""

    batch: int
    size: tuple
    in_channels: int
    out_channels: int
    kernel_size: tuple
    stride: tuple
    padding: object


paddings = st.one_of(
    st.sampled_from(["same", "valid"]),
    st.integers(0, 3),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 3)), st.tuples(st.integers(0, 3), st.integers(0, 3))),
)


@st.composite
def convolutions(draw):
    """Odd sizes, kernels larger than the image, strides larger than the kernel, uneven padding, a batch of 1."""
    from minigan.ops.geometry import conv_output_size, resolve_padding

    def pairs(minimum, maximum):
        return st.tuples(st.integers(minimum, maximum), st.integers(minimum, maximum))

    while True:
        c = Convolution(
            draw(st.integers(1, 3)),
            draw(pairs(1, 7)),
            draw(st.integers(1, 4)),
            draw(st.integers(1, 4)),
            draw(pairs(1, 5)),
            draw(pairs(1, 4)),
            draw(paddings),
        )
        try:
            conv_output_size(
                c.size, c.kernel_size, c.stride, resolve_padding(c.padding, c.size, c.kernel_size, c.stride)
            )
        except ValueError:
            continue  # the kernel is larger than the padded image: draw again
        return c


@st.composite
def transposed_convolutions(draw):
    """(Convolution, output_padding) of a transposed convolution whose output is not empty."""
    from minigan.ops.geometry import conv_transpose_output

    while True:
        c = draw(convolutions())
        output_padding = tuple(draw(st.integers(0, s - 1)) if c.padding != "same" else 0 for s in c.stride)
        try:
            conv_transpose_output(c.size, c.kernel_size, c.stride, c.padding, output_padding)
        except ValueError:
            continue  # the padding crops everything: draw again
        return c, output_padding
