"""The real data sets, in the folder $MINIGAN_DATA: the tests that read them are skipped if it is not set."""

import os

import pytest

ROOT = os.environ.get("MINIGAN_DATA")
needs_real_data = pytest.mark.skipif(ROOT is None, reason="MINIGAN_DATA is not set to a folder with the real data sets")
