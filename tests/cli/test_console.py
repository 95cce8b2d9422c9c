"""What a command prints: one line per mistake whatever a name contains, also if a stream is full, closed or gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import minigan
from hypothesis import given
from hypothesis import strategies as st
from systems import posix

from minigan.cli import console

PACKAGE = str(Path(__file__).parents[2])


def shell(line, cwd=None, **environment):
    """A command line of the shell; `minigan` stands for this Python and this package."""
    line = line.replace("minigan", f"{sys.executable} -m minigan", 1)
    environment = os.environ | {"PYTHONPATH": PACKAGE} | environment
    return subprocess.run(["bash", "-c", line], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


# --- one line ----------------------------------------------------------------------------------------------------


@given(st.text(max_size=2000))
def test_any_message_is_one_printable_line_of_bounded_length(text):
    line = console.one_line(text)
    assert len(line) <= console.MAX_ERROR
    assert line.isprintable()
    if text.isprintable() and len(text) <= console.MAX_ERROR:
        assert line == text


def test_a_long_message_keeps_its_start_and_its_end():
    line = console.one_line("--out " + "x" * 10**6 + ": expected a folder")
    assert line.startswith("--out xxx")
    assert line.endswith("xxx: expected a folder")
    assert len(line) == console.MAX_ERROR


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\x1b[31mred", "a\u2028b", "\x9b31m", "\udcff", "z" * 5000, "a\tb"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["{}"],
        ["train", "--data", "{}"],
        ["train", "--{}"],
        ["train", "--epochs", "{}"],
        ["sample", "{}"],
        ["sample", "{}.safetensors"],
        ["evaluate", "{}", "--classifier", "{}"],
        ["report", "{}"],
        ["diagnose", "{}"],
        ["data", "show", "{}"],
        ["data", "show", "mnist", "--root", "{}"],
        ["bench", "--against", "{}"],
    ],
    ids=" ".join,
)
def test_control_characters_in_an_argument_are_escaped(arguments, value, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert minigan(*(argument.replace("{}", value) for argument in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err[:-1].isprintable()
    assert len(captured.err) <= console.MAX_ERROR + 80  # with the name of the command and the advice
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--data", "--root", "--out", "--epochs", "--resume", "--betas", "--classifier"])
def test_two_dashes_are_no_value(option, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert minigan("train", f"{option}=--") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--data", "folder", "--root", ""],
        ["train", "--root="],
        ["train", "--out", ""],
        ["train", "--resume", ""],
        ["train", "--classifier", ""],
        ["sample", ""],
        ["sample", "run", "--out", ""],
        ["evaluate", ""],
        ["evaluate", "run", "--root", ""],
        ["evaluate", "run", "--out", ""],
        ["evaluate", "run", "--classifier", ""],
        ["evaluate", "run", "--inception-weights", ""],
        ["report", ""],
        ["report", "run", "--out", ""],
        ["diagnose", ""],
        ["data", "list", "--root", ""],
        ["data", "show", "folder", "--root", ""],
        ["data", "show", "shapes", "--out", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_refused(arguments, capsys, tmp_path, monkeypatch):
    """A variable of a script that is not set must not stand for the current folder."""
    monkeypatch.chdir(tmp_path)
    assert minigan(*arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected a name, got ''" in error


# --- streams -----------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("arguments", ["doctor", "data list", "--version", "--help", "train --help"])
def test_a_full_standard_output_gets_one_line(arguments):
    done = shell(f"minigan {arguments} > /dev/full")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("minigan: error: standard output: No space left on device")
    assert done.stderr.count("\n") == 1


@posix
def test_a_closed_pipe_is_silent():
    done = shell("minigan train --help | head -n 1; echo ${PIPESTATUS[0]}")
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith("usage: minigan train")
    assert done.stdout.splitlines()[1] in ("0", "1")  # 0 if the pipe took everything before its reader left


@posix
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-", ">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("arguments", "status"), [("doctor", 0), ("train --epochs 0", 2)])
def test_a_stream_that_is_closed_or_full_changes_nothing_else(arguments, status, redirection, tmp_path):
    assert shell(f"minigan {arguments} {redirection}", tmp_path).returncode == status
    assert list(tmp_path.iterdir()) == []


@posix
def test_no_file_is_opened_under_the_number_of_a_closed_stream(tmp_path):
    """Otherwise the next message would be written into it."""
    code = (
        "import sys; from minigan.cli import console; console.prepare(); file = open('file', 'w'); "
        "assert file.fileno() > 2; print('out'); sys.stderr.write('err')"
    )
    done = shell(f'minigan 2>&- >&- ; {sys.executable} -c "{code}" 2>&- >&-', tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == ""


# --- mistakes in minigan itself, and in the environment ------------------------------------------------------------


def test_a_mistake_in_minigan_itself_gets_one_line_and_a_status_of_its_own(capsys, monkeypatch):
    def broken():
        raise KeyError("no\nsuch thing")

    monkeypatch.setattr("minigan.doctor.report", broken)
    monkeypatch.delenv("MINIGAN_DEBUG", raising=False)
    assert minigan("doctor") == 70
    error = capsys.readouterr().err
    assert error.startswith("minigan: error: internal error, KeyError: ")
    assert error.endswith("; set MINIGAN_DEBUG=1 for the traceback\n")
    assert error.count("\n") == 1
    monkeypatch.setenv("MINIGAN_DEBUG", "1")
    with pytest.raises(KeyError):
        minigan("doctor")


def test_too_little_memory_is_said_with_advice(capsys, monkeypatch):
    def hungry():
        raise MemoryError

    monkeypatch.setattr("minigan.doctor.report", hungry)
    assert minigan("doctor") == 2
    assert capsys.readouterr().err.rstrip().endswith("give smaller numbers")


@pytest.mark.parametrize("value", ["9" * 5000, "0", "-1", "two", "1e3", "²"], ids=lambda value: value[:4])
@pytest.mark.parametrize("command", ["bench", "train"])
def test_a_wrong_number_of_threads_gets_one_line(command, value, tmp_path):
    done = shell(f"minigan {command}", tmp_path, MINIGAN_NUM_THREADS=value)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("minigan: error: MINIGAN_NUM_THREADS=")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 400
