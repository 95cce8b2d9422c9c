"""Hypothesis profiles: `few` for a second pass over the same tests, as under the strict fake of CuPy."""

import os

from hypothesis import settings

settings.register_profile("default", max_examples=60, deadline=None, derandomize="CI" in os.environ)
settings.register_profile("few", max_examples=6, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("MINIGAN_HYPOTHESIS", "default"))
