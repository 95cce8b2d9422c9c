"""parallel_for: split an operation over worker threads, one for each core, each with single-threaded BLAS.

BLAS's own threads synchronize at the end of every product, and the element-wise passes between products would run on
one core. Here, a worker takes its slice of the batch through a whole operation, in chunks that stay in its cache. NumPy
releases the GIL (the lock of Python's interpreter) during products and element-wise operations, so threads are enough.

The slices depend only on the number of workers, and their results are combined in order: the same number of threads
gives the same bits, however the threads are scheduled.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

from minigan.errors import UserError
from minigan.foreign import printable
from minigan.ops.cpu.cores import usable_cores

Result = TypeVar("Result")

# A worker must have at least this many multiply-adds, about half a millisecond of work: waking it and waiting for it
# takes 0.1 to 0.3 ms. Split in two on two cores, a product of 6 million takes 1.8 times as long, one of 25 to 50
# million 0.8 to 1.2 times, one of 134 million 0.65 times. A step of example 8 takes 9.7 ms, but 15.8 ms if everything
# is split; docs/performance.md has more.
MIN_MULTIPLY_ADDS = 2**24


def _read_num_threads() -> int:
    value = os.environ.get("MINIGAN_NUM_THREADS", "").strip()
    if not value:
        return usable_cores()
    if not value.isdecimal() or len(value) > 9 or not 1 <= int(value) <= 1024:
        raise UserError(f"MINIGAN_NUM_THREADS={printable(value)}: expected a number of threads from 1 to 1024")
    return int(value)


num_threads = _read_num_threads()


def _new_pool() -> ThreadPoolExecutor:
    """The calling thread is a worker too. The pool starts its threads when they are first needed."""
    return ThreadPoolExecutor(max(1, num_threads - 1), thread_name_prefix="minigan")


_pool = _new_pool()
_lock = threading.Lock()
_depth = 0  # blocks of single_threaded_blas() that are open, in all threads
_own = threading.local()  # .depth: those of the calling thread
_controller: Any = None
_limit: Any = None


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Limit BLAS to one thread inside the block, and restore the user's setting after it; this takes 7 µs."""
    global _depth, _controller, _limit
    with _lock:
        if _depth == 0:
            if _controller is None:
                from threadpoolctl import ThreadpoolController

                _controller = ThreadpoolController().select(user_api="blas")
            _limit = _controller.limit(limits=1)
        _depth += 1
        _own.depth = getattr(_own, "depth", 0) + 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            _own.depth -= 1
            if _depth == 0:
                _limit.restore_original_limits()


def _after_fork() -> None:
    """Start anew in a child process: of all threads, only the one that forked exists there.

    The old pool would wait forever for its workers, and blocks of other threads would never end.
    """
    global _pool, _lock, _depth
    _abandoned.append(_pool)  # its threads are gone, so nothing must clean it up
    _pool, _lock = _new_pool(), threading.Lock()
    others, _depth = _depth, getattr(_own, "depth", 0)
    if others and not _depth:
        _limit.restore_original_limits()


_abandoned: list[ThreadPoolExecutor] = []
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=lambda: _lock.acquire(),
        after_in_parent=lambda: _lock.release(),
        after_in_child=_after_fork,
    )


def parallel_for(function: Callable[[int, int], Result], count: int, minimum: int = 1) -> list[Result]:
    """Split range(count) into at most `num_threads` slices; call function(start, stop) for each, at the same time.

    minimum: the smallest number of items that is worth a worker. Returns the results in order of the slices.
    """
    workers = max(1, min(num_threads, count // max(1, minimum)))
    bounds = [count * worker // workers for worker in range(workers + 1)]
    with single_threaded_blas():
        if workers == 1:
            return [function(0, count)]
        # Each worker runs in a copy of the caller's context, so that warnings silenced by np.errstate stay silent.
        futures = [
            _pool.submit(copy_context().run, function, start, stop)
            for start, stop in zip(bounds[1:-1], bounds[2:], strict=True)
        ]
        first = function(bounds[0], bounds[1])  # the calling thread takes the first slice
        return [first, *(future.result() for future in futures)]
