"""Matplotlib figures as inline SVG: each panel separately, in the colours of the page, light or dark."""

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.plots import own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The colours that plots.py and evaluation/figure.py draw with, and the names that template.html has for them.
COLOURS = {
    "#000000": "currentColor",
    "#1f77b4": "var(--first)",
    "#ff7f0e": "var(--second)",
    "#d62728": "var(--alarm)",
    "#808080": "var(--muted)",
}
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # keeps letters as text: small, and as sharp as the rest of the page
    "svg.hashsalt": "minigan",  # the same run gives the same page
    "path.simplify_threshold": 0.5,  # of a point: drops the details of long, noisy curves that no eye can see
}
SIZE = (4.6, 3.5)  # inches of one panel; a desktop shows three in a row, a phone one


def panels(draw: Callable[[], "Figure"], key: str) -> list[tuple[str, str]]:
    """[(title, svg)] for each panel of the figure that draw() returns.

    A figure of five panels needs a large screen; separate panels flow to the width of any screen. `key` is a prefix for
    the ids of the SVG elements.
    """
    found = []
    figure = draw()  # in the style of plots.py
    with own_style():
        import matplotlib
        from matplotlib.gridspec import GridSpec

        matplotlib.rcParams.update(SETTINGS)
        figure.set_size_inches(SIZE)
        for number, panel in enumerate(figure.axes):
            for axes in figure.axes:
                axes.set_visible(axes is panel)
                axes.set_in_layout(axes is panel)
            panel.set_subplotspec(GridSpec(1, 1, figure=figure)[0])
            found.append((panel.get_title(), _svg(figure, f"{key}-{number}", description(panel))))
    return found


def description(axes: "Axes") -> str:
    """What a panel shows, for screen readers: the value at the end of each curve."""
    parts = []
    for line in axes.lines:
        name, values = str(line.get_label()), np.asarray(line.get_ydata())
        if line.get_linestyle() == "--":  # a level, whose name has its value
            parts.append(name)
        elif not name.startswith("_") and len(values):
            parts.append(f"{name} ends at {values[-1]:.3g}")
    return f"{axes.get_title()} over the epochs: {'; '.join(parts)}".replace("\n", ", ")


def _svg(figure: "Figure", key: str, label: str) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)  # inline SVG needs no namespaces
    text = re.sub(r'( id="|url\(#|href="#)', rf"\1{key}-", text)  # ids must be unique in the whole page
    for colour, name in COLOURS.items():
        text = re.sub(rf"(fill|stroke): {colour}", rf"\1: {name}", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
