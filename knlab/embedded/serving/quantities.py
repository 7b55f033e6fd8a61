"""Kubernetes resource quantities: what is one, and its canonical spelling."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE]))?"
)


class QuantityError(ValueError):
    """Text that is no quantity; the message is Kubernetes' own."""

    def __init__(self) -> None:
        super().__init__(
            "quantities must match the regular expression"
            " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )


def parse_quantity(text: str) -> Fraction:
    """The exact value of the quantity `text`.

    Raises:
        QuantityError: if it is none.
    """
    return _parts(text)[0]


def canonical_quantity(text: str) -> str:
    """`text` as the API server writes it: `"0.5"` → `"500m"`, `"1024Mi"` → `"1Gi"`."""
    value, binary = _parts(text)
    return _format_binary(value) if binary else format_decimal(value)


def _parts(text: str) -> tuple[Fraction, bool]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError
    number, exponent, binary, decimal = match.groups()
    value = Fraction(number + (exponent or ""))
    if binary:
        return value * 1024 ** _BINARY.index(binary), True
    return value * Fraction(10) ** _DECIMAL[decimal or ""], False


def format_decimal(value: Fraction) -> str:
    """`value` with the largest decimal suffix that needs no fraction."""
    if value == 0:
        return "0"
    for suffix, power in reversed(_DECIMAL.items()):
        scaled = value / Fraction(10) ** power
        if scaled.denominator == 1:
            return f"{scaled.numerator}{suffix}"
    return f"{-(-value * 10**9 // 1)}n"


def _format_binary(value: Fraction) -> str:
    if value.denominator != 1 or abs(value) < 1024:
        return format_decimal(value)
    power = 0
    while power < len(_BINARY) - 1 and value % 1024 == 0:
        value, power = value / 1024, power + 1
    return f"{value.numerator}{_BINARY[power]}"
