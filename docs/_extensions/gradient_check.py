"""The directive `gradient_check`: a few lines of Python, and what gradcheck.check says about them, run when the page is
made. The lines end with the arguments of the check:

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
    """What the check prints; one line a check. Raises GradientError, and so fails the build, for a wrong gradient."""
    import minigan as mg

    reports = []
    names = {"mg": mg, "np": np, "random": np.random.default_rng(0)}
    names["check"] = lambda subject, *inputs, **options: reports.append(
        mg.gradcheck.check(subject, *map(mg.backend.asarray, inputs), **options)
    )
    mg.backend.seed(0)
    exec(code, names)
    return "\n\n".join(map(str, reports))


def block(text, language):
    literal = nodes.literal_block(text, text)
    literal["language"] = language
    return literal


def setup(app):
    app.add_directive("gradient_check", GradientCheck)
    return {"parallel_read_safe": True}
