"""Times as Kubernetes writes them, and ages as its tables show them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

UNKNOWN: Final = "<unknown>"
INVALID: Final = "<invalid>"

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY

_PAIRS: Final = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""(below this many seconds, unit, its letter, smaller unit shown beside it or 0, its letter)"""


def format_age(seconds: float) -> str:
    """`seconds` with at most two units: `304` → `"5m4s"`; less than 2 s in the future is `"0s"`."""
    whole = int(seconds)
    if whole < -1:
        return INVALID
    whole = max(whole, 0)
    for below, unit, letter, smaller, small_letter in _PAIRS:
        if whole < below:
            rest = whole % unit // smaller if smaller else 0
            return f"{whole // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")
    return f"{whole // _YEAR}y"


@lru_cache(maxsize=1024)
def parse_time(text: str) -> float | None:
    """Epoch seconds of an RFC 3339 time; None if `text` is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def age_of(timestamp: str | None, now: float) -> str:
    """The age of an RFC 3339 `timestamp` at `now`; `<unknown>` without one."""
    if not timestamp:
        return UNKNOWN
    moment = parse_time(timestamp)
    return INVALID if moment is None else format_age(now - moment)
