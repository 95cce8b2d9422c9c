"""Every model: shapes, numbers of parameters computed by hand, gradients, and the registry."""

from pathlib import Path

import numpy as np
import pytest

import minigan as mg
from minigan import layers, models
from minigan.backend import asarray, to_numpy
from minigan.errors import UserError
from minigan.gradcheck import check
from minigan.layers.base import Layer

random = np.random.default_rng(8)


def size(network):
    return sum(param.value.size for param in network.parameters())


def dense(i, o, bias=True):
    return i * o + o * bias


def conv(k, i, o, bias=True):
    return k * k * i * o + o * bias


def bn(c):
    return 2 * c


LABEL_7, LABEL_28 = 10 * 50 + dense(50, 49), 10 * 50 + dense(50, 784)
PARAMETERS = {
    "dcgan": (
        (32, 32, 3),
        128,
        64,
        dense(128, 2048, False)
        + bn(512)
        + conv(4, 512, 256, False)
        + bn(256)
        + conv(4, 256, 128, False)
        + bn(128)
        + conv(4, 128, 64, False)
        + bn(64)
        + conv(4, 64, 3),
        conv(4, 3, 64)
        + conv(4, 64, 128, False)
        + bn(128)
        + conv(4, 128, 256, False)
        + bn(256)
        + conv(4, 256, 512, False)
        + bn(512)
        + dense(2048, 1),
    ),
    "dense-gan": (
        (28, 28, 1),
        100,
        256,
        dense(100, 256, False)
        + bn(256)
        + dense(256, 512, False)
        + bn(512)
        + dense(512, 1024, False)
        + bn(1024)
        + dense(1024, 784),
        dense(784, 512) + dense(512, 256) + dense(256, 1),
    ),
    "convolutional-gan": (
        (28, 28, 1),
        100,
        32,
        dense(100, 64 * 7 * 7) + conv(3, 64, 64) + conv(3, 64, 32) + conv(28, 32, 1),
        conv(3, 1, 32) + conv(3, 32, 64) + dense(7 * 7 * 64, 1),
    ),
    "cgan": (
        (28, 28, 1),
        100,
        64,
        dense(100, 6272, False)
        + bn(128)
        + LABEL_7
        + conv(4, 129, 64, False)
        + bn(64)
        + conv(4, 64, 32, False)
        + bn(32)
        + conv(3, 32, 1),
        LABEL_28 + conv(4, 2, 64) + conv(4, 64, 128, False) + bn(128) + dense(7 * 7 * 128, 1),
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_model_has_the_layers_of_its_docstring(name):
    image_shape, latent_dim, width, generator_size, discriminator_size = PARAMETERS[name]
    generator, discriminator = models.build(name, image_shape, 10, latent_dim, width)
    assert (size(generator), size(discriminator)) == (generator_size, discriminator_size)
    page = (Path(__file__).parents[2] / "docs/api/models.md").read_text(encoding="utf-8")
    assert f"| parameters | {generator_size:,} | | {discriminator_size:,} |" in page
    z, labels = mg.backend.random.normal((3, latent_dim)), asarray(np.array([0, 9, 3]))
    conditional = models.MODELS[name].conditional
    for train in (True, False):
        images, _ = generator.forward((z, labels) if conditional else z, train)
        logits, _ = discriminator.forward((images, labels) if conditional else images, train)
        assert images.shape == (3, *image_shape)
        assert logits.shape == (3, 1)
        low, high = models.MODELS[name].pixel_range
        assert to_numpy(images).min() >= low
        assert to_numpy(images).max() <= high


def test_images_of_64_pixels_are_halved_four_times():
    generator, discriminator = models.dcgan(64, 3, latent_dim=100, width=4)
    z = mg.backend.random.normal((2, 100))
    assert generator.layers[1].shape == (4, 4, 32)
    assert discriminator.forward(generator.forward(z)[0])[0].shape == (2, 1)


def test_images_of_28_pixels_are_rounded_up_once():
    generator, discriminator = models.dcgan(28, 1, latent_dim=100, width=4)
    z = mg.backend.random.normal((2, 100))
    x, shapes = z, []
    for layer in generator.layers:
        x, _ = layer.forward(x)
        shapes.append(x.shape[1:])
    assert list(dict.fromkeys(shapes[1:])) == [(4, 4, 16), (7, 7, 8), (14, 14, 4), (28, 28, 1)]
    for layer in discriminator.layers:
        x, _ = layer.forward(x)
        shapes.append(x.shape[1:])
    assert shapes[-2:] == [(4 * 4 * 16,), (1,)]


def test_the_classifier_returns_features_and_logits():
    network = models.classifier((28, 28, 1), 10)
    x = asarray(random.standard_normal((3, 28, 28, 1)).astype("float32"))
    features, _ = network.layers[0].forward(x, train=False)
    assert features.shape == (3, 128)
    logits, _ = network.forward(x, train=False)
    np.testing.assert_array_equal(to_numpy(logits), to_numpy(network.layers[1].forward(features, train=False)[0]))


@pytest.mark.parametrize(
    ("name", "shape"),
    [("dcgan", (7, 7, 1)), ("cgan", (9, 9, 3)), ("convolutional-gan", (30, 30, 1)), ("classifier", (30, 28, 1))],
)
def test_images_that_cannot_be_halved_are_refused(name, shape):
    with pytest.raises(UserError, match=f"{name.replace('-', '_')}: expected"):
        models.build(name, shape, 10, 8, 4)
    if name != "classifier":
        with pytest.raises(UserError, match="square"):
            models.build(name, (8, 16, 1), 10, 8, 4)


def test_the_convolutional_discriminator_has_one_dropout_after_its_first_convolution():
    _, discriminator = models.convolutional_gan(8, 1, latent_dim=4, width=2)
    names = [type(layer).__name__ for layer in discriminator.layers]
    assert names == ["Conv2D", "LeakyReLU", "Dropout", "Conv2D", "LeakyReLU", "Flatten", "Dense"]
    assert discriminator.layers[2].rate == 0.4


class WithLabels(Layer):
    """A conditional network with fixed labels: a network of one input, as gradcheck needs it."""

    def __init__(self, network, labels):
        self.network, self.labels = network, labels

    def forward(self, x, train=True, groups=1):
        return self.network.forward((x, self.labels), train, groups)

    def backward(self, dy, cache, param_grads=True, input_grad=True):
        return self.network.backward(dy, cache, param_grads, input_grad)


def small_cgan():
    mg.backend.seed(2)
    generator, discriminator = models.cgan(8, 2, classes=3, latent_dim=5, width=2)
    # Larger weights: at a std of 0.02 the label path hardly affects the output, and a wrong formula would go unnoticed.
    for param in generator.parameters() + discriminator.parameters():
        param.value *= 10
    return generator, discriminator


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_gradients_of_both_conditional_networks(train):
    generator, discriminator = small_cgan()
    labels = asarray(np.array([0, 2, 1, 2]))
    for network, x in ((generator, (4, 5)), (discriminator, (4, 8, 8, 2))):
        report = check(WithLabels(network, labels), random.standard_normal(x), train=train)
        embedding = [entry for entry in report.entries if "label_path.0.weight" in entry.name]
        assert len(embedding) == 1
        assert abs(embedding[0].numeric) > 1e-8


def test_a_wrong_split_of_the_concatenation_is_caught():
    generator, _ = small_cgan()

    class Swapped(layers.Conditional):
        """The gradient of the concatenation with its two parts exchanged: the label's first, then those of x."""

        def backward(self, dy, cache, param_grads=True, input_grad=True):
            d_both = self.rest.backward(dy, cache.rest_cache, param_grads)
            labels = d_both.shape[-1] - cache.channels
            self.label_path.backward(d_both[..., :labels], cache.label_cache, param_grads, input_grad=False)
            return self.x_path.backward(d_both[..., labels:], cache.x_cache, param_grads, input_grad)

    wrong = Swapped(generator.x_path, generator.label_path, generator.rest)
    with pytest.raises(mg.gradcheck.GradientError, match="worst entry"):
        check(WithLabels(wrong, asarray(np.array([0, 1]))), random.standard_normal((2, 5)))


def test_wrong_inputs_of_a_conditional_network_are_refused():
    generator, _ = small_cgan()
    z = asarray(random.standard_normal((2, 5)).astype("float32"))
    with pytest.raises(TypeError, match=r"Conditional: expected a tuple \(x, labels\), got"):
        generator.forward(z)
    with pytest.raises(ValueError, match="both paths to return one shape except for the channels"):
        generator.forward((z, asarray(np.array([0, 1, 2]))))
    if mg.backend.on_cpu:
        with pytest.raises(ValueError, match="labels from 0 to 2, got 0 to 3"):
            generator.forward((z, np.array([0, 3])))


def test_both_outputs_depend_on_the_class():
    generator, discriminator = small_cgan()
    z = asarray(random.standard_normal((1, 5)).astype("float32"))
    images = [generator.forward((z, asarray(np.array([label]))), train=False)[0] for label in range(3)]
    assert np.abs(to_numpy(images[0] - images[1])).max() > 1e-3
    logits = [discriminator.forward((images[0], asarray(np.array([label]))), train=False)[0] for label in range(3)]
    assert len({float(to_numpy(logit)[0, 0]) for logit in logits}) == 3


def test_a_registered_model_is_built_by_its_function(monkeypatch):
    seen = []

    def build(sizes):
        seen.append(sizes)
        return models.dense_gan(sizes.image_shape, sizes.latent_dim, sizes.width, sizes.random)

    monkeypatch.setitem(models.MODELS, "mine", models.Model(build, "a model of your own"))
    stream = mg.backend.RandomStream(3)
    generator, discriminator = models.build("mine", (4, 6, 1), 10, 5, 2, stream)
    assert seen == [models.Sizes((4, 6, 1), 10, 5, 2, stream)]
    images, _ = generator.forward(stream.normal((2, 5)))
    assert images.shape == (2, 4, 6, 1)
    assert discriminator.forward(images)[0].shape == (2, 1)
    with pytest.raises(UserError, match="unknown model 'min': did you mean 'mine'"):
        models.build("min", (4, 6, 1), 10, 5, 2)


def test_errors_of_a_registered_model_name_it(monkeypatch):
    monkeypatch.setitem(models.MODELS, "mine", models.Model(lambda sizes: models.dcgan(sizes.side), "square images"))
    with pytest.raises(UserError, match=r"^mine: expected square images, got 4×6"):
        models.build("mine", (4, 6, 1), 10, 5, 2)
    with pytest.raises(UserError, match=r"^mine: dcgan: expected an even image_size of at least 4, got 3$"):
        models.build("mine", (3, 3, 1), 10, 5, 2)


def test_a_model_needs_a_function_that_builds_it():
    with pytest.raises(TypeError, match="build"):
        models.Model(description="nothing to build")


def test_ema_agrees_with_plain_loops():
    from minigan.training.ema import EMA

    mg.backend.seed(0)
    network = layers.Sequential(layers.Dense(3, 2), layers.BatchNorm(2)).astype("float64")
    average = EMA(network, 0.9)
    t = asarray(np.array(0.0))
    expected = {name: array.copy() for name, array in network.state_dict().items()}
    for step in range(1, 30):
        for param in network.parameters():
            param.value += asarray(random.standard_normal(param.value.shape))
        network.forward(asarray(random.standard_normal((4, 3))))
        t += 1
        average.update(t)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, array in network.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * array
    for name, array in average.average.state_dict().items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-12, atol=1e-14)
    assert (to_numpy(network.layers[0].weight.value) != to_numpy(average.average.layers[0].weight.value)).any()


FUNCTIONS = {  # each with the settings it takes, all right
    models.dcgan: {"image_size": 8, "channels": 1, "latent_dim": 4, "width": 2},
    models.cgan: {"image_size": 8, "channels": 1, "classes": 3, "latent_dim": 4, "width": 2},
    models.convolutional_gan: {"image_size": 8, "channels": 1, "latent_dim": 4, "width": 2},
    models.dense_gan: {"image_shape": (8, 8, 1), "latent_dim": 4, "width": 2},
    models.classifier: {"image_shape": (8, 8, 1), "classes": 3, "width": 2, "features": 5},
}


@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, settings in FUNCTIONS.items() for name in settings]
)
def test_models_refuse_sizes_that_no_network_can_have(function, name):
    settings = FUNCTIONS[function]
    function(**settings)
    values = [0, -2, 8.0, None, True, "8"]
    if name == "image_shape":
        values = [(8, 8, value) for value in values] + [(8, 8), 8, None]
    for value in values:
        with pytest.raises(ValueError, match=rf"^{function.__name__}: expected {name} to be"):
            function(**settings | {name: value})


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 0), (8, 8, 1.0), None], ids=repr)
def test_build_refuses_images_of_an_impossible_shape(name, shape):
    with pytest.raises(UserError, match=f"{name}: expected image_shape to be 3 ints of at least 1"):
        models.build(name, shape, 10, 8, 4)
    with pytest.raises(UserError, match="expected width to be an int of at least 1, got 0"):
        models.build(name, (8, 8, 1), 10, 8, 0)
