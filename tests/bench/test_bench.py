"""The benchmark counts the right arithmetic, its workers reply to requests, and its peers do the same work."""

import types

import pytest

from minigan import backend, bench
from minigan.bench.arithmetic import bytes_per_step, flop_per_image
from minigan.bench.process import WorkerProcess, times_faster
from minigan.errors import UserError
from minigan.models import dcgan


def test_arithmetic_of_the_reference_networks():
    """By hand: a discriminator of 3-64-128-256-512 channels, 4×4 kernels, 32 to 2 pixels, and its mirror."""
    first = 16 * 16 * 64 * 48
    convolutions = first + 8 * 8 * 128 * 1024 + 4 * 4 * 256 * 2048 + 2 * 2 * 512 * 4096
    of_generator = 4 * convolutions + 3 * 128 * 2048
    of_discriminator = 8 * (convolutions + 2048) - 2 * first
    assert flop_per_image(64) == 2 * (of_generator + of_discriminator)


def test_traffic_of_the_reference_networks():
    """By hand: the output of each layer, in three passes of the generator and six of the discriminator, plus Adam."""
    blocks = 2 * 2 * 512 + 4 * 4 * 256 + 8 * 8 * 128 + 16 * 16 * 64  # each a convolution and its normalization
    of_generator = 2048 + 2 * blocks + 2 * 32 * 32 * 3
    of_discriminator = 2 * blocks + 2048 + 1
    parameters = sum(param.value.size for network in dcgan() for param in network.parameters())
    assert bytes_per_step(64, 10) == 28 * parameters + 10 * 12 * (3 * of_generator + 6 * of_discriminator)


@pytest.mark.skipif(not backend.on_cpu, reason="the CPU's engine")
def test_a_worker_replies_to_requests():
    worker = WorkerProcess("minigan", 4, 2)
    try:
        assert worker.description.startswith("minigan ")
        assert worker.request("memory") > 10
        worker.measure("train", 2)
        worker.measure("sample", 1)
        assert all(len(seconds) == 1 and 0 < seconds[0] < 60 for seconds in worker.times.values())
    finally:
        worker.close()
    assert worker.process.poll() == 0


@pytest.mark.skipif(not backend.on_cpu, reason="a precision that the CPU does not have")
def test_a_worker_that_cannot_start_says_why_in_one_line(capfd):
    with pytest.raises(UserError, match="the minigan engine stopped with status 1, see above"):
        WorkerProcess("minigan", 4, 2, precision="tf32")
    error = capfd.readouterr().err
    assert error.startswith("minigan: error: minigan: --precision tf32: expected")
    assert error.count("\n") == 1


@pytest.mark.skipif(not backend.on_cpu, reason="the CPU's engine")
def test_a_worker_that_stopped_is_reported():
    worker = WorkerProcess("minigan", 4, 2)
    worker.process.kill()
    worker.process.wait()
    with pytest.raises(UserError, match="the minigan engine stopped with status"):
        worker.request("train 1")
    worker.close()


def test_ratios_are_taken_within_a_round():
    ours = types.SimpleNamespace(times={"train": [1.0, 4.0, 2.0]})  # the machine was busy in the second round
    theirs = types.SimpleNamespace(times={"train": [2.0, 8.0, 5.0]})
    assert times_faster(ours, theirs, "train") == 2


def test_the_table_has_a_line_for_each_engine():
    ours = {
        "engine": "minigan",
        "description": "minigan 0.1.0, numpy 2.4.6",
        "batch_size": 128,
        "width": 64,
        "rounds": 5,
        "images_per_second": 370.4,
        "slowest_round": 368.2,
        "fastest_round": 394.9,
        "minigan_trains_faster_by": 1.0,
        "samples_per_second": 4541.0,
        "minigan_samples_faster_by": 1.0,
        "gflops": 229.4,
        "blas_peak_gflops": 364.1,
        "of_blas_peak": 0.63,
        "peak_memory_mib": 259.3,
    }
    peer = ours | {
        "engine": "torch-eager",
        "description": "PyTorch 2.13.0",
        "images_per_second": 247.0,
        "minigan_trains_faster_by": 1.5,
        "minigan_samples_faster_by": 1.63,
    }
    assert bench.table([ours, peer]) == [
        "DCGAN of width 64, batch 128; a training step is one discriminator step and one generator step; "
        "medians of 5 rounds",
        "BLAS peak in the same rounds: 364 GFLOP/s",
        "                      training  slowest-  minigan  nominal  of BLAS  sampling  minigan  memory",
        "engine                images/s   fastest       is  GFLOP/s     peak  images/s       is     MiB",
        "minigan                    370   368-395   1.00 ×      229      63%      4541   1.00 ×     259",
        "torch-eager                247   368-395   1.50 ×      229      63%      4541   1.63 ×     259",
        "",
        "minigan: minigan 0.1.0, numpy 2.4.6",
        "torch-eager: PyTorch 2.13.0",
    ]


def test_the_tensorflow_peer_has_the_same_networks():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install '.[tensorflow]'")
    from minigan.bench import tensorflow_peer

    for ours, theirs in zip(dcgan(width=8), tensorflow_peer.dcgan(8), strict=True):
        trainable = sum(int(v.shape.num_elements() or 1) for v in theirs.trainable_variables)
        assert trainable == sum(param.value.size for param in ours.parameters())
