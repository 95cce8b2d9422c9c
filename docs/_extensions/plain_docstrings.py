"""Make Sphinx read minigan's docstrings as plain text, in which formulas are indented and a star is a product.

A paragraph stays a paragraph, indented lines stay as they are, `a word in backticks` is code, and nothing else is
markup. Signatures name types as the code does, such as Array.
"""

import inspect
import re

import numpy.typing as npt
from sphinx.util.typing import stringify_annotation

# NDArray[X] is an alias for ndarray[tuple[Any, ...], dtype[X]], and minigan.backend.Array one for NDArray[Any].
ARRAY = re.compile(
    r"~?(?:numpy\.)?ndarray\[tuple\[~?(?:typing\.)?Any, \.\.\.\], ~?(?:numpy\.)?dtype\[~?(?:numpy\.|typing\.)?(\w+)\]\]"
)


def as_written(app, what, name, obj, options, lines):
    """Turn indented parts into literal blocks, and escape all markup in the others."""
    text = inspect.cleandoc("\n".join(lines)).splitlines()
    lines[:] = []
    literal = False
    for line in text:
        if line.startswith("    ") or (literal and not line.strip()):
            if not literal:
                lines += ["", "::", ""]
            literal = True
            lines.append(line and "    " + line)
        else:
            if literal:
                lines.append("")
            literal = False
            parts = re.split("(`[^`]+`)", line)  # every other part is in backticks
            lines.append("".join(f"`{part}`" if i % 2 else escaped(part) for i, part in enumerate(parts)))
    lines.append("")


def escaped(text):
    """`text` with a backslash before every character that Sphinx could read as markup."""
    return "".join("\\" + character if character in "\\*`|_:" else character for character in text)


def with_short_types(app, what, name, obj, options, signature, return_annotation):
    """Write Array, NDArray[uint8] and DTypeLike in signatures, which Sphinx would spell out."""
    return tuple(text and with_names(text) for text in (signature, return_annotation))


def with_names(text):
    """`text` with the short names of types."""
    for mode in ("smart", "fully-qualified"):  # both occur: ~numpy.dtype and numpy.dtype
        text = text.replace(stringify_annotation(npt.DTypeLike, mode), "DTypeLike")
    return ARRAY.sub(lambda match: "Array" if match[1] == "Any" else f"NDArray[{match[1]}]", text)


def is_field_of_a_tuple(app, what, name, obj, skip, options):
    """Leave out "Alias for field number 0", which Python writes for each field of a NamedTuple."""
    return skip or (inspect.getdoc(obj) or "").startswith("Alias for field number")


def setup(app):
    app.connect("autodoc-process-docstring", as_written)
    app.connect("autodoc-process-signature", with_short_types)
    app.connect("autodoc-skip-member", is_field_of_a_tuple)
    return {"parallel_read_safe": True}
