"""The site: `pip install -e '.[docs]'`, then `python -m sphinx -W -b html docs site`; open site/index.html."""

import importlib.util
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "minigan"
author = copyright = "The minigan authors"
language = "en"

extensions = [
    "myst_parser",  # pages in Markdown
    "sphinx.ext.autodoc",  # the API reference, from the docstrings
    "sphinx.ext.mathjax",
    "gradient_check",  # ours: a gradient check that is run when the page is made
    "plain_docstrings",  # ours: docstrings and signatures as the code has them
]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_extensions", "figures"]
suppress_warnings = ["config.cache"]
highlight_language = "none"  # what docstrings set apart is a formula as often as it is code
nitpicky = True  # a link in a page that leads nowhere is an error
nitpick_ignore_regex = [("py:.*", ".*")]  # types in signatures are links only if this site documents them
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = "minigan"
html_favicon = "_static/favicon.png"
html_static_path = ["_static"]
html_css_files = ["minigan.css"]
html_show_sphinx = False
html_copy_source = False
# One file, from the site itself: mathematics is set without a network.
mathjax_path = "tex-svg.js"


def copy_mathjax(app, error):
    """MathJax out of the package that carries it; of its 24 MB the one file that is used."""
    if error is None and app.builder.format == "html":
        package = Path(importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations[0])
        shutil.copy(package / "static/mathjax/tex-svg.js", Path(app.outdir) / "_static/tex-svg.js")


def setup(app):
    app.connect("build-finished", copy_mathjax)
