"""docs/extending.md is a program that trains; the files, tables and commands that CONTRIBUTING.md names exist."""

import csv
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from pages import ROOT, blocks, local_path

import minigan as mg
from minigan.backend import asarray, to_numpy

EXTENDING, CONTRIBUTING = ROOT / "docs/extending.md", ROOT / "CONTRIBUTING.md"
PROGRAM = "\n\n".join(blocks(EXTENDING, "python"))


# --- docs/extending.md ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipes():
    """The names that the program defines. What it registers is removed again."""
    from minigan import data, losses, models

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((models, "MODELS"), (data, "DATASETS"), (losses, "OBJECTIVES")):
            patch.setattr(module, name, dict(getattr(module, name)))
        names = {"__name__": "my_gan"}
        exec(compile(PROGRAM, str(EXTENDING), "exec"), names)
        yield names


def test_the_page_trains_and_samples_through_the_command_line(tmp_path):
    """As a reader would: the blocks in one file, then the commands of the page."""
    (tmp_path / "my_gan.py").write_text(PROGRAM, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    commands = [line for block in blocks(EXTENDING, "bash") for line in block.splitlines()]
    assert [shlex.split(command)[2] for command in commands] == ["train", "sample"]
    for command in commands:
        _, *arguments = shlex.split(command)
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
    with (tmp_path / "runs/stripes/metrics.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["step"] == "2"
    assert 1.5 < float(row["loss_d"]) < 2.5  # of the hinge loss, 2 at the start
    assert (tmp_path / "stripes.png").is_file()


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 4, 3)])
def test_the_layer_has_the_right_gradient(recipes, shape):
    layer = recipes["Scale"](3)
    layer.scale.value[...] = asarray(np.random.default_rng(1).uniform(0.5, 2, 3))
    mg.gradcheck.check(layer, asarray(np.random.default_rng(2).standard_normal(shape)))


def test_the_layer_keeps_the_contract(recipes):
    """Linear backward passes, the dtype of the input, added gradients, and an error for an old cache."""
    layer, x = recipes["Scale"](3), mg.backend.xp.ones((2, 3), "float32")
    y, cache = layer.forward(x)
    for _ in range(2):
        dx = layer.backward(x, cache)
    assert y.dtype == dx.dtype == x.dtype
    assert to_numpy(layer.scale.grad).tolist() == [4, 4, 4]
    layer.backward(x, cache, param_grads=False)
    assert to_numpy(layer.scale.grad).tolist() == [4, 4, 4]
    assert layer.backward(x, cache, input_grad=False) is None
    layer.scale.version += 1
    with pytest.raises(RuntimeError, match="weights"):
        layer.backward(x, cache)


@pytest.mark.parametrize("shape", [(1,), (5, 3), (2, 3, 3, 4)])
@pytest.mark.parametrize("std", [0.1, 5])
def test_the_operation_agrees_with_its_loops(recipes, shape, std):
    x = np.random.default_rng(4).normal(0, std, shape)
    actual, expected = recipes["softplus"](asarray(x)), recipes["softplus_in_loops"](x)
    np.testing.assert_allclose(to_numpy(actual), expected, rtol=1e-11, atol=1e-14)


def test_the_operation_does_not_overflow(recipes):
    assert to_numpy(recipes["softplus"](asarray([1000.0, -1000.0]))).tolist() == [1000, 0]


def test_the_objective_has_the_right_gradients_and_numbers(recipes):
    objective, random = recipes["Hinge"](), np.random.default_rng(3)
    real, fake = random.normal(0, 3, (20, 1)), random.normal(0, 3, (20, 1))
    mg.gradcheck.check(objective.discriminator, real, fake)
    mg.gradcheck.check(objective.generator, fake)
    undecided = np.zeros((4, 1))
    assert objective.discriminator(undecided, undecided)[0] == objective.balance
    assert objective.discriminator(undecided + 1, undecided - 1)[0] == objective.smallest_loss


def test_the_data_set_is_loaded_by_name(recipes):
    train, test = mg.data.load("stripes"), mg.data.load("stripes", split="test")
    assert train.images.shape == (512, 16, 16, 1)
    assert not np.array_equal(train.images, test.images)
    assert train.images.min() < 10
    assert train.images.max() > 245
    assert set(train.labels.tolist()) == {0, 1}
    horizontal = train.images[train.labels == 0]
    assert (horizontal == horizontal[:, :, :1]).all()  # constant along each row


# --- CONTRIBUTING.md -----------------------------------------------------------------------------------------


def test_the_checklists_name_tables_that_exist():
    text = CONTRIBUTING.read_text(encoding="utf-8").replace("\n", " ")
    named = re.findall(r"`(\w+)` in +\[[^\]]*\]\(([^)]+)\)", text)
    assert {"OBJECTIVES", "MODELS", "PRESETS", "DATASETS", "EVERY_LAYER"} <= {name for name, _ in named}
    for name, target in named:
        source = local_path(CONTRIBUTING, target).read_text(encoding="utf-8")
        assert re.search(rf"^{name}\b.* = ", source, re.MULTILINE), f"{target} has no {name}"


def test_there_is_a_checklist_for_every_kind_of_addition():
    text = CONTRIBUTING.read_text(encoding="utf-8")
    for kind in ("A layer", "An operation", "An objective", "A model", "A data set"):
        assert f"\n**{kind}**\n1. " in text


def command_lines():
    return [line for block in blocks(CONTRIBUTING, "bash") for line in block.splitlines()]


def test_the_commands_name_files_that_exist():
    paths = [word for line in command_lines() for word in shlex.split(line) if word.startswith(("tests/", "docs", "."))]
    paths = [path for path in paths if not path.startswith((".[", ".venv"))]
    assert len(paths) > 5
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_quick_tests_cover_the_core():
    """The one-minute command of CONTRIBUTING.md collects the tests of layers, operations, losses and the steps."""
    (quick,) = [line for line in command_lines() if line.startswith("python -m pytest tests")]
    command = [sys.executable, *shlex.split(quick)[1:], "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    for name in ("test_gradients", "test_contract", "test_reference", "test_gan", "test_losses", "test_optim"):
        assert f"{name}.py" in done.stdout
