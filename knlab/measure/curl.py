"""curl's own timing: the format file that the article uses, and its output as a `Timing`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from knlab._exceptions import UsageError
from knlab.measure.records import Timing

FORMAT_FILE: Final = Path(__file__).with_name("curl-format.txt")
"""For `curl -w @FILE`: the eight lines that the article prints."""

_LINE: Final = re.compile(r"^[ \t]*time_(\w+):[ \t]*(\d+(?:\.\d+)?)[ \t]*$", re.MULTILINE)
_FIELDS: Final = (
    "namelookup", "connect", "appconnect", "pretransfer", "redirect", "starttransfer", "total",
)  # fmt: skip


def from_curl(text: str, *, url: str = "", world: str = "") -> Timing:
    """The timing in what `curl -w @curl-format.txt` printed; lines before the first are the body.

    Raises:
        UsageError: if a field is missing; the message names it.
    """
    seen = {match[1]: float(match[2]) for match in _LINE.finditer(text)}
    if missing := [name for name in _FIELDS if name not in seen]:
        raise UsageError(
            f"curl's output lacks time_{missing[0]}",
            hint=f'run curl -w "@{FORMAT_FILE.name}" and pass all that it printed',
        )
    first = _LINE.search(text)
    body = text[: first.start()].strip("\n") if first else ""
    fields: dict[str, Any] = {name: seen[name] for name in _FIELDS}
    return Timing(**fields, body=body.encode(), url=url, via="curl", world=world)
