"""Hypothesis profiles, of which `few` is for a second run of the same tests, on the strict fake of CuPy; a browser."""

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
    """Headless Chromium, controlled by playwright.

    Without them, the tests that use this fixture are skipped: both are a few hundred megabytes that the package itself
    does not need. With MINIGAN_BROWSER=required, which CI sets if it has Chromium, they fail instead.
    """

    def give_up(reason):
        (pytest.fail if os.environ.get("MINIGAN_BROWSER") == "required" else pytest.skip)(reason)

    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        give_up("the browser tests need playwright: pip install 'minigan[docs]'")
    with sync_playwright() as play:
        bundled = Path(play.chromium.executable_path)
        names = ("chromium", "chromium-browser", "google-chrome")
        executable = bundled if bundled.exists() else next(filter(None, map(shutil.which, names)), None)
        if executable is None:
            give_up("the browser tests need Chromium: playwright install chromium, or the system's package")
        chromium = play.chromium.launch(executable_path=str(executable), args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()
