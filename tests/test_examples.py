"""Every example runs from a clone, in a folder of its own, without warnings, and leaves its picture."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigan as mg

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(path.parent.parent), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=300,  # each is meant to take less than 60 s on two idle cores
    )
    assert done.returncode == 0, done.stderr
    pictures = list(tmp_path.glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.name in done.stdout
        with Image.open(picture) as image:
            assert len(np.unique(np.asarray(image))) > 10  # something is drawn on it
    assert path.read_text(encoding="utf-8").startswith('"""')
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 140


def test_each_mistake_is_made(monkeypatch):
    """Example 14: after three steps no generator's weights are those of the run without a mistake."""
    monkeypatch.setenv("TQDM_DISABLE", "1")  # the example sets it for itself; here it must not outlive the test
    module = runpy.run_path(str(next(path for path in EXAMPLES if path.stem == "14_break_it")))
    dataset = mg.data.load("digits", count=200)
    config = mg.config.Config.of_run(data="digits", batch_size=16, width=4, epochs=1)
    weights = {}
    for break_it in module["GAMES"]:
        trainer = mg.trainers.GanTrainer(config, dataset, False)
        break_it(trainer)
        for _ in range(3):
            trainer.step()
        weights[break_it.__name__] = mg.backend.to_numpy(trainer.generator_optimizer.values)
    right = weights.pop("no_mistake")
    assert len(weights) == 7
    assert [name for name, values in weights.items() if np.allclose(values, right, rtol=0, atol=1e-7)] == []
