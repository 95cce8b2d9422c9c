"""Random command lines with hostile values, for the command's own options."""

import argparse

from minigan.cli import build_parser

VALUES = [
    "", " ", "-", "--", "-1", "0", "1", "2", "3", "1e400", "-inf", "nan", "1e-320", "9" * 5000, "0x10", "1_0", "٣", "½",
    "1e9999999", "x", "a\nb", "a\tb\r", "\x1b[31mred\x1b[0m", "\x07", "é" * 3000, "🦆", "\u202e", "a" * 5000, "%s%n{}",
    "$(touch owned)", "; touch owned", "../../../..", "/dev/null", "/dev/full", "/dev/zero", "/proc/self/mem",
    "~nobody", "/", ".", "..", "*", "con", "none", "None", "null", "true", "[]", "--help=1", "-h1", "shapes",
    "digits", "dcgan", "shpaes", "last", "slerp", "best", "fp64", "bf16", "\udcff\udcfe",
]  # fmt: skip
# Files and folders of the test, which exist: the second half must not be changed.
PATHS = [
    "new.png", "new.npz", "new.gif", "new.json", "new.html", "new", "deep/er/new.png", "empty", "precious.txt/x.png",
    "run", "run/", "classifier", "run/config.json", "run/metrics.csv", "run/scores.csv", "run/curves.png",
    "run/samples/real.png", "run/samples", "run/samples/epoch_0001.png", "run/checkpoints", "run/.lock",
    "run/checkpoints/x.png", "run/checkpoints/step_00000002.safetensors", "link.png", "link.json", "precious.txt",
    "precious.json", "precious.png", "precious.gif", "precious.npz", "precious.html", "full", "broken",
    "broken/config.json", "precious.safetensors",
]  # fmt: skip

# What makes a command short, or harmless: it comes last, so that it holds.
LAST = {
    "train": ["--max-steps", "1", "--width", "4", "--batch-size", "8"],
    "bench": ["--precision", "fp64"],  # refused: a measurement takes its time
    "data fetch": ["unknown"],  # never a download
}
SKIPPED = {"--help", "-h", "--version", "--inception", "--inception-weights"}  # the last two need much that is optional


def commands():
    """{words of a command: its options and positional arguments}."""
    found = {}

    def visit(parser, words):
        parser.format_help()  # adds the options
        nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if words:
            found[" ".join(words)] = [action for action in parser._actions if action not in nested]
        for action in nested:
            for name, subparser in action.choices.items():
                visit(subparser, [*words, name])

    visit(build_parser(), [])
    return found


def random_command(rng, known):
    """A command line, as a list of words."""
    words = rng.choice(list(known))
    actions = [action for action in known[words] if not SKIPPED & set(action.option_strings)]
    line = words.split()
    options = [action for action in actions if action.option_strings]
    for action in rng.sample(options, min(len(options), rng.choice((0, 1, 1, 2, 3, 6)))):
        option = rng.choice(action.option_strings)
        if rng.random() < 0.03:
            option = rng.choice((option[:-1], option.upper(), option + "x", option.replace("--", "-")))
        count = 0 if action.nargs in (0, "?") or action.const is True else action.nargs
        count = {"+": rng.randrange(1, 4), None: 1}.get(count, count)
        if rng.random() < 0.1:
            count += rng.choice((-1, 1)) if count else 1
        values = [value_for(rng, action) for _ in range(count)]
        if len(values) == 1 and rng.random() < 0.5:
            line.append(f"{option}={values[0]}")
        else:
            line += [option, *values]
    for action in actions:
        if not action.option_strings and rng.random() < 0.95:
            line.insert(rng.choice((len(words.split()), len(line))), value_for(rng, action))
    if rng.random() < 0.05:
        line.insert(rng.randrange(len(line) + 1), rng.choice(VALUES))
    return line + LAST.get(words, [])


def value_for(rng, action):
    """A hostile value, often one of the right kind."""
    if action.choices is not None and rng.random() < 0.6:
        return str(rng.choice(list(action.choices)))
    if action.dest in ("run", "resume", "classifier", "out", "root") and rng.random() < 0.8:
        return rng.choice(("run", "run", rng.choice(PATHS))) if action.dest == "run" else rng.choice(PATHS)
    if action.type is int and rng.random() < 0.4:
        return str(rng.choice((1, 2, 3, 5, 8, 16)))
    return rng.choice(VALUES)
