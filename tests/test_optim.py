"""Adam beyond its formula, which test_reference.py checks: flat buffers, versions, errors, its state."""

import copy
import pickle

import numpy as np
import pytest

import minigan as mg
from minigan.backend import asarray, to_numpy
from minigan.errors import CheckpointError
from minigan.layers import Param


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


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_a_copy_of_network_and_optimizer_trains_like_the_original(duplicate):
    """Copies of views would be separate arrays, which step() does not update."""
    network = mg.layers.Sequential(mg.layers.Dense(3, 4), mg.layers.Tanh(), mg.layers.Dense(4, 1))
    optimizer = mg.optim.Adam(network.parameters(), lr=0.01)
    x = mg.backend.random.normal((5, 3))

    def train(network, optimizer):
        for _ in range(3):
            y, cache = network.forward(x)
            optimizer.zero_grad()
            network.backward(y, cache)
            optimizer.step()
        return network.state_dict()

    start = train(network, optimizer)
    pair = duplicate((network, optimizer))
    unchanged = network.state_dict()
    ours = train(*pair)
    assert all((start[name] == array).all() for name, array in unchanged.items())
    theirs = train(network, optimizer)
    for name, array in theirs.items():
        assert (array == ours[name]).all()
        assert (array != start[name]).any()
