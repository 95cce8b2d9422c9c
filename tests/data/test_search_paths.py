"""The folders that data sets are searched in, and the cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from systems import posix

from minigan import data
from minigan.data.search_paths import cache_folder, describe_search_paths, expand_user, search_paths
from minigan.errors import DataError


def test_the_cache_folder_is_set_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("MINIGAN_CACHE", "~/images")
    assert cache_folder() == Path.home() / "images"
    monkeypatch.delenv("MINIGAN_CACHE")
    assert "minigan" in cache_folder().parts


def test_an_unknown_user_stays_in_the_path():
    assert expand_user("~nobody-has-this-name/images") == Path("~nobody-has-this-name/images")


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """No HOME, and a user that the system does not know."""
    for name in ("HOME", "USERPROFILE", "HOMEPATH", "HOMEDRIVE", "XDG_CACHE_HOME", "MINIGAN_CACHE"):
        monkeypatch.delenv(name, raising=False)
    if os.name == "posix":
        import pwd

        def unknown(user):
            raise KeyError(user)

        monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)


@posix
def test_without_a_home_folder_the_other_paths_are_searched(homeless, monkeypatch, tmp_path):
    with pytest.raises(RuntimeError):
        Path.home()
    assert search_paths() == [Path("data")]
    assert describe_search_paths() == "data (does not exist)"
    assert data.locate("mnist") is None
    assert data.load("digits", count=1)
    with pytest.raises(DataError, match="set MINIGAN_CACHE to a folder"):
        data.fetch("mnist")
    monkeypatch.setenv("MINIGAN_CACHE", "~/cache")
    with pytest.raises(DataError, match="set MINIGAN_CACHE to a folder"):
        cache_folder()
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path))
    assert search_paths() == [tmp_path, Path("data")]
    assert cache_folder() == tmp_path
    assert list(tmp_path.iterdir()) == []  # no folder called ~


@posix
@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() != 0, reason="becomes another user")
@pytest.mark.parametrize("home", [None, "/root", "/nonexistent"])
def test_a_user_without_an_entry_can_use_the_command(tmp_path, home):
    tmp_path.chmod(0o777)
    code = (
        "import os, sys; os.environ.pop('HOME', None); home = sys.argv.pop(1)\n"
        "if home != 'None': os.environ['HOME'] = home\n"
        "import contextlib, io, minigan.cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    minigan.cli.main(sys.argv[1:])  # everything is imported, in case that user may not read it\n"
        "os.setgroups([]); os.setgid(12345); os.setuid(12345)\n"
        "minigan.cli.main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, str(home), "data", "list"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "generated when it is loaded" in done.stdout


@pytest.mark.parametrize("name", [name for name, source in data.DATASETS.items() if not source.synthetic])
def test_a_root_that_cannot_be_looked_up_is_not_found(name, tmp_path):
    root = tmp_path / ("x" * 1000)  # the system has no names of this length
    assert data.locate(name, root) is None
    with pytest.raises(DataError):
        data.load(name, root)
