"""HTML for notebook output: the only place that builds tables; everything in it is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_NUMBER: Final = re.compile(r"[^\w\s]?\s?\d[\d.,]*\s?(?:%|[^\W\d]{1,4}|\N{MULTIPLICATION SIGN})?$")
"""A number as people write it, with a unit or without."""
_CELL: Final = "padding:0.15em 0.8em;border-bottom:1px solid rgba(128,128,128,0.3)"
_CAPTION: Final = "caption-side:top;text-align:left;padding:0.2em 0.8em"


def html_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = ""
) -> str:
    """A table in the page's own colours; columns that are mostly numbers to the right."""
    lines = [[str(cell) for cell in row] for row in rows]
    sides = [_side([line[index] for line in lines if index < len(line)], index)
             for index in range(max(map(len, [header, *lines])))]  # fmt: skip
    head = _row("th", header, sides)
    body = "".join(_row("td", line, sides) for line in lines)
    title = f'<caption style="{_CAPTION}">{escape(caption)}</caption>' if caption else ""
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f"{title}<thead>{head}</thead><tbody>{body}</tbody></table>"
    )


def _side(column: Sequence[str], index: int) -> str:
    said = [bool(_NUMBER.match(text)) for text in column if text]
    return "right" if index and 2 * sum(said) > len(said) else "left"


def _row(tag: str, texts: Sequence[str], sides: Sequence[str]) -> str:
    cells = (
        f'<{tag} style="{_CELL};text-align:{side}">{escape(text)}</{tag}>'
        for text, side in zip(texts, sides, strict=False)
    )
    return f"<tr>{''.join(cells)}</tr>"
