"""The argument parser of the command: errors are one line, with the nearest known name."""

import argparse
import sys
from difflib import get_close_matches

SUPPRESS = argparse.SUPPRESS  # an option not given leaves no trace, so that defaults can depend on the data


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, with the nearest known name."""

    def __init__(self, **settings):
        super().__init__(**settings | {"allow_abbrev": False})

    def error(self, message):
        sys.stderr.write(f"{self.prog}: error: {message}; see {self.prog} --help\n")
        sys.exit(2)

    def parse_args(self, args=None, namespace=None):
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = getattr(parsed, "parser", self)
            near = get_close_matches(unknown[0].split("=")[0], parser._option_string_actions, n=1)
            parser.error(f"unknown argument {unknown[0]}" + (f": did you mean {near[0]}?" if near else ""))
        return parsed

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            near = get_close_matches(str(value), choices, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            what = action.metavar or action.dest
            raise argparse.ArgumentError(None, f"unknown {what} {value!r}: {hint}Known: {', '.join(choices)}")
