"""The CuPy backend without a GPU: the same tests and the same training step on a strict fake (strict_cupy.py)."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minigan import backend
from minigan.bench import gpu

TESTS = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.skipif(backend.name != "numpy", reason="the fake is compared with the NumPy backend"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator of CUDA kernels needs g++"),
]

SAME_TESTS = [
    "layers/test_gradients.py",
    "test_gradcheck.py",
    "test_random.py",
    "ops/test_reference.py",
    "ops/test_convolution.py",
    "layers/test_contract.py",
    "test_losses.py",
    "test_optim.py",
    "test_gan.py",
    "models/test_models.py",
    "ops/gpu/test_operations.py",
]


def run_on_the_fake(*arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"} | {
        "MINIGAN_BACKEND": "cupy",
        "MINIGAN_HYPOTHESIS": "few",
        "PYTHONPATH": os.pathsep.join([str(TESTS / "support"), str(TESTS.parent)]),
    }
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=TESTS.parent, capture_output=True, text=True, timeout=600
    )


def test_the_suite_passes_on_the_fake():
    done = run_on_the_fake(
        "-m", "pytest", "-q", "-p", "strict_cupy", "-p", "no:cacheprovider", *(str(TESTS / name) for name in SAME_TESTS)
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


TRAIN = """
import json, os, sys
from contextlib import nullcontext
if os.environ.get("MINIGAN_BACKEND") == "cupy":
    from strict_cupy import no_host_reads
else:
    no_host_reads = nullcontext
import numpy as np
from minigan import data
from minigan.inference.classifier import classify
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training import loop

settings, folder = json.loads(sys.argv[1]), RunFolder.create(sys.argv[2])
config = Config(batch_size=8, width=4, latent_dim=16, epochs=1, **settings)
trainer = loop.make_trainer(config, data.load("shapes", count=64))
with no_host_reads():
    for _ in range(3):
        trainer.step()
row = trainer.read_metrics()
trainer.save(folder)
trainer.load(folder.latest_checkpoint())
if settings.get("model") == "classifier":
    outputs = np.rint(255 * classify(trainer.classifier, trainer.dataset.images[:8], trainer.dtype)[0])
else:
    outputs = trainer.samples(4)
print(json.dumps([row, outputs.astype(int).ravel().tolist()]))
"""


@pytest.mark.parametrize(
    ("settings", "precision", "tolerance"),
    [
        ({"discriminator_steps": 2}, "fp64", 1e-10),
        ({"discriminator_steps": 2}, "fp32", 1e-3),
        ({"generator_steps": 2}, "fp64", 1e-10),
        ({"model": "cgan", "ema": 0.9, "generator_batch_size": 4, "label_smoothing": 0.1}, "fp64", 1e-10),
        ({"model": "dense-gan", "flip": True}, "fp64", 1e-10),
        ({"model": "classifier"}, "fp64", 1e-10),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_a_training_step_reads_nothing_back_and_computes_the_same(tmp_path, settings, precision, tolerance):
    """The CUDA kernels on the fake, against the CPU's operations: the same numbers, up to rounding."""
    settings = json.dumps(settings | {"precision": precision})
    on_fake = run_on_the_fake("-c", TRAIN, settings, str(tmp_path / "fake"))
    assert on_fake.returncode == 0, on_fake.stderr
    command = [sys.executable, "-c", TRAIN, settings, str(tmp_path / "numpy")]
    on_numpy = subprocess.run(command, capture_output=True, text=True)
    assert on_numpy.returncode == 0, on_numpy.stderr
    (fake_row, fake_outputs), (row, outputs) = json.loads(on_fake.stdout), json.loads(on_numpy.stdout)
    assert fake_row == pytest.approx(row, rel=tolerance)
    differences = [abs(a - b) for a, b in zip(fake_outputs, outputs, strict=True)]
    assert max(differences) <= 1  # of 255, if a value lies between two
    assert sum(differences) < len(differences) / 1000


LAUNCHES = """
import strict_cupy
from minigan import data
from minigan.runs.config import Config
from minigan.training import loop
config = Config(batch_size=8, width=4, objective="{objective}")
trainer = loop.make_trainer(config, data.load("shapes", count=64), graph=False)
trainer.step()
before = strict_cupy.launches
with strict_cupy.no_host_reads():
    trainer.step()
print(strict_cupy.launches - before)
"""


@pytest.mark.parametrize("objective", ["non-saturating", "minimax", "least-squares"])
def test_a_step_is_at_most_a_hundred_launches(objective):
    """All of it: noise, the real batch, both networks forward and backward, Adam, the sums of the logged metrics."""
    done = run_on_the_fake("-c", LAUNCHES.format(objective=objective))
    assert done.returncode == 0, done.stderr
    assert 80 <= int(done.stdout) <= 100


def test_importing_and_sampling_leave_the_current_stream_alone():
    code = """
import strict_cupy, cupy
current, null = cupy.cuda.get_current_stream, cupy.cuda.Stream.null
with cupy.cuda.Stream() as own:
    import minigan as mg
    import minigan.training, minigan.ops.gpu.graph
    assert current() is own
    mg.backend.synchronize()
from minigan.inference.generate import generate
generator, _ = mg.models.dcgan(width=4, latent_dim=16)
seen = set()
put_in_order = strict_cupy.put_in_order
strict_cupy.put_in_order = lambda: (seen.add(current()), put_in_order())
generate(generator, mg.random.default_stream.normal((2, 16)))
assert seen == {null}
assert current() is null
"""
    done = run_on_the_fake("-c", code)
    assert done.returncode == 0, done.stderr


def test_synchronize_waits_for_the_stream_of_the_training_steps():
    code = """
import strict_cupy, cupy
from minigan import backend, data
from minigan.ops.gpu.graph import step_stream
from minigan.runs.config import Config
from minigan.training import loop
trainer = loop.make_trainer(Config(batch_size=8, width=4, latent_dim=16), data.load("shapes", count=64))
for _ in range(4):
    trainer.step()
    assert strict_cupy.get_current_stream() is cupy.cuda.Stream.null
trainer.run_device_step()
assert strict_cupy.last_stream is step_stream()
backend.synchronize()
assert strict_cupy.last_stream is None
"""
    done = run_on_the_fake("-c", code)
    assert done.returncode == 0, done.stderr


def test_the_fake_is_strict():
    """A fake that accepts everything would prove nothing."""
    code = """
import threading
import numpy as np, pytest
import strict_cupy, cupy
a = cupy.zeros((2, 3), "float32")
for forbidden in (
    lambda: a + np.ones((2, 3), "float32"),
    lambda: np.ones((2, 3), "float32") * a,
    lambda: np.add(a, a),
    lambda: np.asarray(a),
    lambda: a.__setitem__(0, np.zeros(3)),
    lambda: a[np.array([0, 1])],
    lambda: cupy.maximum(a, np.zeros(3)),
    lambda: a * cupy.zeros((2, 3), "float64"),
):
    with pytest.raises(TypeError):
        forbidden()
for reading in (lambda: float(a.sum()), lambda: bool(a.sum() > 0), a.get, lambda: list(a)):
    reading()
    with strict_cupy.no_host_reads(), pytest.raises(AssertionError, match="read on the host"):
        reading()

current, null, stream = cupy.cuda.get_current_stream, cupy.cuda.Stream.null, cupy.cuda.Stream()
with pytest.raises(RuntimeError, match="cannot capture on the default"):
    null.begin_capture()
with stream:
    assert current() is stream
    stream.begin_capture()
    for forbidden in (
        a.get, stream.synchronize, cupy.cuda.Device().synchronize, lambda: cupy.asarray([1.0]), lambda: a @ a.T,
        lambda: float(a.sum()),
    ):
        with pytest.raises(RuntimeError, match="while the stream is capturing"):
            forbidden()
    with null, pytest.raises(RuntimeError, match="work on the default stream"):
        a + 1
    b = a + 1
    a += b
    graph = stream.end_capture()
assert current() is null
assert (a.get() == 0).all() and np.isnan(b.get()).all()  # recorded, not run
graph.launch()
graph.launch()
assert (a.get() == 3).all()
before = strict_cupy.launches
a += 1
b = a.T.reshape(6) * 2
assert strict_cupy.launches == before + 3  # the addition, the copy of the reshape, the product

with stream:
    seen = []
    thread = threading.Thread(target=lambda: seen.append(current()))
    thread.start()
    thread.join()
    assert seen == [null]  # streams are current for one thread
cupy.cuda.Device().synchronize()
for first, second in (
    (stream, cupy.cuda.Stream()),
    (null, cupy.cuda.Stream(non_blocking=True)),
    (cupy.cuda.Stream(non_blocking=True), null),
):
    with first:
        a += 1
    with second, pytest.raises(AssertionError, match="two streams that nothing orders"):
        a += 1
    first.synchronize()
    with second:
        a += 1
    cupy.cuda.Device().synchronize()
for first, second in ((stream, null), (null, stream)):
    with first:
        a += 1
    with second:
        a += 1
"""
    done = run_on_the_fake("-c", code)
    assert done.returncode == 0, done.stderr


def minigan_on_the_fake(*arguments):
    environment = os.environ | {
        "MINIGAN_BACKEND": "cupy",
        "PYTHONPATH": os.pathsep.join([str(TESTS / "support" / "fake"), str(TESTS / "support")]),
    }
    return subprocess.run(
        [sys.executable, "-m", "minigan", *arguments], env=environment, capture_output=True, text=True
    )


def test_the_command_line_trains_resumes_and_samples_on_a_gpu(tmp_path):
    """A run in tf32 as a CUDA graph, resumed without one; its samples, which the CPU generates too."""
    run = tmp_path / "run"
    settings = ["--batch-size", "8", "--width", "4", "--latent-dim", "8", "--precision", "tf32", "--out", str(run)]
    done = minigan_on_the_fake("train", "--max-steps", "5", *settings)
    assert done.returncode == 0, done.stderr
    config = json.loads((run / "config.json").read_text())
    assert (config["precision"], config["backend"]) == ("tf32", "cupy")
    done = minigan_on_the_fake("train", "--resume", str(run), "--max-steps", "7", "--no-graph")
    assert done.returncode == 0, done.stderr
    done = minigan_on_the_fake("sample", str(run), "--count", "2", "--out", str(tmp_path / "fake.npz"))
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "minigan", "sample", str(run), "--count", "2", "--out", str(tmp_path / "cpu.npz")]
    subprocess.run(command, check=True, capture_output=True)
    images = [np.load(tmp_path / name)["arr_0"].astype(int) for name in ("fake.npz", "cpu.npz")]
    assert np.abs(images[0] - images[1]).max() <= 3  # of 255: tf32 against fp32
    refused = subprocess.run(
        [*command[:3], "train", *settings[:-1], str(tmp_path / "other")], capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert "--precision tf32: expected fp32 or fp64 on the CPU" in refused.stderr


def test_the_benchmark_of_a_gpu():
    """The figures mean nothing here; the engines, the requests and the table are those of a GPU."""
    arguments = "bench --batch-size 4 --width 4 --rounds 1 --seconds 0.001 --precision tf32 --json"
    done = minigan_on_the_fake(*arguments.split())
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [r["engine"] for r in results] == ["minigan", "minigan-no-graph"]
    assert all(r["floor_arithmetic_ms"] > 0 and r["host_ms_per_step"] > 0 for r in results)
    text = "\n".join(gpu.table(results))
    for words in ("minigan-no-graph", "imaginary GPU, tf32, one CUDA graph", "s/epoch", "cuBLAS"):
        assert words in text
    refused = minigan_on_the_fake("bench", "--against", "tensorflow")
    assert refused.returncode == 2
    assert "known: torch" in refused.stderr


def without_cupy(*arguments):
    """The minigan command if `import cupy` fails, whether it is installed or not."""
    code = f"import sys; sys.modules['cupy'] = None; from minigan.cli import main; main({list(arguments)!r})"
    environment = os.environ | {"MINIGAN_BACKEND": "cupy"}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_without_cupy_there_is_one_clear_line():
    report = without_cupy("doctor")
    assert report.returncode == 0
    assert "backend      none: MINIGAN_BACKEND=cupy, but CuPy cannot be imported" in report.stdout
    train = without_cupy("train", "--max-steps", "1")
    assert train.returncode == 2
    assert train.stderr.count("\n") == 1
    assert "pip install 'minigan[cuda13x]'" in train.stderr


def test_only_the_backend_imports_cupy():
    package = TESTS.parent / "minigan"
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name not in ("backend.py", "doctor.py"):
            assert not re.search(r"import cupy\b", text), path
            assert 'backend.name == "' not in text, path
