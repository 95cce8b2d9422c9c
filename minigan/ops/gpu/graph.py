"""A training step as one CUDA graph: recorded once, then replayed with a single call.

A step consists of about a hundred kernels of a few microseconds each. If they are launched one by one from Python, the
host is the bottleneck; a graph launches them all at once. A recording holds addresses: the arrays of the step keep
theirs (their memory comes from a pool that lives as long as the graph), and whatever changes from step to step, such as
Adam's step count, the counter of the random stream and the cursor into the epoch, is advanced by the kernels, on the
device.
"""

import gc
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from minigan.backend import xp


@cache
def step_stream() -> Any:
    """The stream of all steps: CUDA's default stream cannot be recorded.

    All steps share it, since they share scratch memory and must not run at the same time. It is a blocking stream, so
    work on the default stream, which is launched before or after a step, is ordered with it.
    """
    return xp.cuda.Stream()


class GraphStep:
    """step() as a CUDA graph: run `warm_up` times as it is, recorded the next time, and replayed from then on.

    step: a function without arguments that only launches kernels: it must not read from the device, nor depend on
    Python values that change. If it cannot be recorded, a warning says why, and every further call runs step() itself.

    Steps run on a stream of their own (step_stream), from whichever thread; the caller's current stream stays current.
    """

    def __init__(self, step: Callable[[], Any], warm_up: int = 2) -> None:
        self.step, self.warm_up = step, warm_up
        self.graph: Any = None
        self.failed = False

    def __call__(self) -> None:
        """Run the step once, by replaying the graph if there is one."""
        with step_stream():
            if self.graph is None and not self.failed:
                if self.warm_up > 0:  # compiles kernels and allocates scratch memory, which a recording must not do
                    self.warm_up -= 1
                    self.step()
                    return
                self._record()
            if self.failed:
                self.step()
            else:
                self.graph.launch()

    def _record(self) -> None:
        """Record the step into self.graph, or warn and set self.failed."""
        self.pool = xp.cuda.MemoryPool()
        stream = step_stream()
        graph = error = None
        stream.synchronize()
        # A finalizer of some forgotten object must not call CUDA in the middle of the recording, which would end it.
        gc.collect()
        collects_garbage = gc.isenabled()
        gc.disable()
        try:
            with xp.cuda.using_allocator(self.pool.malloc):
                stream.begin_capture()
                try:
                    self.step()
                except Exception as raised:
                    error = raised
                finally:
                    graph = stream.end_capture()
        except Exception as raised:  # the recording could not begin, or an operation of the step has ended it
            error = error or raised
        finally:
            if collects_garbage:
                gc.enable()
        if error is None:
            self.graph = graph
        else:
            self.failed = True
            warnings.warn(
                f"the training step cannot be recorded as a CUDA graph ({type(error).__name__}: {error}); "
                "it runs kernel by kernel, which is slower",
                RuntimeWarning,
                stacklevel=4,
            )
