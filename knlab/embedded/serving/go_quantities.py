"""Quantities as Go prints the structure that holds them: `{i:{value:100 scale:-3} … s:100m …}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from knlab.embedded.kube.quantities import canonical_quantity

ADDRESS: Final = "0xc000a1b2c8"
"""What stands for a place in memory, which is another in each process."""
_QUANTITY: Final = re.compile(r"([+-]?)0*(\d*)(?:\.(\d*))?(.*)")
_SUFFIXES: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_BINARY: Final = {f"{letter}i": 10 * power for power, letter in enumerate("KMGTPE", 1)}
_DIGITS: Final = 18
_SMALLEST: Final = -9
_LARGEST: Final = 2**63


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The parts of a quantity's text."""

    negative: bool
    whole: str
    fraction: str
    exponent: int
    format: str


def printed_quantity(text: str, *, named: bool) -> str:
    """The structure of the quantity `text`, with the names of its fields or without."""
    value, scale, decimal, kept, form = _structure(text)
    if named:
        return f"{{i:{{value:{value} scale:{scale}}} d:{{Dec:{decimal}}} s:{kept} Format:{form}}}"
    return f"{{{{{value} {scale}}} {{{decimal}}} {kept} {form}}}"


def spelled_quantity(text: str) -> str:
    """The quantity `text` as it prints itself where it is pointed to."""
    return _structure(text)[3] or canonical_quantity(text)


def _structure(text: str) -> tuple[int, int, str, str, str]:
    if not text:
        return 0, 0, "<nil>", "", ""
    if text == "0":
        return 0, 0, "<nil>", text, "DecimalSI"
    parsed = _parse(text)
    digits = parsed.whole + parsed.fraction
    is_binary = parsed.format == "BinarySI"
    scale = (0 if is_binary else parsed.exponent) - len(parsed.fraction)
    value = int(digits) * 2 ** (parsed.exponent if is_binary else 0)
    if _has_room(parsed) and scale >= _SMALLEST and value < _LARGEST:
        if is_binary:
            is_canonical = parsed.exponent % 10 == 0 and int(digits) % 8 != 0
        else:
            is_canonical = scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"
        shown = -value if parsed.negative else value
        return shown, scale, "<nil>", text if is_canonical else "", parsed.format
    below_one = (
        is_binary and 0 < Decimal(f"{parsed.whole}.{parsed.fraction}0") * (2**parsed.exponent) < 1
    )
    return 0, 0, ADDRESS, "", "DecimalSI" if below_one else parsed.format


def _has_room(parsed: _Parsed) -> bool:
    if parsed.format != "BinarySI":
        return len(parsed.whole) + len(parsed.fraction) <= _DIGITS
    return not parsed.fraction and 14 - len(parsed.whole) - int(parsed.exponent * 3 / 10) >= 0


def _parse(text: str) -> _Parsed:
    match = _QUANTITY.fullmatch(text)
    sign, whole, fraction, suffix = match.groups() if match else ("", "0", "", "")
    if suffix in _BINARY:
        exponent, form = _BINARY[suffix], "BinarySI"
    elif suffix in _SUFFIXES:
        exponent, form = _SUFFIXES[suffix], "DecimalSI"
    else:
        exponent, form = int(suffix[1:]), "DecimalExponent"
    return _Parsed(sign == "-", whole or "0", fraction or "", exponent, form)
