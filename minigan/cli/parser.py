"""The argument parser of the command: errors are one line, with the nearest known name."""

import argparse
import sys
import textwrap
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from minigan.cli import console

SUPPRESS = argparse.SUPPRESS  # an option that was not given leaves no trace, so that defaults can depend on the data


class HelpFormatter(argparse.HelpFormatter):
    """Keeps the line breaks of an option's help, so that a list has an item on each line, and wraps long lines."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines = text.splitlines()
        indent = "  " if len(lines) > 1 else ""  # of an item's second line
        wrapper = textwrap.TextWrapper(width, subsequent_indent=indent, break_on_hyphens=False)  # dense-gan stays whole
        return [part for line in lines for part in wrapper.wrap(line)]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, with the nearest known name.

    add_options: a function that adds the options to the parser. It is called when they are needed, to parse arguments
    or to print the help: options whose help lists models or data sets import NumPy, and `minigan --help` does not.
    """

    def __init__(self, add_options: Callable[["Parser"], None] | None = None, **settings: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter} | settings | {"allow_abbrev": False})
        self._add_options = add_options

    def parse_known_args(  # type: ignore[override]  # the supertype's overloads say no more
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self._add_missing_options()
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        self._add_missing_options()
        return super().format_help()

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = getattr(parsed, "parser", self)  # of the subcommand
            near = get_close_matches(unknown[0].split("=")[0], parser._option_string_actions, n=1)
            parser.error(f"unknown argument {unknown[0]}" + (f": did you mean {near[0]}?" if near else ""))
        return parsed

    def error(self, message: str) -> NoReturn:
        sys.exit(console.fail(message, self.prog, f"; see {self.prog} --help"))

    def _add_missing_options(self) -> None:
        add_options, self._add_options = self._add_options, None
        if add_options is not None:
            add_options(self)

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:  # help and version: argparse would be silent if they cannot be written
            console.say(*message.removesuffix("\n").split("\n"))
        else:
            super()._print_message(message, file)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        if action.option_strings and arg_strings == ["--"]:  # --data=--, of which argparse makes an empty list
            raise argparse.ArgumentError(action, "expected a value, got '--'")
        return super()._get_values(action, arg_strings)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            near = get_close_matches(str(value), choices, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            kind = action.metavar or action.dest
            raise argparse.ArgumentError(None, f"unknown {kind} {value!r}: {hint}Known: {', '.join(choices)}")


def path_argument(text: str) -> Path:
    """A path that an argument gives. An empty one, often a variable that is not set, would be the current folder."""
    return Path(text_argument(text))


def text_argument(text: str) -> str:
    """An argument that is not empty, and that the system takes as a name."""
    if not text:
        raise argparse.ArgumentTypeError("expected a name, got ''")
    if "\0" in text:
        raise argparse.ArgumentTypeError(f"expected a name without a NUL character, got {text!r}")
    return text


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # what Parser.add_subparsers returns
