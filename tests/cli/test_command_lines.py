"""Random command lines, options mistyped and values hostile: no traceback, one line, and nothing is lost."""

import os
import random
import shutil
from pathlib import Path

import pytest
from command import minigan

RECORDED = Path(__file__).parents[1] / "recorded" / "collapse-classes"
COUNT = int(os.environ.get("MINIGAN_COMMAND_LINES", "120"))

OPTIONS = {
    "train": "--preset --data --root --image-size --flip --epochs --max-steps --model --batch-size --width "
    "--latent-dim --generator-batch-size --objective --targets --label-smoothing --ema --lr --discriminator-lr "
    "--betas --keep --out --discriminator-steps --precision --seed --resume --log-every --checkpoint-every "
    "--no-graph --classifier --evaluate-every --evaluate-count",
    "sample": "--checkpoint --count --seed --class --grid --interpolate --steps --history --out",
    "evaluate": "--classifier --checkpoint --count --splits --seed --root --out --inception --inception-weights",
    "diagnose": "--json",
    "report": "--out",
    "data list": "--root",
    "data show": "--out --count --root",
    "data fetch": "--root",
    "bench": "--batch-size --width --rounds --seconds --against --precision --profile --json",
    "doctor": "",
}
VALUES = [
    *(
        "",
        "--",
        "-",
        "-1",
        "0",
        "1",
        "2",
        "3.5",
        "nan",
        "-inf",
        "1e999",
        "9" * 5000,
        "9" * 30,
        "0x10",
        "²",
        "∞",
        "None",
    ),
    *("\n", "a\nb", "\x1b[31m", "\udcff", "\u202e", "x" * 300, "x/" * 3000, "~", "~nobody/x", "..", ".", "/", "C:\\x"),
    *("/dev/null", "/dev/zero", "/dev/stdin/x", "/proc/self/mem", "RUN", "RUN/config.json", "RUN/metrics.csv"),
    *(
        "RUN/checkpoints",
        "RUN/samples",
        "RUN/scores.json",
        "RUN/nothing.safetensors",
        "mine.png",
        "mine.npz",
        "mine.gif",
    ),
    *("mine.json", "mine.html", "best", "linear", "shapes", "mnist", "cifar10", "folder", "dcgan", "least-squares"),
    *("[]", "{}", "%s", "%(prog)s", "{0}", "$HOME", "'", '"', "a b", "é", "数", "\0"),
]
# An argument that every line has, and that makes it fail before a training or a measurement begins.
MISTAKE = {"train": ["--root", "/nowhere"], "bench": ["--rounds", "0"], "data fetch": ["no-such-data"]}


def mistyped(option, choice):
    letters = list(option)
    place = choice.randrange(2, len(letters))
    letters[place : place + 1] = choice.choice([[], [letters[place]] * 2, ["x"], [letters[place].upper()]])
    return "".join(letters)


def command_line(choice):
    command = choice.choice(list(OPTIONS))
    arguments = command.split() + (["RUN"] if command in ("sample", "evaluate", "diagnose", "report") else [])
    if command == "data show":
        arguments.append(choice.choice(["mnist", "cifar10", *VALUES]))
    if choice.random() < 0.2 and len(arguments) > 1:
        arguments[-1] = choice.choice(VALUES)
    for _ in range(choice.randrange(4)):
        option = choice.choice(OPTIONS[command].split() or ["--help-me"])
        option = mistyped(option, choice) if choice.random() < 0.15 else option
        values = [choice.choice(VALUES) for _ in range(choice.choice([0, 1, 1, 1, 1, 2, 3]))]
        arguments += [f"{option}={values[0]}"] if values and choice.random() < 0.3 else [option, *values]
    return arguments + MISTAKE.get(command, [])


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a run, and files of the user's with each ending that a command writes."""
    path = tmp_path_factory.mktemp("home")
    shutil.copytree(RECORDED, path / "RUN")
    (path / "RUN" / "samples").mkdir()
    (path / "RUN" / "checkpoints").mkdir()
    for ending in ("png", "npz", "gif", "json", "html"):
        (path / f"mine.{ending}").write_text("mine")
    return path


@pytest.mark.parametrize("seed", range(COUNT))
def test_a_random_command_line_gets_one_line_and_loses_nothing(seed, home, capfd, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("MINIGAN_CACHE", str(home / "cache"))
    monkeypatch.setenv("HOME", str(home))
    arguments, before = command_line(random.Random(seed)), contents(home)
    status = minigan(*arguments)
    out, err = capfd.readouterr()
    assert status in (0, 2), (arguments, err)
    assert "Traceback" not in out + err
    if status == 2:
        assert out == "", (arguments, out)
        assert err.count("\n") == 1, (arguments, err)
        assert err[:-1].isprintable()
        assert len(err) < 400
    after = contents(home)
    assert {path: after.get(path) for path in before} == {
        path: after.get(path) if path.name in ("diagnosis.png", "report.html") else content
        for path, content in before.items()
    }, arguments
    if status == 2:
        assert after.keys() == before.keys(), arguments
