"""A training step as one CUDA graph: recorded once, replayed with a single call.

A step is about a hundred kernels of some microseconds each. Launched one by one from Python, the host is the slower of
the two; a graph hands them over together. What is recorded are addresses: the arrays of the step stay where they are
(their memory comes from a pool that lives as long as the graph), and whatever changes from step to step, such as Adam's
count, the random counter and the place in the epoch, is counted on by kernels, on the device.
"""

import gc
import warnings
from typing import Any

from minigan.backend import xp


class GraphStep:
    """step() as a CUDA graph: run `warm_up` times as it is, recorded the next time, and replayed from then on.

    step: a function without arguments that only launches kernels: it must not read from the device, nor depend on
    Python values that change. Where the recording fails, a warning says why, and every further call runs step() itself.
    """

    def __init__(self, step, warm_up=2):
        self.step, self.warm_up = step, warm_up
        self.graph: Any = None
        self.failed = False

    def __call__(self):
        if self.graph is None and not self.failed:
            if self.warm_up > 0:  # compiles the kernels and makes the scratch memory, which a recording must not
                self.warm_up -= 1
                return self.step()
            self._record()
        return self.step() if self.failed else self.graph.launch()

    def _record(self):
        stream, self.pool = xp.cuda.get_current_stream(), xp.cuda.MemoryPool()
        stream.synchronize()
        gc.collect()
        gc.disable()  # an array freed inside the recording would be freed again by every replay
        error = graph = None
        try:
            with xp.cuda.using_allocator(self.pool.malloc):
                stream.begin_capture()
                try:
                    self.step()
                except Exception as raised:
                    error = raised
                finally:
                    try:
                        graph = stream.end_capture()
                    except Exception as raised:
                        error = error or raised
        finally:
            gc.enable()
        if error is None:
            self.graph = graph
        else:
            self.failed = True
            warnings.warn(
                f"the training step cannot be recorded as a CUDA graph ({type(error).__name__}: {error}); "
                "it runs kernel by kernel, which is slower",
                RuntimeWarning,
                stacklevel=3,
            )
