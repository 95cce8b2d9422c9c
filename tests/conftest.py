"""Hypothesis profiles: `few` for a second pass over the same tests, as under the strict fake of CuPy. A browser."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", max_examples=60, deadline=None, derandomize="CI" in os.environ)
settings.register_profile("few", max_examples=6, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("MINIGAN_HYPOTHESIS", "default"))


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, driven by playwright.

    Both are a few hundred megabytes that the package itself never needs, so a reader who runs the tests without them
    sees these skipped. MINIGAN_BROWSER=required, as CI sets it wherever it has a Chromium, makes that a failure.
    """

    def give_up(what):
        (pytest.fail if os.environ.get("MINIGAN_BROWSER") == "required" else pytest.skip)(what)

    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        give_up("the browser tests need playwright: pip install 'minigan[docs]'")
    with sync_playwright() as play:
        own = Path(play.chromium.executable_path)
        names = ("chromium", "chromium-browser", "google-chrome")
        there = own if own.exists() else next(filter(None, map(shutil.which, names)), None)
        if there is None:
            give_up("the browser tests need Chromium: playwright install chromium, or the system's package")
        opened = play.chromium.launch(executable_path=str(there), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()
