"""Durations, numbers and quotes as Go parses and prints them; Knative's texts are made of these."""

from __future__ import annotations

import json
import re
from typing import Final

_SECOND: Final = 1_000_000_000
_UNITS: Final = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000,
    "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND,
}  # fmt: skip
_PART: Final = re.compile(r"(\d*)(?:\.(\d*))?([^\d.]*)")
_FLOAT: Final = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)|nan", re.IGNORECASE
)
_INTEGER: Final = re.compile(r"[+-]?\d+")
_DIGITS: Final = re.compile(r"[0-9]+")


class GoParseError(ValueError):
    """Text that Go's parser refuses; the message is Go's own."""


class GoRangeError(GoParseError):
    """A number that does not fit."""


def parse_nanoseconds(text: str) -> int:
    """Nanoseconds in `text`, as `time.ParseDuration` reads it: `"1m30s"`, `"-1ms"`, `"0"`."""
    sign, rest = (-1 if text.startswith("-") else 1), text.lstrip("+-") if text else ""
    if len(text) - len(rest) > 1 or not rest:
        raise GoParseError(f"time: invalid duration {quoted(text)}")
    if rest == "0":
        return 0
    total, position = 0, 0
    while position < len(rest):
        match = _PART.match(rest, position)
        if match is None or not (match[1] or match[2]):
            raise GoParseError(f"time: invalid duration {quoted(text)}")
        if not match[3]:
            raise GoParseError(f"time: missing unit in duration {quoted(text)}")
        if match[3] not in _UNITS:
            raise GoParseError(f"time: unknown unit {quoted(match[3])} in duration {quoted(text)}")
        unit = _UNITS[match[3]]
        total += int(match[1] or 0) * unit
        if match[2]:
            total += int(match[2]) * unit // 10 ** len(match[2])
        position = match.end()
    return sign * total


def parse_seconds(text: str) -> float:
    """Seconds in `text`, as `time.ParseDuration` reads it."""
    return parse_nanoseconds(text) / _SECOND


def format_seconds(seconds: float) -> str:
    """`seconds` as Go prints a duration: `"30s"`, `"1h0m0s"`, `"1.5ms"`, `"-1s"`."""
    nanoseconds = round(seconds * _SECOND)
    if nanoseconds < 0:
        return f"-{format_seconds(-seconds)}"
    if nanoseconds == 0:
        return "0s"
    for name, unit in (("ns", 1_000), ("µs", 1_000_000), ("ms", _SECOND)):
        if nanoseconds < unit:
            return _fraction(nanoseconds, _UNITS[name]) + name
    minutes, rest = divmod(nanoseconds, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f"{_fraction(rest, _SECOND)}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _fraction(nanoseconds: int, unit: int) -> str:
    whole, rest = divmod(nanoseconds, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).zfill(len(str(unit)) - 1).rstrip('0')}"


def format_float(value: float) -> str:
    """`value` as Go's `%v` prints a float64: `1`, `0.7`, `1e+21`."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].zfill(2)}"
    return text


def quoted(text: str) -> str:
    """`text` in double quotes, as Go's `%q` prints it."""
    return json.dumps(text, ensure_ascii=False)


def parse_float(text: str) -> float:
    """The number in `text`, as `strconv.ParseFloat` reads it."""
    if not _FLOAT.fullmatch(text):
        raise GoParseError(f"strconv.ParseFloat: parsing {quoted(text)}: invalid syntax")
    return float(text)


def parse_integer(text: str, *, bits: int = 64) -> int:
    """The whole number in `text`, as `strconv.ParseInt` with `bits` reads it."""
    if not _INTEGER.fullmatch(text):
        raise GoParseError(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    value = int(text)
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise GoRangeError(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return value


def parse_unsigned(text: str, *, bits: int = 64) -> int:
    """The whole number in `text`, as `strconv.ParseUint` with `bits` reads it."""
    if not _DIGITS.fullmatch(text):
        raise GoParseError(f"strconv.ParseUint: parsing {quoted(text)}: invalid syntax")
    if int(text) >= 2**bits:
        raise GoRangeError(f"strconv.ParseUint: parsing {quoted(text)}: value out of range")
    return int(text)


def parse_bool(text: str) -> bool:
    """The truth value in `text`, as `strconv.ParseBool` reads it."""
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise GoParseError(f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax")
