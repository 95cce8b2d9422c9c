"""The few pieces of HTML that the page is made of.

What is called text is escaped here, so that a folder or a class named <script> is shown and not run; parts
were made by these functions. `key` is a name that no other piece of the page has.
"""

from html import escape

LONG = 40  # rows; a longer table gets a box of limited height


def section(key, heading, *parts):
    """A part of the page under a heading of its own."""
    body = "\n".join(parts)
    return f'<section aria-labelledby="{key}">\n<h2 id="{key}">{escape(heading)}</h2>\n{body}\n</section>'


def paragraph(text, kind="plain"):
    """A paragraph of the template's class `kind`."""
    return f'<p class="{kind}">{escape(text)}</p>'


def definitions(pairs):
    """A list of (term, what it is), both texts."""
    rows = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(str(what))}</dd></div>\n" for term, what in pairs)
    return f"<dl>\n{rows}</dl>"


def table(key, caption, head, rows, best=frozenset()):
    """A table in a box that scrolls by itself, so that a narrow screen need not.

    head: texts; rows: lists of texts, the first of each names the row; best: the (row, column) that are marked.
    """
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "\n".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(_cell(text, (i, j) in best) for j, text in enumerate(others, 1))
        + "</tr>"
        for i, (first, *others) in enumerate(rows)
    )
    kind = "scroll tall" if len(rows) > LONG else "scroll"
    return (  # tabindex: who has no mouse scrolls the box with the arrow keys
        f'<div class="{kind}" role="region" aria-labelledby="{key}" tabindex="0">\n<table>\n'
        f'<caption id="{key}">{escape(caption)}</caption>\n<thead><tr>{names}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody>\n</table>\n</div>"
    )


def _cell(text, best):
    mark = ' <span aria-hidden="true">★</span><span class="unseen"> best</span>' * best
    return f"<td{' class=best' * best}>{escape(text)}{mark}</td>"


def picture(source, size, alt, caption, key=None):
    """A grid of pictures with its caption; source: a data URI, size: (width, height)."""
    named = f' id="{key}"' if key else ""
    return (
        f'<figure>\n<img{named} src="{source}" width="{size[0]}" height="{size[1]}" alt="{escape(alt)}">\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def flat(settings, above=""):
    """[(name, text)] of a dictionary and of those in it; what is None is left out, as it was not set."""
    pairs = []
    for name, value in settings.items():
        name = above + name.replace("_", " ")
        if isinstance(value, dict):
            pairs += flat(value, f"{name}: ")
        elif value is not None:
            pairs.append((name, " × ".join(map(str, value)) if name == "image shape" else _text(value)))
    return pairs


def _text(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
