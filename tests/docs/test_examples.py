"""Every example runs from a clone, without warnings, with every option it has, and writes the files it promises."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigan as mg
from minigan.runs.config import Config
from minigan.runs.folder import RunFolder
from minigan.training.gan import GanTrainer

EXAMPLES = {path.stem: path for path in sorted((Path(__file__).parents[2] / "examples").glob("*.py"))}

# Options for a second run of each example, besides --out, which every one has: every option must occur here.
MNIST = ("--data", "mnist", "--root", "{mnist}", "--steps", "10")
OPTIONS = [
    ("01_gradient_check",),
    ("02_transposed_convolution",),
    ("03_batch_normalization",),
    ("04_minimax_game",),
    ("05_optimal_discriminator", "--steps", "20"),
    ("06_vanishing_gradient", "--steps", "5"),
    ("07_ring_of_gaussians", "--steps", "10"),
    ("08_dense_gan", *MNIST),
    ("09_dcgan", *MNIST),
    ("10_lsgan", *MNIST),
    ("11_conditional_gan", *MNIST),
    ("12_scores",),
    ("13_latent_walk", "--steps", "3"),
    ("13_latent_walk", "--run", "{dcgan}"),
    ("13_latent_walk", "--run", "{cgan}"),
    ("14_break_it", "--epochs", "1"),
    ("15_your_own_layer", "--steps", "20"),
    ("16_swap_the_backend",),
    ("16_swap_the_backend", "--dtype", "float64"),
]


def run_example(name, folder, *arguments):
    """What the example prints when it is run in `folder`."""
    path = EXAMPLES[name]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path), *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(path.parent.parent), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=300,  # each is meant to take less than 60 s on two idle cores
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def require_image(path):
    """Fail unless `path` is an image with something on it."""
    with Image.open(path) as image:
        assert len(np.unique(np.asarray(image))) > 10


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """{name: path} of what the options refer to: a small MNIST, and a run of each kind of generator."""
    paths = {name: tmp_path_factory.mktemp("inputs") / name for name in ("mnist", "dcgan", "cgan")}
    digits = mg.data.load("digits", count=200)
    arrays = {"x": digits.images[..., 0], "y": digits.labels.astype(np.uint8)}
    paths["mnist"].mkdir()
    np.savez(
        paths["mnist"] / "mnist.npz",
        **{f"{name}_{split}": array for name, array in arrays.items() for split in ("train", "test")},
    )
    for model, data in (("dcgan", "shapes"), ("cgan", "digits")):
        settings = {"batch_size": 8, "width": 4, "latent_dim": 8, "max_steps": 2}
        config = Config.of_run(model=model, data=data, **settings)
        trainer = mg.training.make_trainer(config, mg.data.load(data, count=64))
        mg.training.train(trainer, RunFolder.create(paths[model]))
    return paths


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_writes_the_files_that_its_docstring_names(name, tmp_path):
    printed = run_example(name, tmp_path)
    source = EXAMPLES[name].read_text(encoding="utf-8")
    assert source.startswith('"""')
    assert len(source.splitlines()) <= 140
    images = list(tmp_path.glob("*.png"))
    assert images
    for image in images:
        assert image.name in printed
        require_image(image)
    named = set(re.findall(r"\w+\.(?:png|gif)", source.split('"""')[1]))
    assert named
    assert named <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("case", OPTIONS, ids=" ".join)
def test_an_example_runs_with_its_options(case, tmp_path, inputs):
    name, *options = case
    options = [option.format(**inputs) for option in options]
    out = tmp_path / "figures" / "figure.png"
    out.parent.mkdir()
    printed = run_example(name, tmp_path, *options, "--out", out)
    if "--dtype" in options:
        result = json.loads(printed)
        assert np.isfinite(result["losses"]).all()
        return
    assert str(out) in printed
    assert list(tmp_path.iterdir()) == [out.parent]  # nothing is written elsewhere
    require_image(out)
    if "--run" in options:
        assert "Loss" not in printed  # the generator of the run, not a newly trained one


def test_every_option_of_every_example_is_tested():
    for name, path in EXAMPLES.items():
        declared = set(re.findall(r"add_argument\(\s*[\"'](--?[\w-]+)", path.read_text(encoding="utf-8")))
        tested = {argument for case in OPTIONS if case[0] == name for argument in case if argument.startswith("--")}
        assert declared == tested | {"--out"}, name


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_describes_every_option(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLES[name]), "--help"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(EXAMPLES[name]), run_name="__main__")
    assert stop.value.code == 0
    described = capsys.readouterr().out.partition("show this help message and exit")[2]
    options = re.findall(r"^  (--[\w-]+) \S+\s+\S", described, re.MULTILINE)
    assert "--out" in options
    declared = re.findall(r"add_argument\(\s*[\"'](--?[\w-]+)", EXAMPLES[name].read_text(encoding="utf-8"))
    assert sorted(options) == sorted(declared)


def test_every_mistake_of_example_14_changes_the_run():
    """After three steps, no generator has the weights of the run without a mistake."""
    example = runpy.run_path(str(EXAMPLES["14_break_it"]))
    dataset = mg.data.load("digits", count=200)
    config = Config.of_run(data="digits", batch_size=16, width=4, epochs=1)
    weights = {}
    for mistake in (example["no_mistake"], *example["MISTAKES"]):
        trainer = GanTrainer(config, dataset, graph=False)
        mistake(trainer)
        for _ in range(3):
            trainer.step()
        weights[mistake.__name__] = mg.backend.to_numpy(trainer.generator_optimizer.values)
    correct = weights.pop("no_mistake")
    assert len(weights) == 7
    assert [name for name, values in weights.items() if np.allclose(values, correct, rtol=0, atol=1e-7)] == []
