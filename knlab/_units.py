"""Durations, counts and sizes as people write them; the only place that parses or prints them."""

from __future__ import annotations

import re
from typing import Final

from knlab._exceptions import UsageError

_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse_duration(text: str | float, *, name: str = "duration") -> float:
    """Seconds in `text`, written as Go writes them: `"30s"`, `"1m30s"`, `"250ms"`, or a number.

    Raises:
        UsageError: if `text` is no duration or negative; the message names `name`.
    """
    if isinstance(text, (int, float)):
        seconds, matched = float(text), True
    else:
        parts = _PART.findall(text)
        matched = bool(parts) and "".join(number + unit for number, unit in parts) == text.strip()
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not matched:
        raise UsageError(
            f"{name}={text!r} is not a duration", hint='write it like "30s", "1m30s" or "250ms"'
        )
    if seconds < 0:
        raise UsageError(f"{name}={text!r} is negative", hint="give a duration of 0s or more")
    return seconds


def format_duration(seconds: float) -> str:
    """`seconds` with three significant digits and the unit that suits: `0.0285` → `"28.5 ms"`."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(seconds) >= factor or unit == "µs":
            return f"{_significant(seconds / factor)} {unit}"
    raise AssertionError("unreachable")


def _significant(value: float) -> str:
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:,.{digits}f}"


def format_count(value: float) -> str:
    """`value` as a whole number with thousands separators: `42395` → `"42,395"`."""
    return f"{value:,.0f}"


def format_bytes(size: float) -> str:
    """`size` in bytes with a binary unit: `1536` → `"1.5 KiB"`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")
