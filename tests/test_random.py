"""Random streams: independent of each other, reproducible, and shared only where that is intended."""

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import minigan as mg
from minigan import backend
from minigan.backend import asarray, on_cpu, to_numpy
from minigan.layers import Dense, Dropout, LeakyReLU, Sequential
from minigan.random import RandomStream, default_stream


def draws(stream, count=4):
    """Numbers of both kinds, in sizes that do not fill the generator's blocks of four."""
    numbers = [stream.normal((3, 2)) if index % 2 else stream.uniform(5) for index in range(count)]
    return np.concatenate([to_numpy(array).ravel() for array in numbers])


def same_arrays(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


def test_interleaved_streams_give_what_each_gives_alone():
    alone = [draws(RandomStream(seed)) for seed in (1, 2)]
    streams = [RandomStream(seed) for seed in (1, 2)]
    mixed = [[], []]
    for index in range(4):
        for stream, numbers in zip(streams, mixed, strict=True):
            numbers.append(to_numpy(stream.normal((3, 2)) if index % 2 else stream.uniform(5)).ravel())
    for numbers, expected in zip(mixed, alone, strict=True):
        assert (np.concatenate(numbers) == expected).all()
    assert (alone[0] != alone[1]).all()


def test_a_seed_determines_the_numbers_and_restarts_the_stream():
    stream = RandomStream(5)
    first = draws(stream)
    assert (draws(stream) != first).all()
    stream.seed(5)
    assert (draws(stream) == first).all()
    assert (draws(RandomStream([5, 1])) != first).all()
    with pytest.raises(ValueError, match="non-negative"):
        RandomStream(-1)


def test_a_state_restores_the_stream_and_passes_through_json():
    stream, other = RandomStream(7), RandomStream(8)
    draws(stream)
    state = json.loads(json.dumps(stream.state()))
    expected = draws(stream)
    other.restore(state)
    assert (draws(other) == expected).all()
    stream.restore(state)
    assert stream.state() == state
    assert (draws(stream) == expected).all()


def test_shapes_and_dtypes():
    stream = RandomStream(0)
    for draw in (stream.normal, stream.uniform):
        for shape, expected in ((3, (3,)), ((), ()), ((2, 3), (2, 3)), ([2, 1, 4], (2, 1, 4)), ((0, 3), (0, 3))):
            for dtype in ("float32", "float64"):
                array = draw(shape, dtype)
                assert array.shape == expected
                assert array.dtype == dtype


def test_the_dtype_changes_only_the_rounding():
    a, b = RandomStream(3), RandomStream(3)
    np.testing.assert_allclose(to_numpy(a.normal(100)), to_numpy(b.normal(100, "float64")), rtol=1e-6)
    assert (to_numpy(a.uniform(100)) == to_numpy(b.uniform(100, "float64"))).all()


def test_the_distributions():
    """Means and standard deviations within five standard errors, and the limits of the uniform numbers."""
    n = 40_000
    normal, uniform = (to_numpy(draw(n, "float64")) for draw in (RandomStream(1).normal, RandomStream(2).uniform))
    assert abs(normal.mean()) < 5 / n**0.5
    assert abs(normal.std() - 1) < 5 / (2 * n) ** 0.5
    assert abs(uniform.mean() - 0.5) < 5 * (1 / 12 / n) ** 0.5
    assert 0 <= uniform.min() < 0.001
    assert 0.999 < uniform.max() < 1


def test_the_backend_has_shorthands_for_the_default_stream():
    from minigan.backend import RandomStream as Stream
    from minigan.backend import random, seed

    assert random is default_stream is backend.random is mg.random.default_stream
    assert Stream is RandomStream is mg.random.RandomStream
    assert seed is mg.random.seed
    with pytest.raises(AttributeError, match="no attribute 'rendom'"):
        backend.rendom  # noqa: B018


def test_seeding_the_backend_restarts_the_default_stream():
    backend.seed(11)
    first = draws(backend.random)
    assert (first == draws(RandomStream(11))).all()
    mg.random.seed(11)
    assert (draws(default_stream) == first).all()


def test_initializers_and_dropout_use_the_default_stream_unless_given_another():
    x = asarray(np.ones((4, 50), "float32"))
    layer = Dropout(0.5)  # created before the seed is set: the stream is looked up at each forward pass
    backend.seed(2)
    first = [to_numpy(mg.initializers.normal()((3, 4), 3, 4)), to_numpy(layer.forward(x)[0])]
    backend.seed(2)
    again = [to_numpy(mg.initializers.normal()((3, 4), 3, 4)), to_numpy(layer.forward(x)[0])]
    for a, b in zip(first, again, strict=True):
        assert (a == b).all()
    assert (to_numpy(layer.forward(x)[0]) != first[1]).any()

    before = default_stream.state()
    stream = RandomStream(2)
    for initializer in (mg.initializers.normal(0.02, stream), mg.initializers.glorot_uniform(stream)):
        initializer((3, 4), 3, 4)
    Dropout(0.5, stream).forward(x)
    assert default_stream.state() == before
    assert stream.state() != RandomStream(2).state()


MODELS = {
    "dcgan": lambda random: mg.models.dcgan(8, 1, 4, 2, random),
    "dense_gan": lambda random: mg.models.dense_gan((4, 4, 1), 4, 2, random),
    "convolutional_gan": lambda random: mg.models.convolutional_gan(8, 1, 4, 2, random),
    "cgan": lambda random: mg.models.cgan(8, 1, 3, 4, 2, random),
    "classifier": lambda random: (mg.models.classifier((8, 8, 1), 3, 2, 4, random),),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_with_one_stream_seed_are_equal_whatever_the_default_stream_did(name):
    states = []
    for count in (1, 3):
        backend.seed(count)
        draws(default_stream, count)
        before = default_stream.state()
        states.append([network.state_dict() for network in MODELS[name](RandomStream(9))])
        assert default_stream.state() == before, "the model drew from the default stream"
    for a, b in zip(*states, strict=True):
        assert same_arrays(a, b)
    others = [network.state_dict() for network in MODELS[name](RandomStream(10))]
    assert not any(same_arrays(a, b) for a, b in zip(others, states[0], strict=True))


def test_a_model_without_a_stream_follows_the_default_one():
    for name, build in MODELS.items():
        backend.seed(4)
        first = [network.state_dict() for network in build(None)]
        second = [network.state_dict() for network in build(RandomStream(4))]
        assert all(same_arrays(a, b) for a, b in zip(first, second, strict=True)), name


def network_with_dropout(stream):
    random = stream or RandomStream(0)
    return Sequential(
        Dense(6, 8, initializer=mg.initializers.normal(0.5, random)),
        LeakyReLU(),
        Dropout(0.5, stream),
        Dropout(0.2, stream),
    )


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))], ids=["deepcopy", "pickle"]
)
def test_a_copied_network_continues_from_its_own_copy_of_the_stream(duplicate):
    x = RandomStream(1).normal((5, 6))
    network = network_with_dropout(RandomStream(3))
    network.forward(x)
    copied = duplicate(network)
    own, other = copied.random_streams()
    assert own is other, "both layers shared a stream, and so do their copies"
    assert own is not network.random_streams()[0]
    expected = [to_numpy(copied.forward(x)[0]) for _ in range(2)]  # draws nothing from the original's stream
    actual = [to_numpy(network.forward(x)[0]) for _ in range(2)]
    for a, b in zip(actual, expected, strict=True):
        assert (a == b).all()

    network = network_with_dropout(None)
    assert duplicate(network).random_streams() == [default_stream, default_stream]


def test_random_streams_lists_those_of_all_children():
    a, b = RandomStream(1), RandomStream(2)
    inner = mg.layers.Conditional(Dropout(0.1, a), Sequential(Dropout(0.2)), Sequential(Dense(3, 2), Dropout(0.3, b)))
    assert Sequential(LeakyReLU(), inner).random_streams() == [a, default_stream, b]
    assert not Dense(2, 3).random_streams()


IMPORTS = """
import pkgutil, sys, threading, warnings
import numpy, matplotlib, PIL  # what they change is theirs
import threadpoolctl

def state():
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "showwarning": id(warnings.showwarning),
        "formatwarning": id(warnings.formatwarning),
        "filters": list(warnings.filters),
        "numpy's random numbers": repr(numpy.random.get_state()),
        "numpy's errors": numpy.geterr(),
        "matplotlib": matplotlib.get_backend(auto_select=False),
        "excepthooks": (id(sys.excepthook), id(threading.excepthook)),
        "BLAS threads": sorted((pool["filepath"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()),
    }

before = state()
import ctypes
load = ctypes.CDLL
def refuse(name, *arguments, **keywords):
    if name is None:
        raise AssertionError("an import opened the C library, as keep_freed_memory does")
    return load(name, *arguments, **keywords)
ctypes.CDLL = refuse
import minigan
count = 0
for module in pkgutil.walk_packages(minigan.__path__, "minigan."):
    if not module.name.endswith(("__main__", "_peer")):  # the peers are other frameworks
        __import__(module.name)
        count += 1
after = state()
changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
assert not changed, changed
from minigan.random import RandomStream, default_stream
assert default_stream.state() == RandomStream(0).state(), "an import drew random numbers"
print(count)
"""


@pytest.mark.skipif(not on_cpu, reason="a GPU's libraries start threads of their own")
def test_importing_every_module_changes_nothing_in_the_process():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60
