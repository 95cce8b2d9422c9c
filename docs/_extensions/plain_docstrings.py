"""minigan's docstrings are plain text for people: formulas stand indented, stars are products. Sphinx reads them as they
are: a paragraph stays a paragraph, what is indented stays as it was set, and nothing is markup.
"""

import inspect


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
            lines.append("".join("\\" + sign if sign in "\\*`|_:" else sign for sign in line))
    lines.append("")


def setup(app):
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True}
