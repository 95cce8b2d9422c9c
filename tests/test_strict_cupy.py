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

TESTS = Path(__file__).parent
pytestmark = [
    pytest.mark.skipif(backend.name != "numpy", reason="the fake is compared with the NumPy backend"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator of CUDA kernels needs g++"),
]

SAME_TESTS = [
    "test_gradients.py",
    "test_gradcheck.py",
    "test_reference.py",
    "test_convolution.py",
    "test_contract.py",
    "test_losses.py",
    "test_optim.py",
    "test_gan.py",
    "test_models.py",
    "test_cupy_ops.py",
]


def run_on_the_fake(*arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"} | {
        "MINIGAN_BACKEND": "cupy",
        "MINIGAN_HYPOTHESIS": "few",
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
    }
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=TESTS.parent, capture_output=True, text=True, timeout=600
    )


def test_the_suite_passes_on_the_fake():
    done = run_on_the_fake(
        "-m", "pytest", "-q", "-p", "strict_cupy", "-p", "no:cacheprovider", *(str(TESTS / name) for name in SAME_TESTS)
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


STEPS_OF = """
import json, sys
{install}
import numpy as np
from minigan import backend, data, plots, trainers, training
from minigan.config import Config
from minigan.run_folder import RunFolder

settings = dict(batch_size=8, width=4, latent_dim=16, epochs=1, precision="{precision}") | json.loads('{settings}')
trainer = training.trainer_of(Config(**settings), data.load("shapes", count=64))
with {guard}:
    for _ in range(3):
        trainer.step()
row = trainer.read()
folder = RunFolder.create(sys.argv[1])
trainer.save(folder)
trainer.load(folder.latest_checkpoint())
if settings.get("model") == "classifier":
    outputs = trainers.classify(trainer.classifier, trainer.dataset.images[:8], trainer.dtype)[0]
    outputs = np.rint(255 * outputs)
else:
    outputs = trainer.samples(4)
print(json.dumps([row, outputs.astype(int).ravel().tolist()]))
"""


@pytest.mark.parametrize(
    ("settings", "precision", "tolerance"),
    [
        ({"discriminator_steps": 2}, "fp64", 1e-10),
        ({"discriminator_steps": 2}, "fp32", 1e-3),
        ({"model": "cgan", "ema": 0.9, "generator_batch_size": 4, "label_smoothing": 0.1}, "fp64", 1e-10),
        ({"model": "dense-gan", "flip": True}, "fp64", 1e-10),
        ({"model": "classifier"}, "fp64", 1e-10),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_a_training_step_reads_nothing_back_and_computes_the_same(tmp_path, settings, precision, tolerance):
    """The CUDA kernels on the fake, against the CPU's operations: the same numbers, up to rounding."""
    steps = STEPS_OF.replace("{settings}", json.dumps(settings).replace("{", "{{").replace("}", "}}"))
    on_fake = run_on_the_fake(
        "-c",
        steps.format(install="import strict_cupy", guard="strict_cupy.no_host_reads()", precision=precision),
        str(tmp_path / "fake"),
    )
    assert on_fake.returncode == 0, on_fake.stderr
    code = steps.format(install="from contextlib import nullcontext", guard="nullcontext()", precision=precision)
    on_numpy = subprocess.run([sys.executable, "-c", code, str(tmp_path / "numpy")], capture_output=True, text=True)
    assert on_numpy.returncode == 0, on_numpy.stderr
    (fake_row, fake_samples), (row, samples) = json.loads(on_fake.stdout), json.loads(on_numpy.stdout)
    assert fake_row == pytest.approx(row, rel=tolerance)
    differences = [abs(a - b) for a, b in zip(fake_samples, samples, strict=True)]
    assert max(differences) <= 1  # of 255, where a value lies between two
    assert sum(differences) < len(differences) / 1000


LAUNCHES = """
import strict_cupy
from minigan import data, training
from minigan.config import Config
config = Config(batch_size=8, width=4, objective="{objective}")
trainer = training.Trainer(config, data.load("shapes", count=64), graph=False)
trainer.step()
before = strict_cupy.launches
with strict_cupy.no_host_reads():
    trainer.step()
print(strict_cupy.launches - before)
"""


@pytest.mark.parametrize("objective", ["non-saturating", "minimax", "least-squares"])
def test_a_step_is_at_most_a_hundred_launches(objective):
    """All of it: noise, the real batch, both networks forwards and backwards, Adam, the sums that are shown."""
    done = run_on_the_fake("-c", LAUNCHES.format(objective=objective))
    assert done.returncode == 0, done.stderr
    assert 80 <= int(done.stdout) <= 100


def test_the_fake_is_strict():
    """A fake that lets everything pass would prove nothing."""
    code = """
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
stream = cupy.cuda.Stream(non_blocking=True)
stream.begin_capture()
for forbidden in (a.get, stream.synchronize, lambda: cupy.asarray([1.0]), lambda: a @ a.T, lambda: float(a.sum())):
    with pytest.raises(RuntimeError, match="while the stream is capturing"):
        forbidden()
b = a + 1
a += b
graph = stream.end_capture()
assert (a.get() == 0).all() and np.isnan(b.get()).all()  # recorded, not run
graph.launch()
graph.launch()
assert (a.get() == 3).all()
before = strict_cupy.launches
a += 1
b = a.T.reshape(6) * 2
assert strict_cupy.launches == before + 3  # the addition, the copy of the reshape, the product
"""
    done = run_on_the_fake("-c", code)
    assert done.returncode == 0, done.stderr


def minigan_on_the_fake(*arguments):
    environment = os.environ | {
        "MINIGAN_BACKEND": "cupy",
        "PYTHONPATH": os.pathsep.join([str(TESTS / "fake"), str(TESTS)]),
    }
    return subprocess.run(
        [sys.executable, "-m", "minigan", *arguments], env=environment, capture_output=True, text=True
    )


def test_the_command_line_trains_resumes_and_samples_on_a_gpu(tmp_path):
    """A run in tf32 as a CUDA graph, gone on with without one; its pictures, also on the CPU."""
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
    pictures = [np.load(tmp_path / name)["arr_0"].astype(int) for name in ("fake.npz", "cpu.npz")]
    assert np.abs(pictures[0] - pictures[1]).max() <= 3  # of 255: tf32 against fp32
    refused = subprocess.run(
        [*command[:3], "train", *settings[:-1], str(tmp_path / "other")], capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert "--precision tf32: a GPU's" in refused.stderr


def test_the_benchmark_of_a_gpu():
    """The figures mean nothing here; the engines, the orders and the table are those of a GPU."""
    done = minigan_on_the_fake(
        *[
            "bench",
            "--batch-size",
            "4",
            "--width",
            "4",
            "--rounds",
            "1",
            "--seconds",
            "0.001",
            "--precision",
            "tf32",
            "--json",
        ]
    )
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
    """The minigan command where `import cupy` fails, whether it is installed or not."""
    code = f"import sys; sys.modules['cupy'] = None; from minigan.cli import main; main({list(arguments)!r})"
    environment = os.environ | {"MINIGAN_BACKEND": "cupy"}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_without_cupy_there_is_one_clear_line():
    doctor = without_cupy("doctor")
    assert doctor.returncode == 0
    assert "backend      none: MINIGAN_BACKEND=cupy, but CuPy cannot be imported" in doctor.stdout
    train = without_cupy("train", "--max-steps", "1")
    assert train.returncode == 2
    assert train.stderr.count("\n") == 1
    assert "pip install 'minigan[cuda13x]'" in train.stderr


def test_only_the_backend_asks_which_backend_it_is():
    package = TESTS.parent / "minigan"
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name not in ("backend.py", "doctor.py"):
            assert not re.search(r"import cupy\b", text), path
            assert 'backend.name == "' not in text, path
