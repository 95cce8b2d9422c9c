"""The same DCGAN and the same training step in TensorFlow: Keras layers, and one graph for the whole step."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow import keras


def dcgan(width: int, latent_dim: int = 128) -> tuple[Any, Any]:
    """(generator, discriminator): minigan.models.dcgan() for images of 32×32×3, layer for layer."""
    layers = keras.layers
    settings = {"padding": "same", "kernel_initializer": keras.initializers.RandomNormal(0, 0.02)}

    def normalize_and_activate() -> list[Any]:
        return [layers.BatchNormalization(epsilon=1e-5, momentum=0.9), layers.LeakyReLU(negative_slope=0.2)]

    generator = [keras.Input((latent_dim,)), layers.Dense(32 * width, use_bias=False)]
    generator += [layers.Reshape((2, 2, 8 * width)), *normalize_and_activate()]
    for channels in (4 * width, 2 * width, width):
        generator += [
            layers.Conv2DTranspose(channels, 4, 2, use_bias=False, **settings),
            *normalize_and_activate(),
        ]
    generator += [layers.Conv2DTranspose(3, 4, 2, activation="tanh", **settings)]
    discriminator = [keras.Input((32, 32, 3)), layers.Conv2D(width, 4, 2, **settings)]
    discriminator += [layers.LeakyReLU(negative_slope=0.2)]
    for channels in (2 * width, 4 * width, 8 * width):
        discriminator += [layers.Conv2D(channels, 4, 2, use_bias=False, **settings), *normalize_and_activate()]
    discriminator += [layers.Flatten(), layers.Dense(1)]
    return keras.Sequential(generator), keras.Sequential(discriminator)


def benchmark(batch_size: int, width: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """(train, sample): a discriminator and a generator step; a batch of generated images."""
    generator, discriminator = dcgan(width)
    generator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)
    discriminator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)
    real = tf.random.uniform((batch_size, 32, 32, 3), -1, 1)

    def cross_entropy(logits: Any, target: float) -> Any:
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.fill(tf.shape(logits), target), logits=logits)
        )

    @tf.function
    def step() -> Any:
        fake = generator(tf.random.normal((batch_size, 128)), training=True)
        with tf.GradientTape() as tape:
            loss = cross_entropy(discriminator(real, training=True), 1.0)
            loss += cross_entropy(discriminator(fake, training=True), 0.0)
        variables = discriminator.trainable_variables
        discriminator_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        with tf.GradientTape() as tape:
            logits = discriminator(generator(tf.random.normal((batch_size, 128)), training=True), training=True)
            loss = cross_entropy(logits, 1.0)
        variables = generator.trainable_variables
        generator_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    @tf.function
    def images() -> Any:
        return generator(tf.random.normal((batch_size, 128)), training=False)

    return lambda: step().numpy(), lambda: images().numpy()
