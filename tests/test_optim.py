"""Adam beyond its formula, which test_reference.py checks: flat buffers, versions, errors, its state."""

import copy
import pickle

import numpy as np
import pytest

import minigan as mg
from minigan import layers
from minigan.backend import asarray, to_numpy
from minigan.errors import CheckpointError
from minigan.initializers import normal
from minigan.layers import Param
from minigan.random import RandomStream
from minigan.runs.config import Config
from minigan.training.ema import EMA
from minigan.training.gan import GanTrainer


def params(dtype="float64"):
    random = np.random.default_rng(2)
    return [Param(random.standard_normal(shape).astype(dtype)) for shape in [(2, 3), (3,), (1, 2, 2)]]


def test_gathering_changes_no_value():
    ps = params()
    before = [np.array(to_numpy(p.value)) for p in ps]
    optimizer = mg.optim.Adam(ps)
    for p, value in zip(ps, before, strict=True):
        assert (to_numpy(p.value) == value).all()
        p.grad += 1
    assert to_numpy(optimizer.grads).sum() == 6 + 3 + 4  # the gradients are views into one buffer
    optimizer.zero_grad()
    assert not any(to_numpy(p.grad).any() for p in ps)


def test_the_first_step_is_lr_times_the_sign_of_the_gradient():
    (p,) = ps = [Param(np.zeros(4))]
    optimizer = mg.optim.Adam(ps, lr=0.1, eps=0)
    p.grad += asarray(np.array([1e-6, -3.0, 1e6, -1e-3]))
    optimizer.step()
    np.testing.assert_allclose(to_numpy(p.value), [-0.1, 0.1, -0.1, 0.1], rtol=1e-12)


def test_a_step_increases_versions_and_updates_in_place():
    ps = params()
    optimizer = mg.optim.Adam(ps)
    values = [p.value for p in ps]
    optimizer.step()
    assert [p.version for p in ps] == [1, 1, 1]
    assert all(p.value is value for p, value in zip(ps, values, strict=True))


def test_a_restored_state_continues_bit_for_bit():
    def steps(optimizer, ps, count, random):
        for _ in range(count):
            optimizer.zero_grad()
            for p in ps:
                p.grad += asarray(random.standard_normal(p.value.shape).astype("float32"))
            optimizer.step()

    ps = params("float32")
    optimizer = mg.optim.Adam(ps)
    random = np.random.default_rng(0)
    steps(optimizer, ps, 3, random)
    others = [Param(np.array(to_numpy(p.value))) for p in ps]
    other = mg.optim.Adam(others)
    other.load_state_dict(optimizer.state_dict())
    state = random.bit_generator.state
    steps(optimizer, ps, 3, random)
    random.bit_generator.state = state
    steps(other, others, 3, random)
    for p, q in zip(ps, others, strict=True):
        assert (to_numpy(p.value) == to_numpy(q.value)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mg.optim.Adam([]), "at least one Param"),
        (lambda: mg.optim.Adam(params()[:1] * 2), "one of them twice"),
        (lambda: mg.optim.Adam([*params(), *params("float32")]), "one dtype, got float32, float64"),
        (lambda: mg.optim.Adam(params(), lr=0), "lr above 0"),
        (lambda: mg.optim.Adam(params(), lr=float("nan")), "lr above 0"),
        (lambda: mg.optim.Adam(params(), betas=(0.9, 1.0)), "two betas"),
        (lambda: mg.optim.Adam(params(), eps=-1), "eps"),
    ],
)
def test_invalid_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_parameters_replaced_later_are_an_error():
    layer = mg.layers.Dense(2, 2)
    optimizer = mg.optim.Adam(layer.parameters())
    layer.astype("float64")
    with pytest.raises(RuntimeError, match="create the optimizer last"):
        optimizer.step()
    layer = mg.layers.Dense(2, 2)
    first, _ = mg.optim.Adam(layer.parameters()), mg.optim.Adam(layer.parameters())
    with pytest.raises(RuntimeError, match="second"):
        first.step()


def test_a_replaced_gradient_is_an_error():
    layer = mg.layers.Dense(2, 2)
    optimizer = mg.optim.Adam(layer.parameters())
    layer.weight.grad = layer.weight.grad + 1
    with pytest.raises(RuntimeError, match="write in place"):
        optimizer.step()


def test_moments_of_another_network_are_refused():
    optimizer = mg.optim.Adam(params())
    with pytest.raises(CheckpointError, match=r"expected m of shape \(13,\), got \(3,\)"):
        optimizer.load_state_dict({"m": np.zeros(3), "v": np.zeros(3), "t": np.zeros(())})
    with pytest.raises(CheckpointError, match="got nothing"):
        optimizer.load_state_dict({})


def pickled(objects):
    return pickle.loads(pickle.dumps(objects))


each_copy = pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled], ids=["deepcopy", "pickle"])


def network_with_everything(seed=3):
    """Every kind of state: parameters, running statistics, a random stream of its own, children of children."""
    stream = RandomStream(seed)
    return layers.Sequential(
        layers.Reshape(2, 2, 1),
        layers.Conv2D(1, 3, 3, padding="same", initializer=normal(0.5, stream)),
        layers.Sequential(layers.BatchNorm(3, activation=layers.LeakyReLU()), layers.Dropout(0.3, stream)),
        layers.ConvTranspose2D(3, 1, 2, stride=2, initializer=normal(0.5, stream)),
        layers.Flatten(),
        layers.Dense(16, 1, initializer=normal(0.5, stream)),
    )


def train(network, optimizer, average=None, steps=3):
    """State after a few steps: of the network, its optimizer and, if there is one, its moving average."""
    x = asarray(np.random.default_rng(1).standard_normal((5, 4)).astype("float32"))
    for _ in range(steps):
        y, cache = network.forward(x)
        optimizer.zero_grad()
        network.backward(y, cache)
        optimizer.step()
        if average is not None:
            average.update(optimizer.t)
    state = network.state_dict() | optimizer.state_dict()
    return state | ({} if average is None else {f"average.{n}": a for n, a in average.average.state_dict().items()})


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@each_copy
@pytest.mark.parametrize("order", ["network first", "optimizer first", "in a dictionary"])
def test_a_copy_of_network_and_optimizer_trains_like_the_original(duplicate, order):
    """Copies of views would be separate arrays, which step() does not update."""
    network = network_with_everything()
    optimizer = mg.optim.Adam(network.parameters(), lr=0.01)
    start = train(network, optimizer)
    if order == "network first":
        ours = duplicate((network, optimizer))
    elif order == "optimizer first":
        ours = duplicate((optimizer, network))[::-1]
    else:
        ours = duplicate({"adam": optimizer, "networks": [network]})
        ours = ours["networks"][0], ours["adam"]
    copied = train(*ours)
    assert_equal(start, network.state_dict() | optimizer.state_dict())  # the original has not moved
    assert_equal(copied, train(network, optimizer))
    assert all((copied[name] != start[name]).any() for name, _ in network.named_parameters())


@each_copy
def test_a_copy_with_a_moving_average_trains_like_the_original(duplicate):
    network = network_with_everything()
    optimizer, average = mg.optim.Adam(network.parameters(), lr=0.01), EMA(network, 0.9)
    train(network, optimizer, average)
    copied = train(*duplicate((network, optimizer, average)))
    assert_equal(copied, train(network, optimizer, average))
    alone = duplicate(average)  # its network comes with it
    assert alone.network is not network
    assert_equal(alone.average.state_dict(), average.average.state_dict())


@each_copy
def test_a_copy_of_a_network_alone_is_a_network_of_its_own(duplicate):
    """Its arrays are no views into the original's buffers, and a new optimizer trains it."""
    network = network_with_everything()
    optimizer = mg.optim.Adam(network.parameters(), lr=0.01)
    start = train(network, optimizer)
    alone = duplicate(network)
    first = train(alone, mg.optim.Adam(alone.parameters(), lr=0.01))
    assert_equal(start, network.state_dict() | optimizer.state_dict())
    assert all((first[name] != start[name]).any() for name, _ in network.named_parameters())
    train(network, optimizer)
    assert not any(np.shares_memory(to_numpy(p.value), to_numpy(optimizer.values)) for p in alone.parameters())


@each_copy
def test_two_networks_copied_with_both_optimizers_play_on(duplicate):
    def play(generator, discriminator, adam_g, adam_d):
        real = asarray(np.random.default_rng(2).uniform(-1, 1, (4, 8, 8, 1)).astype("float32"))
        z = asarray(np.random.default_rng(3).standard_normal((4, 5)).astype("float32"))
        objective = mg.losses.NonSaturating()
        losses = [
            mg.gan.discriminator_step(generator, discriminator, real, z, objective, adam_d),
            mg.gan.generator_step(generator, discriminator, z, objective, adam_g),
        ]
        return {"losses": np.array([to_numpy(loss) for loss in losses])} | generator.state_dict()

    networks = mg.models.dcgan(8, 1, latent_dim=5, width=2, random=RandomStream(0))
    game = (*networks, *(mg.optim.Adam(network.parameters()) for network in networks))
    play(*game)
    ours = duplicate(game)
    for _ in range(3):
        assert_equal(play(*ours), play(*game))


def test_a_deep_copy_of_a_trainer_continues_like_the_original():
    """Networks, optimizers, moving average, batches and the random stream stay connected with each other."""
    config = Config(model="cgan", data="digits", width=2, batch_size=8, latent_dim=4, ema=0.9, flip=True, epochs=1)
    trainer = GanTrainer(config, mg.data.load("digits"), graph=False)
    trainer.step()
    ours = copy.deepcopy(trainer)
    states = []
    for one in (ours, trainer):
        for _ in range(2):
            one.step()
        states.append({f"{name}.{n}": a for name, part in one.state.items() for n, a in part.state_dict().items()})
        states[-1] |= {"metrics": np.array(list(one.read_metrics().values())), "step": np.array(one.step_count)}
    assert_equal(*states)
