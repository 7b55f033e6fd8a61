"""Resource quantities such as `250m` or `1.5Gi`: their value and their canonical spelling."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_PATTERN: Final = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?"
)
_BINARY: Final = {f"{letter}i": Decimal(1024) ** n for n, letter in enumerate("KMGTPE", 1)}
_LARGEST: Final = Decimal(2**63 - 1)
"""Kubernetes takes larger ones for this one."""
_DECIMAL: Final = {
    unit: Decimal(1000) ** n for n, unit in enumerate(("n", "u", "m", "", *"kMGTPE"), -3)
}


class QuantityError(ValueError):
    """Text that is no quantity; the message is Kubernetes' own."""

    def __init__(self) -> None:
        super().__init__(
            "quantities must match the regular expression"
            " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )


def find_quantity(text: Any) -> Decimal | None:
    """The number that `text` stands for; None if it is no quantity."""
    try:
        return parse_quantity(text)
    except QuantityError:
        return None


def parse_quantity(text: Any) -> Decimal:
    """The number that `text` stands for.

    Raises:
        QuantityError: if it is no quantity.
    """
    matched = _PATTERN.fullmatch(str(text)) if not isinstance(text, bool) else None
    if matched is None:
        raise QuantityError
    number, exponent, suffix = matched.groups()
    factor = Decimal(1) if exponent else _BINARY.get(suffix) or _DECIMAL[suffix or ""]
    value = Decimal(number + (exponent or "")) * factor
    return max(-_LARGEST, min(value, _LARGEST))


def canonical_quantity(text: Any) -> str:
    """`text` as Kubernetes stores it: `"0.5"` is `"500m"`.

    Raises:
        QuantityError: if it is no quantity.
    """
    value = parse_quantity(text)
    written = str(text)
    if written.endswith("i") and (short := _binary(value)) is not None:
        return short
    return _exponent(value) if re.search(r"\d[eE][+-]?\d", written) else _decimal(value)


def _binary(value: Decimal) -> str | None:
    """`value` with the largest binary suffix that leaves a whole number; None for fractions."""
    if -1024 < value < 1024 or value != value.to_integral_value():
        return _decimal(value) if value == value.to_integral_value() else None
    for unit, factor in reversed(_BINARY.items()):
        if value % factor == 0:
            return f"{int(value / factor)}{unit}"
    return str(int(value))


def _decimal(value: Decimal) -> str:
    for unit, factor in reversed(_DECIMAL.items()):
        if value % factor == 0 and (value or not unit):
            return f"{int(value / factor)}{unit}"
    return f"{int(value / _DECIMAL['n']) + 1}n"


def _exponent(value: Decimal) -> str:
    for power in range(18, -10, -3):
        factor = Decimal(10) ** power
        if value and value % factor == 0:
            return f"{int(value / factor)}" + (f"e{power}" if power else "")
    return "0"
