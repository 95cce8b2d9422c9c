"""parallel_for: slices, the number of workers, the user's BLAS settings, and the same bits every time."""

import os
import subprocess
import sys

import numpy as np
import pytest

from minigan import backend
from minigan.ops.cpu import elementwise, im2col, operations, threads

pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="these are the threads of the CPU's operations")

STEPS = """
import hashlib, numpy as np, minigan as mg
mg.backend.seed(0)
g, d = mg.models.dcgan(width=32)
og, od = mg.optim.Adam(g.parameters()), mg.optim.Adam(d.parameters())
real = mg.backend.random.uniform((16, 32, 32, 3)) * 2 - 1
for _ in range(3):
    mg.gan.discriminator_step(g, d, real, mg.backend.random.normal((16, 128)), mg.losses.NonSaturating(), od)
    mg.gan.generator_step(g, d, mg.backend.random.normal((16, 128)), mg.losses.NonSaturating(), og)
print(hashlib.sha256(og.values.tobytes() + od.values.tobytes()).hexdigest(), float(og.values.std()))
"""


def run_steps(num_threads):
    """(hash, standard deviation) of the weights after three training steps, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS],
        env=os.environ | {"MINIGAN_NUM_THREADS": str(num_threads)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    digest, std = done.stdout.split()
    return digest, float(std)


def test_the_same_number_of_threads_gives_the_same_bits():
    first = run_steps(3)
    assert [run_steps(3) for _ in range(3)] == [first] * 3
    digest, std = run_steps(1)
    assert digest != first[0]  # another order of additions
    assert std == pytest.approx(first[1], rel=1e-4)


@pytest.mark.parametrize("value", ["0", "many", "-1", "1.5", "99999"])
def test_a_bad_number_of_threads_is_a_one_line_error(value):
    done = subprocess.run(
        [sys.executable, "-m", "minigan", "doctor"],
        env=os.environ | {"MINIGAN_NUM_THREADS": value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == f"minigan: error: MINIGAN_NUM_THREADS={value}: expected a number of threads from 1 to 1024\n"


def test_the_users_blas_threads_are_restored():
    from threadpoolctl import threadpool_info, threadpool_limits

    def blas_threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        inside = threads.parallel_for(lambda start, stop: blas_threads(), 1)
        assert set(inside[0]) == {1}
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError):
            threads.parallel_for(lambda start, stop: 1 / 0, 5)
        assert blas_threads() == before


@pytest.mark.parametrize("num_threads", [1, 2, 3, 7])
def test_slices_cover_every_item_once_and_in_order(monkeypatch, num_threads):
    monkeypatch.setattr(threads, "num_threads", num_threads)
    for count in (1, 2, 5, 100):
        slices = threads.parallel_for(lambda start, stop: (start, stop), count)
        assert [i for start, stop in slices for i in range(start, stop)] == list(range(count))
        assert len(slices) <= num_threads
    assert len(threads.parallel_for(lambda start, stop: None, 100, minimum=60)) == 1


@pytest.mark.parametrize(("batch", "expected"), [(8, 1), (16, 2), (64, 3)])
def test_small_operations_run_on_one_core(batch, expected, monkeypatch):
    """14×14 images, 32 to 64 channels: 2.5 million multiply-adds each with the copying, so a worker needs 7 of them."""
    workers = []

    def counting_parallel_for(function, count, minimum=1):
        results = threads.parallel_for(function, count, minimum)
        workers.append(len(results))
        return results

    monkeypatch.setattr(threads, "num_threads", 3)
    for module in (im2col, elementwise):
        monkeypatch.setattr(module, "parallel_for", counting_parallel_for)
    geometry = (2, 2), ((1, 1), (1, 1))
    x, w, dy = np.ones((batch, 14, 14, 32)), np.ones((4, 4, 32, 64)), np.ones((batch, 7, 7, 64))
    operations.conv2d(x, w, *geometry)
    operations.conv2d_grad_input(dy, w, (14, 14), *geometry)
    operations.conv2d_grad_weight(x, dy, (4, 4), *geometry)
    rows = np.ones((batch * 49, 512))  # the same number of multiply-adds
    operations.matmul(rows, np.ones((512, 100)))
    assert workers == [expected] * 4


FORK = """
import multiprocessing, threading, warnings
import numpy as np
import minigan as mg
from minigan.ops.cpu import threads
from threadpoolctl import threadpool_info

warnings.simplefilter("ignore")  # Python warns that threads do not survive a fork
layer, x = mg.layers.Conv2D(16, 32, 4, stride=2, padding="same"), np.ones((64, 16, 16, 16), "float32")
expected, cache = layer.forward(x)
before = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

def child():
    y, cache = layer.forward(x)
    layer.backward(y, cache)
    assert (y == expected).all()
    assert [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"] == before

def fork():
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    alive = process.is_alive()
    process.kill()
    return "hangs" if alive else process.exitcode

print(fork())
stop = threading.Event()
held = threading.Event()

def hold():  # another thread is within an operation, and in the critical section, while this one forks
    with threads.single_threaded_blas():
        held.set()
        stop.wait()

other = threading.Thread(target=hold)
other.start()
held.wait()
print(fork())
stop.set()
other.join()
child()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_child_process_works_after_a_fork():
    done = subprocess.run(
        [sys.executable, "-c", FORK],
        env=os.environ | {"MINIGAN_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["0", "0"]), done.stderr
