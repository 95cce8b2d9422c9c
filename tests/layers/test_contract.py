"""The layer contract: caches, modes, accumulated gradients, versions, dtypes, state."""

import numpy as np
import pytest

import minigan as mg
from minigan import layers, ops
from minigan.backend import asarray, to_numpy
from minigan.errors import CheckpointError
from minigan.ops import elementwise, normalization

random = np.random.default_rng(11)


def images(n=3, dtype="float64"):
    return asarray(random.standard_normal((n, 6, 4, 2)).astype(dtype))


def network():
    mg.backend.seed(1)
    return layers.Sequential(
        layers.Conv2D(2, 3, 3, padding="same"),
        layers.BatchNorm(3),
        layers.LeakyReLU(),
        layers.ConvTranspose2D(3, 2, 4, stride=2, padding="same"),
        layers.ReLU(),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(2 * 12 * 8, 4),
        layers.Sigmoid(),
        layers.Reshape(2, 2),
        layers.Tanh(),
    )


EVERY_LAYER = [
    (layers.Dense(6, 3), (4, 6)),
    (layers.Conv2D(2, 3, 3, stride=2, padding=1), (3, 6, 4, 2)),
    (layers.ConvTranspose2D(2, 3, 4, stride=2, padding="same"), (3, 6, 4, 2)),
    (layers.ConvTranspose2D(2, 3, 3, stride=2, definition="zero_insertion"), (3, 6, 4, 2)),
    (layers.BatchNorm(2), (3, 6, 4, 2)),
    (layers.LeakyReLU(), (3, 5)),
    (layers.ReLU(), (3, 5)),
    (layers.Tanh(), (3, 5)),
    (layers.Sigmoid(), (3, 5)),
    (layers.Dropout(0.5), (3, 5)),
    (layers.Reshape(5, 1), (3, 5)),
    (layers.Flatten(), (3, 5, 2)),
    (network(), (3, 6, 4, 2)),
]
OTHER_INPUTS = [  # layers whose input is not one floating-point array
    (layers.Embedding(3, 2), np.array([0, 2, 2])),
    (
        layers.Conditional(layers.Dense(2, 3), layers.Embedding(3, 2), layers.BatchNorm(5)),
        (asarray(np.ones((3, 2), "float32")), np.array([0, 2, 2])),
    ),
]
every_layer = pytest.mark.parametrize(("layer", "shape"), EVERY_LAYER, ids=lambda v: repr(v)[:30])
both_modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def clear(layer):
    for param in layer.parameters():
        param.grad.fill(0)


def gradients(layer):
    return [np.array(to_numpy(param.grad)) for param in layer.parameters()]


@every_layer
@both_modes
def test_backward_is_linear_and_may_run_twice(layer, shape, train):
    layer = layer.astype("float64")
    y, cache = layer.forward(asarray(random.standard_normal(shape)), train)
    a, b = (asarray(random.standard_normal(y.shape)) for _ in range(2))
    results = []
    for dy in (a, b, 2 * a - 3 * b, a):
        clear(layer)
        results.append([to_numpy(layer.backward(dy, cache)), *gradients(layer)])
    for of_a, of_b, of_both, again in zip(*results, strict=True):
        np.testing.assert_allclose(2 * of_a - 3 * of_b, of_both, rtol=1e-9, atol=1e-11)
        assert (of_a == again).all()


@every_layer
def test_two_caches_are_alive_at_once(layer, shape):
    """Real and fake images through one network, then both backward passes: the same as one after the other."""
    layer = layer.astype("float64")
    inputs = [asarray(random.standard_normal(shape)) for _ in range(2)]
    mg.backend.seed(4)
    outputs = [layer.forward(x) for x in inputs]
    dys = [asarray(random.standard_normal(y.shape)) for y, _ in outputs]
    together = [to_numpy(layer.backward(dy, cache)) for dy, (_, cache) in zip(dys, outputs, strict=True)]
    mg.backend.seed(4)
    for x, dy, expected in zip(inputs, dys, together, strict=True):
        _, cache = layer.forward(x)
        assert (to_numpy(layer.backward(dy, cache)) == expected).all()


def plain_caches(layer, cache):
    """The names of the layers whose cache has more than two fields and is not a NamedTuple."""
    if isinstance(layer, layers.Sequential):  # a tuple of caches, one for each child
        inner = zip(layer.layers, cache, strict=True)
    elif isinstance(layer, layers.Conditional):
        inner = zip((layer.x_path, layer.label_path, layer.rest), cache[1:], strict=True)
    else:
        inner = ()
    found = [name for child, part in inner for name in plain_caches(child, part)]
    if not isinstance(layer, layers.Sequential) and len(cache) > 2 and not hasattr(cache, "_fields"):
        found.append(type(layer).__name__)
    return found


@both_modes
def test_caches_of_more_than_two_fields_are_named_tuples(train):
    """So that no code depends on the order of their fields."""
    inputs = [(layer, asarray(random.standard_normal(shape))) for layer, shape in EVERY_LAYER] + OTHER_INPUTS
    tested = set()
    for layer, x in inputs:
        tested.add(type(layer))
        assert not plain_caches(layer, layer.forward(x, train)[1])
    public = {getattr(layers, name) for name in layers.__all__} - {layers.Layer, layers.Param}
    assert tested == public


def test_a_plain_tuple_of_three_fields_is_found():
    class Plain(layers.Dense):
        def forward(self, x, train=True, groups=1):
            y, cache = super().forward(x, train, groups)
            return y, (*cache, train)

    x = asarray(np.ones((2, 3)))
    for network, inputs in (
        (layers.Sequential(layers.Tanh(), layers.Sequential(Plain(3, 2))), x),
        (layers.Conditional(layers.Tanh(), Plain(3, 2), layers.Tanh()), (x, x)),
    ):
        assert plain_caches(network, network.forward(inputs)[1]) == ["Plain"]


@every_layer
@both_modes
def test_the_dtype_follows_the_input(layer, shape, train):
    for weights in ("float32", "float64"):
        layer.astype(weights)
        for dtype in ("float32", "float64"):
            y, cache = layer.forward(asarray(random.standard_normal(shape).astype(dtype)), train)
            dx = layer.backward(y, cache)
            assert y.dtype == dx.dtype == dtype
            assert all(param.value.dtype == param.grad.dtype == weights for param in layer.parameters())


@every_layer
def test_param_grads_and_input_grad_select_what_is_computed(layer, shape):
    layer = layer.astype("float64")
    y, cache = layer.forward(asarray(random.standard_normal(shape)))
    dy = asarray(random.standard_normal(y.shape))
    clear(layer)
    dx = to_numpy(layer.backward(dy, cache))
    full = gradients(layer)
    clear(layer)
    assert (to_numpy(layer.backward(dy, cache, param_grads=False)) == dx).all()
    assert not any(gradient.any() for gradient in gradients(layer))
    assert layer.backward(dy, cache, input_grad=False) is None
    for gradient, expected in zip(gradients(layer), full, strict=True):
        assert (gradient == expected).all()
    layer.backward(dy, cache)
    for gradient, expected in zip(gradients(layer), full, strict=True):
        np.testing.assert_allclose(gradient, 2 * expected)  # added, not replaced


def test_conditional_computes_only_the_requested_gradients():
    layer, (x, labels) = OTHER_INPUTS[1]
    y, cache = layer.forward((x, labels))
    dy = asarray(random.standard_normal(y.shape).astype("float32"))
    clear(layer)
    dx = to_numpy(layer.backward(dy, cache))
    full = gradients(layer)
    assert all(gradient.any() for gradient in full)
    clear(layer)
    assert (to_numpy(layer.backward(dy, cache, param_grads=False)) == dx).all()
    assert not any(gradient.any() for gradient in gradients(layer))
    assert layer.backward(dy, cache, input_grad=False) is None
    for gradient, expected in zip(gradients(layer), full, strict=True):
        assert (gradient == expected).all()
    assert layer.backward(dy, cache, param_grads=False, input_grad=False) is None


def test_an_empty_sequential_is_the_identity():
    x = images()
    y, cache = layers.Sequential().forward(x)
    assert y is x
    assert layers.Sequential().backward(x, cache) is x
    assert layers.Sequential().backward(x, cache, input_grad=False) is None


def test_old_activations_with_new_weights_are_an_error():
    net = network().astype("float64")
    optimizer = mg.optim.Adam(net.parameters())
    y, cache = net.forward(images())
    net.backward(y, cache)
    optimizer.step()
    with pytest.raises(RuntimeError, match="cache from before the weights changed"):
        net.backward(y, cache)
    embedding = layers.Embedding(3, 2)
    y, cache = embedding.forward(np.array([0, 1]))
    embedding.load_state_dict(embedding.state_dict())
    with pytest.raises(RuntimeError, match="Embedding"):
        embedding.backward(y, cache)


EMPTY = [
    *EVERY_LAYER[:-1],
    (layers.Conv2D(64, 3, 4, stride=2, padding=1), (3, 16, 16, 64)),  # with more images, Winograd
    (layers.Conv2D(128, 3, 4, stride=2, padding=1), (3, 4, 4, 128)),  # direct
    (layers.Conv2D(2, 1, 7, padding="same"), (3, 8, 8, 2)),  # with more images, Toeplitz
    (layers.ConvTranspose2D(3, 128, 4, stride=2, padding="same"), (3, 2, 2, 3)),
    (layers.BatchNorm(5, activation=layers.LeakyReLU()), (3, 5)),
]


@pytest.mark.parametrize(("layer", "shape"), EMPTY, ids=lambda v: repr(v)[:60])
@both_modes
def test_a_batch_of_no_images_gives_none_and_gradients_of_zero(layer, shape, train):
    layer.astype("float32")
    x = asarray(np.zeros((0, *shape[1:]), "float32"))
    if train and isinstance(layer, layers.BatchNorm):
        with pytest.raises(ValueError, match="expected at least 2 values per channel in training mode, got 0"):
            layer.forward(x)
        return
    y, cache = layer.forward(x, train)
    expected, _ = layer.forward(asarray(np.zeros(shape, "float32")), train=False)
    assert (y.shape, y.dtype) == ((0, *expected.shape[1:]), np.float32)
    clear(layer)
    dx = layer.backward(y, cache)
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    assert not any(gradient.any() for gradient in gradients(layer))


def test_no_labels_give_no_vectors():
    layer, (conditional, _) = layers.Embedding(3, 2), OTHER_INPUTS[1]
    labels = np.zeros(0, int)
    y, cache = layer.forward(labels)
    assert y.shape == (0, 2)
    layer.backward(y, cache)
    assert not any(gradient.any() for gradient in gradients(layer))
    y, cache = conditional.forward((asarray(np.zeros((0, 2), "float32")), labels), train=False)
    assert conditional.backward(y, cache).shape == (0, 2)


@pytest.mark.parametrize(("layer", "shape"), [(layers.Reshape(5), (0, 7)), (layers.Dense(5, 1), (0, 7))], ids=str)
def test_a_wrong_shape_is_refused_in_an_empty_batch_too(layer, shape):
    with pytest.raises(ValueError, match=r"got \(0, 7\)"):
        layer.forward(asarray(np.zeros(shape, "float32")))


def test_only_training_mode_updates_the_running_statistics():
    net = network()
    before = net.state_dict()
    net.forward(images(dtype="float32"), train=False)
    assert all((before[name] == array).all() for name, array in net.state_dict().items())
    net.forward(images(dtype="float32"))
    moved = {name for name, array in net.state_dict().items() if (before[name] != array).any()}
    assert moved == {"1.running_mean", "1.running_var"}


def test_state_round_trip():
    net, other = network(), network()
    for param in net.parameters():
        param.value += 1
    net.forward(images(dtype="float32"))
    addresses = [id(param.value) for param in other.parameters()]
    other.load_state_dict(net.state_dict())
    assert [id(param.value) for param in other.parameters()] == addresses
    x = images(dtype="float32")
    assert (to_numpy(net.forward(x, False)[0]) == to_numpy(other.forward(x, False)[0])).all()


def test_a_state_of_another_architecture_changes_nothing():
    net = network()
    before = net.state_dict()
    for change, message in [
        (lambda s: s.pop("7.bias"), "missing 7.bias"),
        (lambda s: s.update(extra=s["7.bias"]), "unexpected extra"),
        (lambda s: s.update({"7.bias": np.zeros(9)}), r"7.bias has shape \(9,\), expected \(4,\)"),
    ]:
        state = {name: array + 1 for name, array in net.state_dict().items()}
        change(state)
        with pytest.raises(CheckpointError, match=message):
            net.load_state_dict(state)
        assert all((before[name] == array).all() for name, array in net.state_dict().items())


def test_astype_converts_in_place_and_returns_the_network():
    net = network()
    assert net.astype("float64") is net
    assert {array.dtype.name for array in net.state_dict().values()} == {"float64"}
    with pytest.raises(TypeError, match="expected a floating-point dtype, got int64"):
        net.astype("int64")


def test_parameters_are_named_by_their_layers_position():
    names = [name for name, _ in network().named_parameters()]
    assert names[:4] == ["0.weight", "0.bias", "1.gamma", "1.beta"]
    assert layers.Dense(2, 3, bias=False).bias is None


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (
            layers.Dense(3, 2),
            np.zeros((2, 4), "f4"),
            r"Dense\(in_features=3\): expected x of shape \(N, 3\), got \(2, 4\)",
        ),
        (layers.BatchNorm(3), np.zeros((2, 4), "f4"), r"expected x of shape \(N, 3\), got \(2, 4\)"),
        (layers.BatchNorm(3), np.zeros((1, 3), "f4"), "at least 2 values per channel"),
        (layers.Reshape(2, 2), np.zeros((3, 5), "f4"), "4 elements per example"),
        (layers.Embedding(3, 2), np.array([0, 3]), "labels from 0 to 2, got 0 to 3"),
        (layers.Embedding(3, 2), np.array([-1, 0]), "labels from 0 to 2, got -1 to 0"),
        (layers.Embedding(3, 2), np.array([[0, 1]]), r"labels of shape \(N,\)"),
        (layers.Embedding(3, 2), [0, -1], "labels from 0 to 2, got -1 to 0"),
    ],
)
def test_messages_give_the_expected_shape_and_the_actual_one(layer, x, message):
    with pytest.raises(ValueError, match=message):
        layer.forward(x if isinstance(layer, layers.Embedding) else asarray(x))


@pytest.mark.parametrize(
    ("layer", "shape"), [pair for pair in EVERY_LAYER if not isinstance(pair[0], (layers.Reshape, layers.Flatten))]
)
def test_images_that_were_not_scaled_are_refused(layer, shape):
    with pytest.raises(TypeError, match="expected x of a floating-point dtype, got uint8; scale images first"):
        layer.forward(asarray(np.zeros(shape, np.uint8)))


@every_layer
@both_modes
def test_an_output_gradient_of_another_shape_is_refused(layer, shape, train):
    """Even if it has the right size: silently reshaped, it would be a wrong gradient."""
    y, cache = layer.forward(asarray(random.standard_normal(shape).astype("float32")), train)
    for wrong in (y.reshape(-1), y.reshape(1, *y.shape), y[:1]):
        with pytest.raises(ValueError, match="expected dy of shape"):
            layer.backward(wrong, cache)


def test_two_groups_give_what_two_batches_give():
    """groups=2: outputs, input and parameter gradients, and the running statistics, updated twice."""
    x, dy = (asarray(random.standard_normal((6, 3, 2, 4))) for _ in range(2))
    together, alone = layers.BatchNorm(4).astype("float64"), layers.BatchNorm(4).astype("float64")
    y, cache = together.forward(x, groups=2)
    dx = together.backward(dy, cache)
    halves = [alone.forward(part) for part in (x[:3], x[3:])]
    d_halves = [alone.backward(part, half[1]) for part, half in zip((dy[:3], dy[3:]), halves, strict=True)]
    for whole, parts in ((y, [half[0] for half in halves]), (dx, d_halves)):
        np.testing.assert_allclose(to_numpy(whole), np.concatenate([to_numpy(part) for part in parts]), rtol=1e-12)
    for name in ("gamma", "beta"):
        np.testing.assert_allclose(
            to_numpy(getattr(together, name).grad), to_numpy(getattr(alone, name).grad), rtol=1e-12
        )
    for name in ("running_mean", "running_var"):
        np.testing.assert_allclose(to_numpy(getattr(together, name)), to_numpy(getattr(alone, name)), rtol=1e-12)
    with pytest.raises(ValueError, match="expected 2 batches of one size"):
        together.forward(x[:3], groups=2)


def test_a_network_passes_groups_to_its_layers():
    """Sequential and Conditional: y of two groups is the concatenation of what each batch gives alone."""

    def branch():
        return layers.Sequential(layers.Dense(3, 4), layers.BatchNorm(4))

    labels = asarray(np.array([0, 1, 1, 2, 0, 2]))
    label_path = layers.Sequential(layers.Embedding(3, 3), layers.BatchNorm(3))
    network = layers.Conditional(branch(), label_path, layers.Sequential(layers.Dense(7, 2), layers.BatchNorm(2)))
    network = network.astype("float64")
    x = asarray(random.standard_normal((6, 3)))
    y, _ = network.forward((x, labels), groups=2)
    halves = [to_numpy(network.forward((x[part], labels[part]))[0]) for part in (slice(0, 3), slice(3, 6))]
    np.testing.assert_allclose(to_numpy(y), np.concatenate(halves), rtol=1e-10, atol=1e-12)
    assert np.abs(to_numpy(network.forward((x, labels))[0]) - to_numpy(y)).max() > 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("slope", [0, 0.2, 1])
def test_leaky_relu_of_infinity(slope, dtype):
    """Alone, in the readable definition, and after a normalization; a slope of 0 is ReLU."""
    x = asarray(np.array([[np.inf], [-np.inf], [np.nan], [-2.0], [3.0]], dtype))
    expected = np.array([np.inf, -np.inf if slope else 0, np.nan, -2 * slope, 3], dtype)
    zero, one = asarray(np.zeros(1, dtype)), asarray(np.ones(1, dtype))
    statistics = normalization.Statistics(zero[None], one[None])
    results = [
        layers.LeakyReLU(slope).forward(x)[0],
        elementwise.leaky_relu(x, slope),
        ops.normalize(x[None], statistics, one, zero, slope)[0],
        normalization.normalize(x[None], statistics, one, zero, slope)[0],
    ]
    if slope == 0:
        results.append(layers.ReLU().forward(x)[0])
    for y in results:
        assert y.dtype == dtype
        np.testing.assert_array_equal(to_numpy(y).ravel(), expected)


@pytest.mark.parametrize(("train", "groups"), [(True, 1), (False, 1), (True, 2)])
@pytest.mark.parametrize("slope", [0.2, 0.0])
def test_batch_norm_with_an_activation_is_the_two_layers_in_one(train, groups, slope):
    x, dy = (asarray(random.standard_normal((6, 3, 2, 4))) for _ in range(2))
    one = layers.BatchNorm(4, activation=layers.LeakyReLU(slope)).astype("float64")
    two = layers.Sequential(layers.BatchNorm(4), layers.LeakyReLU(slope)).astype("float64")
    results = []
    for network, norm in ((one, one), (two, two.layers[0])):
        norm.beta.value[...] = asarray(np.array([0.3, -0.5, 0, 2]))
        y, cache = network.forward(x, train, groups)
        dx = network.backward(dy, cache)
        frozen = network.backward(dy, cache, param_grads=False)
        results.append([y, dx, frozen, norm.gamma.grad, norm.beta.grad, norm.running_mean, norm.running_var])
    for fused, separate in zip(*results, strict=True):
        np.testing.assert_allclose(to_numpy(fused), to_numpy(separate), rtol=1e-12, atol=1e-13)
    assert np.abs(to_numpy(results[0][1])).max() > 0.01
    assert one.backward(dy, one.forward(x, train)[1], input_grad=False) is None


def test_batch_norm_takes_any_number_of_axes():
    x = asarray(random.standard_normal((2, 3, 2, 2, 3, 4)))
    y = to_numpy(layers.BatchNorm(4).forward(x)[0])
    np.testing.assert_allclose(y.reshape(-1, 4).mean(axis=0), 0, atol=1e-12)


def test_labels_that_are_not_integers_are_refused():
    with pytest.raises(TypeError, match="integer labels, got float64"):
        layers.Embedding(3, 2).forward(np.array([0.0, 1.0]))


def test_batch_norm_refuses_an_activation_without_a_fused_formula():
    with pytest.raises(TypeError, match="expected a LeakyReLU"):
        layers.BatchNorm(3, activation=layers.Tanh())


def test_dropout_preserves_the_mean():
    mg.backend.seed(0)
    y, _ = layers.Dropout(0.3).forward(asarray(np.ones((100, 1000))))
    kept = to_numpy(y) > 0
    # 100,000 draws: the standard deviation of the mean is √(0.3·0.7 / 10⁵) = 0.0014; the limit is five of them.
    assert abs(kept.mean() - 0.7) < 0.007
    np.testing.assert_allclose(to_numpy(y)[kept], 1 / 0.7)
