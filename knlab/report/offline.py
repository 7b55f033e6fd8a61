"""Whether a page opens offline: everything in it that a browser would fetch from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_LOADING: Final = ("src", "srcset", "href", "data", "poster", "background", "xlink:href")
_REMOTE: Final = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
_STYLE: Final = re.compile(
    r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE
)


def remote_references(html: str) -> list[str]:
    """What a browser would fetch from elsewhere to show `html`; links to follow do not count."""
    page = _Page()
    page.feed(html)
    return page.found


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, value in attrs:
            if value is None:
                continue
            if name == "style":
                self.found += _STYLE.findall(value)
            elif name in _LOADING and tag != "a" and _REMOTE.match(value):
                self.found.append(value.strip())

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += _STYLE.findall(data)
