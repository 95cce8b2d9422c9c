"""The directive `gradient_check`: a few lines of Python and the report of gradcheck.check, run when the page is built.

The lines end with a call of `check`, which takes the arguments of gradcheck.check; `mg`, `np` and `random`, a NumPy
generator with a fixed seed, are defined:

    ```{gradient_check}
    layer = mg.layers.Dense(4, 3)
    check(layer, random.standard_normal((5, 4)))
    ```
"""

import numpy as np
from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class GradientCheck(SphinxDirective):
    has_content = True

    def run(self):
        code = "\n".join(self.content)
        return [block(code, "python"), block(output_of(code), "text")]


def output_of(code):
    """The reports of the checks in `code`. Raises GradientError for a wrong gradient, which fails the build."""
    import minigan as mg

    reports = []

    def check(subject, *inputs, **options):
        reports.append(mg.gradcheck.check(subject, *map(mg.backend.asarray, inputs), **options))

    mg.backend.seed(0)
    exec(code, {"mg": mg, "np": np, "random": np.random.default_rng(0), "check": check})
    return "\n\n".join(map(str, reports))


def block(text, language):
    """A block of code with syntax highlighting for `language`."""
    literal = nodes.literal_block(text, text)
    literal["language"] = language
    return literal


def setup(app):
    app.add_directive("gradient_check", GradientCheck)
    return {"parallel_read_safe": True}
