"""Marks for tests that need what only some operating systems have."""

import os

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="uses signals, symbolic links, pipes or devices of POSIX systems")
