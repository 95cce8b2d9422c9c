"""One engine in a process of its own: it reads requests, and replies with the seconds that they took.

    python -m minigan.bench.worker ENGINE BATCH_SIZE WIDTH PRECISION

Requests are lines: `train 5` runs five training steps, `sample 5` generates five batches, `host 5` launches five
training steps without waiting for a GPU to finish them, `memory` replies with the peak memory of the process, or with
the memory in use on the GPU. Replies are JSON.
"""

import json
import sys
import time

from minigan.bench.engine import Engine
from minigan.errors import UserError


def serve(engine: Engine) -> None:
    """Reply to the requests on standard input, line by line."""
    for line in sys.stdin:
        request, *count = line.split()
        reply = engine.memory() if request == "memory" else seconds(engine, request, int(count[0]))
        print(json.dumps(reply), flush=True)


def seconds(engine: Engine, request: str, count: int) -> float:
    """The seconds that `count` training steps ("train", or "host" without waiting) or batches ("sample") take."""
    run = engine.sample if request == "sample" else engine.train
    engine.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        run()
    if request != "host":
        engine.synchronize()
    return time.perf_counter() - start


def main(name: str, batch_size: str, width: str, precision: str) -> None:
    """Build the engine called `name`, reply with its description, and serve; exit with one line if that fails."""
    try:
        from minigan import backend
        from minigan.bench import cpu, gpu

        backend.set_precision(precision)
        engine = (cpu.ENGINES if backend.on_cpu else gpu.ENGINES)[name](int(batch_size), int(width))
        for _ in range(2):
            engine.train()
        engine.synchronize()
    except (UserError, MemoryError) as error:
        sys.exit(f"minigan: error: {name}: {error}")
    print(json.dumps(engine.description), flush=True)
    serve(engine)


if __name__ == "__main__":
    main(*sys.argv[1:])
