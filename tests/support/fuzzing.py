"""Feeds damaged files to a reader of the project: `python fuzzing.py READER COUNT SEED FOLDER` prints JSON.

Seeds are made here, each small. An input is a seed whose bits are flipped and whose parts are cut, repeated, inserted
or overwritten; of a compressed or structured file, also the content before it is compressed, and single values. A
reader may return, raise UserError with one line, or leave an image out with the warning; anything else is a failure,
and so are more than MAX_SECONDS and more than MAX_BYTES.
"""

import gzip
import io
import json
import os
import random
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mutations import mutate, mutate_csv, mutate_json, within_gzip, within_safetensors, within_tar, within_zip
from small_files import cifar_pickles, idx, image, images_of, make_run, make_tar

from minigan import data
from minigan.data import cifar10
from minigan.errors import UserError
from minigan.evaluation import diagnosis
from minigan.evaluation.history import RunHistory
from minigan.inference.sampler import Sampler, epoch_grids
from minigan.report import frames
from minigan.runs import checkpoint
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder

MAX_SECONDS = 5
MAX_BYTES = 2**29  # above what the process has when it starts
MAX_MESSAGE = 400  # characters, without the folder; the command line cuts it to 300
LEFT_OUT = re.compile(r"(skipped|left out) \d+ of \d+ (files|entries)|left out \d+")  # the warning of an image folder


class TooSlow(BaseException):
    """Raised by the alarm: no `except Exception` can catch it."""


@dataclass
class Reader:
    """seeds: bytes of small files; path: where an input is written; read: what reads it; more: other mutations."""

    seeds: Sequence[bytes]
    path: Path
    read: Callable[[], object]
    more: Callable[[random.Random, bytes], bytes] | None = None


IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "OTHER")
FILES = ("idx", "idx.gz", "npz", "cifar-pickle", "cifar-binary", "cifar.tar.gz", "checkpoint", "config.json",
         "metrics.csv", "scores.csv", "scores.json", "grid.png")  # fmt: skip
NAMES = IMAGE_FORMATS + FILES


def make_reader(name, folder):
    if name in IMAGE_FORMATS:
        root = folder / "images"
        root.mkdir()
        image("RGB").save(root / "good.png")
        path = root / f"x.{'png' if name == 'OTHER' else name.lower()}"
        return Reader(images_of(name), path, lambda: data.load("folder", root, image_size=8))
    if name.startswith("idx"):
        return idx_reader(folder, packed=name.endswith("gz"))
    if name == "npz":
        file, pixels = io.BytesIO(), np.zeros((6, 28, 28), np.uint8)
        labels = np.arange(6, dtype=np.uint8)
        np.savez_compressed(file, x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
        path = folder / "mnist.npz"
        return Reader([file.getvalue()], path, lambda: data.load("mnist", path), within_zip)
    if name.startswith("cifar"):
        return cifar_reader(name, folder)
    return run_reader(name, folder)


def idx_reader(folder, packed):
    root, ending = folder / "idx", ".gz" if packed else ""
    root.mkdir()
    pixels, labels = idx(np.zeros((6, 28, 28), np.uint8)), idx(np.arange(6, dtype=np.uint8))
    (root / "train-labels-idx1-ubyte").write_bytes(labels)
    path = root / f"train-images-idx3-ubyte{ending}"
    seeds = [gzip.compress(pixels, 1) if packed else pixels]
    return Reader(seeds, path, lambda: data.load("mnist", root), within_gzip if packed else None)


def cifar_reader(name, folder):
    cifar10.IMAGES_PER_FILE, cifar10.BINARY_SIZE = 4, 4 * 3073  # small files
    if name == "cifar.tar.gz":
        seeds = [make_tar({"cifar-10-batches-py/test_batch": raw}) for raw in cifar_pickles()]
        path = root = folder / "cifar-10-python.tar.gz"
        more = within_tar
    else:
        binary = name == "cifar-binary"
        root = folder / (cifar10.BINARY if binary else cifar10.PICKLED)
        root.mkdir()
        path = root / ("test_batch.bin" if binary else "test_batch")
        seeds = [b"".join(bytes([label]) + bytes(3072) for label in range(4))] if binary else cifar_pickles()
        more = None
    return Reader(seeds, path, lambda: data.load("cifar10", root, split="test"), more)


def run_reader(name, folder):
    run, trainer = make_run(folder)

    def read_history():
        folder = RunFolder.open(run.path)
        Config.from_dict(folder.read_config())
        folder.read_metrics()
        folder.read_scores()
        diagnosis.diagnose(RunHistory(run.path))

    def read_and_cut_log():
        read_history()
        run.drop_rows_after(10)

    def read_checkpoint():
        saved_run = checkpoint.load(run.checkpoint_path(1))
        sampler = Sampler(saved_run)
        sampler.generate(sampler.noise(2, 0))
        trainer.load(saved_run)

    def read_grids():
        epoch_grids(run)
        frames.frames(run)

    table = {
        "checkpoint": (run.checkpoint_path(1), read_checkpoint, within_safetensors),
        "config.json": (run.config_path, read_history, mutate_json),
        "metrics.csv": (run.metrics_path, read_and_cut_log, mutate_csv),
        "scores.csv": (run.scores_path, read_and_cut_log, mutate_csv),
        "scores.json": (run.path / "scores.json", read_history, mutate_json),
        "grid.png": (run.epoch_samples(2), read_grids, None),
    }
    path, read, more = table[name]
    seeds = images_of("PNG") if name == "grid.png" else []
    seeds += [path.read_bytes()] * 10
    if name.endswith("s.csv"):  # the one that is not mutated must be there again for each input
        other = run.scores_path if path == run.metrics_path else run.metrics_path
        content, inner = other.read_bytes(), read

        def read():
            other.write_bytes(content)
            inner()

    return Reader(seeds, path, read, more)


def limit_memory():
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MAX_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def problem_of(reader, folder):
    """What is wrong with the reading of one input: (outcome, problem or None)."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS)
        try:
            reader.read()
            outcome, problem = "accepted", None
        except UserError as error:
            outcome, problem = "refused", problem_of_message(str(error), folder)
        except TooSlow:
            outcome, problem = "failed", f"more than {MAX_SECONDS} seconds {place(sys.exc_info()[2])}"
        except BaseException as error:
            outcome, problem = "failed", f"{type(error).__name__}: {str(error)[:100]} {place(error.__traceback__)}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    for warning in seen:
        message = str(warning.message)
        if LEFT_OUT.search(message):
            outcome = "left out"
        elif warning.category is UserWarning and message.startswith(str(folder)):  # the project's own, about the file
            problem = problem or problem_of_message(message, folder)
        elif problem is None:
            outcome = "failed"
            problem = f"warning {warning.category.__name__}: {message[:100]} ({Path(warning.filename).name})"
    return outcome, problem


def problem_of_message(message, folder):
    short = message.replace(str(folder), "")
    if len(short) > MAX_MESSAGE:
        return f"a message of {len(short)} characters: {short[:80]!a}"
    return None if short.isprintable() else f"a message with control characters: {ascii(short)[:200]}"


def place(trace):
    """The project's own innermost line in a traceback, and the innermost of all."""
    frames_of = traceback.extract_tb(trace)
    own = [frame for frame in frames_of if "/minigan/" in frame.filename.replace(os.sep, "/")]
    lines = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (*own[-1:], *frames_of[-1:])]
    return f"at {' in '.join(dict.fromkeys(reversed(lines)))}"


def fuzz(name, count, seed, folder):
    """{accepted, refused, left out, failed: counts, problems: {problem: [count, file]}}"""
    rng = random.Random(f"{name} {seed}")
    reader = make_reader(name, folder)
    counts = dict.fromkeys(("accepted", "refused", "left out", "failed"), 0)
    problems = {}

    def alarm(*_):
        raise TooSlow

    signal.signal(signal.SIGALRM, alarm)
    os.fsync = lambda file: None  # the disk is not what is tested, and it is slow
    for raw in reader.seeds:  # what is read lazily is in memory before the limit is set
        reader.path.write_bytes(raw)
        problem_of(reader, folder)
    limit_memory()
    kept = folder / "kept"
    kept.mkdir()
    for i in range(count):
        if i < len(reader.seeds):  # the seeds themselves are inputs, too
            raw = reader.seeds[i]
        else:
            change = reader.more if reader.more is not None and rng.random() < 0.5 else mutate
            raw = change(rng, rng.choice(reader.seeds))
        reader.path.write_bytes(raw)
        outcome, problem = problem_of(reader, folder)
        counts[outcome] += 1
        if problem is not None:
            # One for each kind of exception and line, or for each beginning of a message.
            key = re.sub(r": .*(?=at |\()|\d+", "", problem)[:100]
            if key not in problems:
                file = kept / f"{i}-{reader.path.name}"
                file.write_bytes(raw)
                problems[key] = [0, problem, str(file)]
            problems[key][0] += 1
    return counts | {"problems": sorted(problems.values(), key=lambda entry: -entry[0])}


if __name__ == "__main__":
    reader_name, number, start, place_to_work = sys.argv[1:]
    print(json.dumps(fuzz(reader_name, int(number), int(start), Path(place_to_work))))
