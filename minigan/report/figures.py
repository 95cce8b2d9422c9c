"""Matplotlib's figures as SVG inside the page: each panel alone, in the page's own colours, light or dark."""

import io
import re
from html import escape
from typing import Any

# What plots.py and cli/diagnose.py draw with, and the names that template.html has for it.
COLOURS = {
    "#000000": "currentColor",
    "#1f77b4": "var(--first)",
    "#ff7f0e": "var(--second)",
    "#d62728": "var(--alarm)",
    "#808080": "var(--muted)",
}
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters: small, and as sharp as the rest of the page
    "svg.hashsalt": "minigan",  # the same run gives the same page
    "path.simplify_threshold": 0.5,  # of a point: a long run's noise is as many lines as the eye can part
}
SIZE = (4.6, 3.5)  # inches of one panel; three of them stand side by side, one on a telephone


def panels(draw, key):
    """[(title, svg)] of each panel of the figure that draw() makes.

    A figure of five panels is as wide as a desk; alone, they flow as wide as the screen is. `key` names their parts.
    """
    import matplotlib
    from matplotlib.gridspec import GridSpec

    found = []
    with matplotlib.rc_context(SETTINGS):
        figure = draw()
        figure.set_size_inches(SIZE)
        for number, shown in enumerate(figure.axes):
            for axes in figure.axes:
                axes.set_visible(axes is shown)
                axes.set_in_layout(axes is shown)
            shown.set_subplotspec(GridSpec(1, 1, figure=figure)[0])
            found.append((shown.get_title(), _svg(figure, f"{key}-{number}", spoken(shown))))
    return found


def spoken(axes):
    """What a panel shows, for who cannot see it: where each curve ends."""
    said = []
    for line in axes.lines:
        name = str(line.get_label())
        if line.get_linestyle() == "--":  # a level, whose name says where it is
            said.append(name)
        elif not name.startswith("_") and len(line.get_ydata()):
            said.append(f"{name} ends at {line.get_ydata()[-1]:.3g}")
    return f"{axes.get_title()} over the epochs: {'; '.join(said)}".replace("\n", ", ")


def _svg(figure, key, label):
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)  # which HTML knows by itself
    text = re.sub(r'( id="|url\(#|href="#)', rf"\1{key}-", text)  # a name stands for one thing in the whole page
    for colour, name in COLOURS.items():
        text = re.sub(rf"(fill|stroke): {colour}", rf"\1: {name}", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
