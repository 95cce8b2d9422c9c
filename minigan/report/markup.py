"""The HTML elements that the page consists of.

Parameters called text, heading, caption or alt are escaped here, so that a folder or a class named <script> is shown
and not run; `parts` are HTML that these functions have returned. `key` is an id, unique in the page.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

MAX_ROWS = 40  # a longer table gets a box of limited height


def section(key: str, heading: str, *parts: str) -> str:
    """A section of the page with its heading."""
    body = "\n".join(parts)
    return f'<section aria-labelledby="{key}">\n<h2 id="{key}">{escape(heading)}</h2>\n{body}\n</section>'


def paragraph(text: str, kind: str = "plain") -> str:
    """A paragraph; kind: its class in the template."""
    return f'<p class="{kind}">{escape(text)}</p>'


def definitions(pairs: Iterable[tuple[str, Any]]) -> str:
    """A list of (term, description), both text."""
    rows = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(str(what))}</dd></div>\n" for term, what in pairs)
    return f"<dl>\n{rows}</dl>"


def table(
    key: str,
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    best: Collection[tuple[int, int]] = frozenset(),
) -> str:
    """A table in a box that scrolls by itself, so that a narrow screen does not have to.

    head, rows: text; the first cell of each row is its name. best: the (row, column) of the cells to mark.
    """
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = [
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(_cell(text, (i, j) in best) for j, text in enumerate(others, 1))
        + "</tr>"
        for i, (first, *others) in enumerate(rows)
    ]
    body = "\n".join(lines)
    kind = "scroll limited" if len(lines) > MAX_ROWS else "scroll"
    return (  # tabindex: the box can be scrolled with the arrow keys
        f'<div class="{kind}" role="region" aria-labelledby="{key}" tabindex="0">\n<table>\n'
        f'<caption id="{key}">{escape(caption)}</caption>\n<thead><tr>{names}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _cell(text: str, best: bool) -> str:
    if not best:
        return f"<td>{escape(text)}</td>"
    return f'<td class=best>{escape(text)} <span aria-hidden="true">★</span><span class="unseen"> best</span></td>'


def image(source: str, size: tuple[int, int], alt: str, caption: str, key: str | None = None) -> str:
    """An image with its caption; source: a data URI, size: (width, height)."""
    named = f' id="{key}"' if key else ""
    return (
        f'<figure>\n<img{named} src="{source}" width="{size[0]}" height="{size[1]}" alt="{escape(alt)}">\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """[(name, text)] of a dictionary and the dictionaries in it; None is left out, since it means not set."""
    pairs = []
    for name, value in settings.items():
        name = prefix + name.replace("_", " ")
        if isinstance(value, dict):
            pairs += flat(value, f"{name}: ")
        elif value is not None:
            pairs.append((name, _shape(value) if name == "image shape" else _text(value)))
    return pairs


def _shape(value: Any) -> str:
    return " × ".join(map(str, value)) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
