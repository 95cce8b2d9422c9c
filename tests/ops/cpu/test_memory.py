"""Importing minigan changes nothing in the process; the first optimizer sets up malloc, once."""

import subprocess
import sys

import pytest

from minigan import backend

pytestmark = pytest.mark.skipif(not backend.on_cpu, reason="these are settings for the CPU")

# ctypes.CDLL is replaced before minigan is imported, and counts the calls of mallopt.
COUNT_CALLS = """
import ctypes

calls = []

class Library:
    def __init__(self, name, *arguments, **settings):
        pass

    def mallopt(self, parameter, value):
        calls.append((parameter, value))
        return 1

own, ctypes.CDLL = ctypes.CDLL, lambda name, *a, **k: Library(name) if name is None else own(name, *a, **k)
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", COUNT_CALLS + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_minigan_and_building_networks_makes_no_malloc_setting():
    """Every public module is imported, and both networks run forwards and backwards."""
    code = """
import minigan as mg
import minigan.cli, minigan.ops.cpu.memory
for name in mg.__all__:
    getattr(mg, name)
generator, discriminator = mg.models.dcgan(width=4)
images, _ = generator.forward(mg.backend.random.normal((2, 128)))
logits, cache = discriminator.forward(images)
discriminator.backward(logits, cache)
print(len(calls))
"""
    assert run(code) == ["0"]


def test_the_first_optimizer_makes_both_malloc_settings_once():
    code = """
import minigan as mg
generator, discriminator = mg.models.dcgan(width=4)
print(len(calls))
for network in (generator, discriminator):
    mg.optim.Adam(network.parameters())
    print(*sorted(parameter for parameter, _ in calls))
"""
    assert run(code) == ["0", "-3", "-1", "-3", "-1"]


def test_another_c_library_is_left_alone(monkeypatch):
    """Without mallopt, as on macOS and Windows, nothing happens and nothing is raised."""
    from minigan.ops.cpu import memory

    for failure in (OSError, AttributeError, TypeError):

        def no_library(name, failure=failure):
            raise failure

        monkeypatch.setattr(memory.ctypes, "CDLL", no_library)
        assert memory.keep_freed_memory.__wrapped__() is None
