"""JSON values as Go prints them, and the names of the types that it reads them into."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

TYPES: Final[Mapping[type, str]] = {
    bool: "bool", int: "int64", float: "float64", str: "string", list: "[]interface {}",
    dict: "map[string]interface {}",
}  # fmt: skip
"""The type of each value that JSON can hold; null has none."""
KINDS: Final[Mapping[type, str]] = {**TYPES, list: "slice", dict: "map"}
"""The kinds of these types, as reflection names them."""


def printed(value: Any) -> str:
    """`value` as the verb `%v` prints it: `map[a:1 b:[x <nil>]]`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case float():
            return _float(value)
        case list():
            return f"[{' '.join(map(printed, value))}]"
        case dict():
            return f"map[{' '.join(f'{key}:{printed(value[key])}' for key in sorted(value))}]"
        case _:
            return str(value)


def as_text(value: Any) -> str:
    """`value` as the verb `%s` prints it, which is meant for strings."""
    if isinstance(value, str):
        return value
    if value is None:
        return "%!s(<nil>)"
    if isinstance(value, list):
        return f"[{' '.join(map(as_text, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{as_text(value[key])}' for key in sorted(value))}]"
    return f"%!s({TYPES[type(value)]}={printed(value)})"


def type_of(value: Any) -> str:
    """The type of `value`, as the verb `%s` prints it."""
    return "%!s(<nil>)" if value is None else TYPES[type(value)]


def _float(value: float) -> str:
    exact = Decimal(repr(value)).normalize()
    exponent = exact.adjusted()
    if exact and not -4 <= exponent < 6:
        return f"{exact.scaleb(-exponent):f}e{exponent:+03d}"
    return f"{exact:f}"
