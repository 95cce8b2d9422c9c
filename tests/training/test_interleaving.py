"""Several trainings in one process: whatever else runs in between, each computes the same bits as alone."""

import functools
import itertools

import pytest

import minigan as mg
from minigan.inference import Sampler
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import make_trainer

SMALL = {"batch_size": 8, "width": 4, "latent_dim": 8}
KINDS = {
    "dcgan": {"ema": 0.9},
    "dropout": {"model": "convolutional-gan", "discriminator_steps": 2, "generator_steps": 3},
    "conditional": {"model": "cgan", "flip": True, "ema": 0.99},
    "fp64": {"model": "dense-gan", "data": "digits", "objective": "least-squares", "precision": "fp64"},
    "classifier": {"model": "classifier", "flip": True},
}
STEPS = 6  # into the second epoch


@functools.cache
def dataset(name):
    return mg.data.load(name, count=40)


class Recorded:
    """A training whose logged metrics are read after each step."""

    def __init__(self, kind, seed):
        config = Config(**SMALL | KINDS[kind], seed=seed)
        self.trainer, self.rows = make_trainer(config, dataset(config.data)), []

    def step(self):
        self.trainer.step()
        self.rows.append(self.trainer.read_metrics())

    def result(self):
        """The metrics of each step, all arrays, and the state of the random stream."""
        state = {
            (owner, name): (array.dtype, array.shape, array.tobytes())
            for owner, target in self.trainer.state.items()
            for name, array in target.state_dict().items()
        }
        return self.rows, state, self.trainer.random.state()


@functools.cache
def alone(kind, seed):
    run = Recorded(kind, seed)
    for _ in range(STEPS):
        run.step()
    return run.result()


def assert_same(result, expected):
    (rows, state, random_state), (expected_rows, expected_state, expected_random_state) = result, expected
    assert rows == expected_rows
    assert state.keys() == expected_state.keys()
    assert [name for name in state if state[name] != expected_state[name]] == []
    assert random_state == expected_random_state


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)], ids=["same seed", "two seeds"])
@pytest.mark.parametrize(("first", "second"), list(itertools.combinations_with_replacement(KINDS, 2)))
def test_two_interleaved_trainings_are_each_the_same_as_alone(first, second, seeds):
    """The second is created after the first has taken a step; from then on they take steps in turn."""
    a = Recorded(first, seeds[0])
    a.step()
    b = Recorded(second, seeds[1])
    for _ in range(STEPS - 1):
        b.step()
        a.step()
    b.step()
    assert_same(a.result(), alone(first, seeds[0]))
    assert_same(b.result(), alone(second, seeds[1]))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "classifier"])
def test_a_training_with_sampling_in_its_middle_is_the_same_as_alone(tmp_path, kind):
    """Samples, the end of an epoch, a checkpoint and a sampler of it; new networks; numbers of the default stream."""
    run, folder = Recorded(kind, 0), RunFolder.create(tmp_path / "run")
    for epoch in range(STEPS):
        run.step()
        run.trainer.samples(3)
        run.trainer.end_epoch(folder, epoch)
        run.trainer.save(folder)
        sampler = Sampler(folder.latest_checkpoint())
        sampler.generate(sampler.noise(3, epoch))
        mg.models.dcgan(width=4)
        mg.random.seed(epoch)
        mg.random.default_stream.normal((3, 5))
    assert_same(run.result(), alone(kind, 0))


def test_a_classifier_that_is_tested_in_its_middle_is_trained_the_same_as_alone(tmp_path):
    run, folder = Recorded("classifier", 0), RunFolder.create(tmp_path / "run")
    for epoch in range(STEPS):
        run.step()
        if epoch % 3 == 0:
            run.trainer.end_epoch(folder, epoch)
    assert_same(run.result(), alone("classifier", 0))


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_gives_another_training(kind):
    """Otherwise the tests above would show nothing."""
    rows, state, random_state = alone(kind, 0)
    other_rows, other_state, other_random_state = alone(kind, 1)
    assert rows != other_rows
    assert state != other_state
    assert random_state != other_random_state
