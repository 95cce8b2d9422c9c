"""Hostile command lines: status 0 or 2, one line on standard error, and nothing overwritten."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import warnings

import pytest
from command_lines import commands, random_command
from interruptions import last_line
from systems import posix

from minigan import cli
from minigan.data import shapes

LINES = int(os.environ.get("MINIGAN_COMMAND_LINES", "1000"))
MAX_ERROR = 300
SECONDS = 30  # of one command
TRAIN = "train --width 4 --batch-size 8 --max-steps 2 --checkpoint-every 1 --log-every 1"

pytestmark = posix


class TooSlow(BaseException):
    pass


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder with a run, a classifier's run, and files that are precious."""
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(shapes.COUNTS, "train", 64)
        patch.setitem(shapes.COUNTS, "test", 64)
        for options in (f"{TRAIN} --ema 0 --out {folder}/run", f"{TRAIN} --model classifier --out {folder}/classifier"):
            with pytest.raises(SystemExit) as stop:
                cli.main(options.split())
            assert stop.value.code == 0
    for ending in ("txt", "json", "png", "gif", "npz", "html", "safetensors"):
        (folder / f"precious.{ending}").write_text("{}" if ending == "json" else "years of work")
    (folder / "empty").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").write_text("years of work")
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    (folder / "link.png").symlink_to("precious.txt")
    (folder / "link.json").symlink_to("run/config.json")
    return folder


@pytest.fixture
def home(original, tmp_path, monkeypatch):
    """A copy of it, as the working directory."""
    folder = tmp_path / "home"
    shutil.copytree(original, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MINIGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setitem(shapes.COUNTS, "train", 64)
    monkeypatch.setitem(shapes.COUNTS, "test", 64)
    return folder


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def run_here(line, capsys):
    """(status, standard error) of a command in this process."""

    def alarm(*_):
        raise TooSlow

    previous = signal.signal(signal.SIGALRM, alarm)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            cli.main(line)
    except SystemExit as stop:
        return stop.code, capsys.readouterr().err
    except TooSlow:
        return f"more than {SECONDS} seconds", capsys.readouterr().err
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}", capsys.readouterr().err
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    return "returned", capsys.readouterr().err


def run_in_a_process(line):
    words = [word.encode("utf-8", "surrogateescape").replace(b"\0", b"") for word in line]
    done = subprocess.run([sys.executable, "-m", "minigan", *words], capture_output=True, timeout=60 + SECONDS)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def problems_of(status, error):
    """What is wrong with the outcome of a command, in words."""
    if status not in (0, 2):
        return [f"status {status}: {last_line(error)}"]
    if "Traceback" in error:
        return ["a traceback"]
    found = []
    if status == 2:
        lines = [text for text in error.split("\n") if text and "%|" not in text and "warning: " not in text]
        if len(lines) != 1:
            found.append(f"{len(lines)} lines on standard error")
        if any(len(text) > MAX_ERROR for text in lines):
            found.append(f"a line of {max(map(len, lines))} characters")
        if not all(text.isprintable() for text in lines):
            found.append("control characters on standard error")
    return found


@pytest.mark.parametrize(("count", "in_processes"), [(40, 2), pytest.param(LINES, LINES // 20, marks=pytest.mark.slow)])
def test_a_hostile_command_line_is_refused_in_one_line_and_overwrites_nothing(
    original, home, capsys, count, in_processes
):
    rng, known, before = random.Random(f"command lines {count}"), commands(), hashes(home)
    problems, statuses = [], {}
    for i in range(count):
        line = random_command(rng, known)
        apart = i % max(1, count // in_processes) == 0
        status, error = run_in_a_process(line) if apart else run_here(line, capsys)
        statuses[status] = statuses.get(status, 0) + 1
        found = problems_of(status, error)
        after = hashes(home)
        changed = sorted(name for name, content in before.items() if after.get(name) != content)
        if changed:
            found.append(f"changed {', '.join(changed)}")
            for name in changed:  # as before, for the next command
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(original / name, home / name)
        if (home / "owned").exists():
            found.append("a shell ran")
        for problem in found:
            shown = [word if len(word) < 60 else f"{word[:10]}...{len(word)}" for word in line]
            problems.append(f"{json.dumps(shown)}: {problem}")
    with capsys.disabled():
        print(f"\n{count} command lines, {in_processes} in processes of their own: statuses {statuses}")
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems)
