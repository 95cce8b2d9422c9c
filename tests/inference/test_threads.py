"""Sampling in one thread while another trains gives what each gives alone, and so do two samplings."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from minigan import data
from minigan.inference.sampler import Sampler, sample
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import make_trainer, train

SETTINGS = {"width": 4, "latent_dim": 8, "batch_size": 16, "epochs": 2, "log_every": 5}


def trained(path, **settings):
    """The folder of a run on 320 digits, which is trained here."""
    trainer = make_trainer(Config.of_run(data="digits", **SETTINGS | settings), data.load("digits", count=320))
    train(trainer, folder := RunFolder.create(path))
    return folder


def in_threads(*functions):
    """The results of functions that run at the same time, each in a thread of its own."""
    results, start = [None] * len(functions), threading.Barrier(len(functions))

    def run(index):
        start.wait()
        results[index] = functions[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# With two BLAS threads of the user's, the last bits of a conditional GAN depend on the thread that it is trained in.
@pytest.mark.parametrize(("model", "blas_threads"), [("dcgan", None), ("cgan", 1)])
def test_sampling_during_a_training_changes_neither(tmp_path, request, model, blas_threads):
    request.addfinalizer(threadpool_limits(blas_threads, user_api="blas").restore_original_limits)
    alone = trained(tmp_path / "alone", model=model).latest_checkpoint()
    images = sample(alone, 50, seed=4)

    def many():
        return [sample(alone, 50, seed=4) for _ in range(20)]

    def other():
        return trained(tmp_path / "together", model=model).latest_checkpoint()

    together, sampled, again = in_threads(other, many, many)
    assert together.step == alone.step
    assert together.random_state == alone.random_state
    for name, array in alone.arrays.items():
        assert together.arrays[name].tobytes() == array.tobytes(), name
    for found in sampled + again:
        np.testing.assert_array_equal(found, images)


def test_two_trainings_at_the_same_time_are_those_of_each_alone(tmp_path):
    seeds = (1, 2)
    alone = [trained(tmp_path / f"alone-{seed}", seed=seed).latest_checkpoint() for seed in seeds]
    together = in_threads(*(lambda seed=seed: trained(tmp_path / f"both-{seed}", seed=seed) for seed in seeds))
    for one, folder in zip(alone, together, strict=True):
        for name, array in folder.latest_checkpoint().arrays.items():
            assert one.arrays[name].tobytes() == array.tobytes(), name


def test_one_sampler_in_several_threads(tmp_path):
    sampler = Sampler(trained(tmp_path / "run").latest_checkpoint())
    expected = [sampler.generate(sampler.noise(30, seed)) for seed in range(4)]
    found = in_threads(*(lambda seed=seed: sampler.generate(sampler.noise(30, seed)) for seed in range(4)))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
