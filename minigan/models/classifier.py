"""A small convolutional classifier: the judge whose probabilities and features the scores are made of."""

from minigan.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, LeakyReLU, Sequential


def classifier(image_shape=(32, 32, 3), classes=10, width=32, features=128):
    """Two networks in one Sequential: features, then head. At the default sizes:

        features  32×32×3 → 32×32×32 → 16×16×64 → 8×8×128 → Dense 128
        head      128 → 10 logits

    The first kernel is 3×3, the others are 4×4 with strides 2; each is followed by batch normalization and LeakyReLU
    0.1; dropout 0.4 before the first dense layer and 0.2 before the head. Pictures: (N, *image_shape) in [−1, 1].
    network.layers[0].forward gives the features (N, 128), network.forward the logits (N, classes).
    Raises ValueError for pictures whose sides are no multiples of 4.
    """
    height, wide, channels = image_shape
    if height % 4 or wide % 4 or height < 4 or wide < 4:
        raise ValueError(f"classifier: expected pictures whose sides are multiples of 4, got {height}×{wide}")
    flat = height * wide // 16 * 4 * width
    return Sequential(
        Sequential(
            Conv2D(channels, width, 3, padding="same", bias=False),
            BatchNorm(width, activation=LeakyReLU(0.1)),
            Conv2D(width, 2 * width, 4, stride=2, padding="same", bias=False),
            BatchNorm(2 * width, activation=LeakyReLU(0.1)),
            Conv2D(2 * width, 4 * width, 4, stride=2, padding="same", bias=False),
            BatchNorm(4 * width, activation=LeakyReLU(0.1)),
            Flatten(),
            Dropout(0.4),
            Dense(flat, features, bias=False),
            BatchNorm(features, activation=LeakyReLU(0.1)),
        ),
        Sequential(Dropout(0.2), Dense(features, classes)),
        input_shape=tuple(image_shape),
    )
