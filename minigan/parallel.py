"""Workers: the batch cut into slices, one for each core, every slice with single-threaded BLAS.

BLAS's own threads meet at the end of every product, and the element-wise passes between the products would run on
one core. Here a worker takes its slice through a whole operation, in chunks that stay in its cache. NumPy releases
the interpreter's lock in products and element-wise operations, so Python threads are enough.

The slices depend on the number of workers alone, and results are combined in their order: the same number of
threads gives the same bits, whatever the scheduling.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from minigan.errors import UserError

# Multiply-adds that are worth a worker, about half a millisecond: to wake it and wait for it takes 0.1 to 0.3. Cut in
# two on two cores, a product of 6 million takes 1.8 times as long, of 25 to 50 million 0.8 to 1.2 times, of 134 million
# 0.65 times. A step of example 8 takes 9.7 ms, and 15.8 if everything is cut; docs/performance.md has more.
LEAST_PRODUCTS = 2**24


def usable_cores():
    """Cores that this process may run on: its affinity, and the CPU limit of its container (cgroup)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _cgroup_limit() or cores))


def _cgroup_limit():
    """CPUs that a container grants, rounded up, or None."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:  # noqa: PTH123, a file of the kernel's
            quota, period = file.read().split()
        return None if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        return None


def _read_thread_count():
    asked = os.environ.get("MINIGAN_NUM_THREADS", "").strip()
    if not asked:
        return usable_cores()
    if not asked.isdecimal() or not 1 <= int(asked) <= 1024:
        raise UserError(f"MINIGAN_NUM_THREADS={asked}: expected a number of threads from 1 to 1024")
    return int(asked)


threads = _read_thread_count()
_pool = ThreadPoolExecutor(max(1, threads - 1), thread_name_prefix="minigan")  # its threads start when they are needed

_lock = threading.Lock()
_depth = 0
_controller: Any = None
_limit: Any = None


@contextmanager
def single_threaded_blas():
    """BLAS with one thread inside, as the user had it outside; entering and leaving takes 7 µs."""
    global _depth, _controller, _limit
    with _lock:
        if _depth == 0:
            if _controller is None:
                from threadpoolctl import ThreadpoolController

                _controller = ThreadpoolController().select(user_api="blas")
            _limit = _controller.limit(limits=1)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _limit.restore_original_limits()


def over_slices(function, count, least=1):
    """[function(start, stop), ...] over at most `threads` slices of range(count), in order, at the same time.

    least: fewer than this many items are not worth a second worker.
    """
    parts = max(1, min(threads, count // max(1, least)))
    bounds = [count * part // parts for part in range(parts + 1)]
    with single_threaded_blas():
        if parts == 1:
            return [function(0, count)]
        # In a copy of the caller's context, where np.errstate is kept: a warning it has silenced stays silent.
        futures = [
            _pool.submit(copy_context().run, function, *pair) for pair in zip(bounds[1:-1], bounds[2:], strict=True)
        ]
        first = function(bounds[0], bounds[1])  # the calling thread is a worker too
        return [first, *(future.result() for future in futures)]
