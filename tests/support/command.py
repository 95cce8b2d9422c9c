"""The `minigan` command, run in the process of the test."""

import pytest

from minigan import cli


def minigan(*arguments):
    """Run the command, and return its exit status."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return stop.value.code
