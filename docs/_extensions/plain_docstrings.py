"""minigan's docstrings are plain text for people: formulas stand indented, stars are products. Here Sphinx reads them
so: a paragraph stays a paragraph, what is indented stays as it was set, `a word in backticks` is code, and nothing
else is markup.
"""

import inspect
import re


def as_written(app, what, name, obj, options, lines):
    """Indented parts become literal blocks; in the others every sign that Sphinx could read as markup is escaped."""
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
            parts = re.split("(`[^`]+`)", line)  # every second part is in backticks
            lines.append("".join(f"`{part}`" if i % 2 else escaped(part) for i, part in enumerate(parts)))
    lines.append("")


def escaped(text):
    """Every sign that Sphinx could read as markup, after a backslash."""
    return "".join("\\" + sign if sign in "\\*`|_:" else sign for sign in text)


def setup(app):
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True}
