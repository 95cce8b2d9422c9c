"""A small convolutional classifier: scores of samples are computed from its probabilities and features."""

from minigan.initializers import glorot_uniform
from minigan.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, LeakyReLU, Sequential
from minigan.ops.geometry import require_shape_of_sizes, require_sizes
from minigan.random import RandomStream

FEATURES = 128  # of the layer before the last, which the Fréchet distance is computed from


def classifier(
    image_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    width: int = 32,
    features: int = FEATURES,
    random: RandomStream | None = None,
) -> Sequential:
    """Two networks in one Sequential: features, then head. At the default sizes:

        features  32×32×3 → 32×32×32 → 16×16×64 → 8×8×128 → Dense 128
        head      128 → 10 logits

    The first kernel is 3×3, the others are 4×4 with strides 2; each is followed by batch normalization and LeakyReLU
    0.1; dropout 0.4 before the first dense layer and 0.2 before the head. Images: (N, *image_shape) in [−1, 1].
    network.layers[0].forward returns the features (N, 128), network.forward the logits (N, classes). Initial weights
    and dropout masks are drawn from the stream `random`. Raises ValueError unless the sides are multiples of 4.
    """
    require_shape_of_sizes("classifier", "image_shape", image_shape, 3)
    require_sizes("classifier", classes=classes, width=width, features=features)
    height, image_width, channels = image_shape
    if height % 4 or image_width % 4 or height < 4 or image_width < 4:
        raise ValueError(f"classifier: expected images whose sides are multiples of 4, got {height}×{image_width}")
    flat = height * image_width // 16 * 4 * width
    weights = glorot_uniform(random)
    return Sequential(
        Sequential(
            Conv2D(channels, width, 3, padding="same", bias=False, initializer=weights),
            BatchNorm(width, activation=LeakyReLU(0.1)),
            Conv2D(width, 2 * width, 4, stride=2, padding="same", bias=False, initializer=weights),
            BatchNorm(2 * width, activation=LeakyReLU(0.1)),
            Conv2D(2 * width, 4 * width, 4, stride=2, padding="same", bias=False, initializer=weights),
            BatchNorm(4 * width, activation=LeakyReLU(0.1)),
            Flatten(),
            Dropout(0.4, random),
            Dense(flat, features, bias=False, initializer=weights),
            BatchNorm(features, activation=LeakyReLU(0.1)),
        ),
        Sequential(Dropout(0.2, random), Dense(features, classes, initializer=weights)),
        input_shape=tuple(image_shape),
    )
