"""HTML for notebook output: the only place that builds tables; everything in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CELL = "padding:0.15em 0.8em;border-bottom:1px solid rgba(128,128,128,0.3)"
_CAPTION = "caption-side:top;text-align:left;padding:0.2em 0.8em"


def html_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = ""
) -> str:
    """A table in the page's own colours; the first column to the left, the rest to the right."""
    head = "".join(_cell("th", text, index) for index, text in enumerate(header))
    body = "".join(
        "<tr>" + "".join(_cell("td", text, index) for index, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    title = f'<caption style="{_CAPTION}">{escape(caption)}</caption>' if caption else ""
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f"{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(tag: str, text: object, index: int) -> str:
    side = "right" if index else "left"
    return f'<{tag} style="{_CELL};text-align:{side}">{escape(str(text))}</{tag}>'
