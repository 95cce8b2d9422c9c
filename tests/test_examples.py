"""Every example runs from a clone, in a folder of its own, without warnings, and leaves its picture."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
