"""What Kubernetes' typed decoders refuse, in their words.

Kubernetes and its controllers decode JSON into structures before they look at it, so a value of a
wrong type is never defaulted or validated: the client gets the decoder's first complaint. Here the
structures are data (`Struct`, `List`, `Map`, …), and `misfit` is the decoder.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

from knlab.embedded.kube.quantities import QuantityError, parse_quantity

_LIMITS: Final = {"int32": 2**31, "int64": 2**63}
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_BASE64_DIGITS: Final = re.compile(r"[A-Za-z0-9+/]{0,4}(?:(?<=[A-Za-z0-9+/]{2})=)?")
_DATE_PARTS: Final = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"),
    ("15", r"\d\d?"), (":", ":"), ("04", r"\d\d"), (":", ":"),
)  # fmt: skip
_ZONE: Final = ("Z07:00", r"Z|[+-]\d\d:\d\d")
_TIME_PARTS: Final = (*_DATE_PARTS, ("05", r"\d\d([.,]\d+)?"), _ZONE)
_MICRO_PARTS: Final = (*_DATE_PARTS, ("05", r"\d\d"), (".000000", r"[.,]\d{6}"), _ZONE)
_RANGES: Final = {
    "01": ("month", 1, 12), "15": ("hour", 0, 23), "04": ("minute", 0, 59), "05": ("second", 0, 59),
}  # fmt: skip
"""The parts of a time that Go checks as it reads them; the day and the zone come last."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """`string`, `bool`, `int32`, `int64` or `float64`; `named` is the type's own name, if any."""

    go: str
    named: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A type that reads itself from a string: `complaint(text)` is empty if it can."""

    complaint: Callable[[str], str]
    go: str = "string"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a suffix, as string or number."""

    go: str = "resource.Quantity"


@dataclass(frozen=True, slots=True)
class Anything:
    """Raw JSON."""

    go: str = "interface {}"


@dataclass(frozen=True, slots=True)
class IntOrString:
    """A port or percentage: a string or an int32."""

    go: str = "intstr.IntOrString"


@dataclass(frozen=True, slots=True)
class List:
    """A slice."""

    of: Type
    named: str = ""

    @property
    def go(self) -> str:
        """The slice's type, as messages name it."""
        return self.named or f"[]{self.of.go}"


@dataclass(frozen=True, slots=True)
class Map:
    """A map from strings."""

    of: Type
    named: str = ""

    @property
    def go(self) -> str:
        """The map's type, as messages name it."""
        return self.named or f"map[string]{self.of.go}"


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a structure; `via` names the embedded structures that messages mention."""

    type: Type
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure; `members` are asked for when they are needed, so that types may be recursive."""

    go: str
    """Package and name: `v1.PodSpec`."""
    members: Callable[[], Mapping[str, Member]]

    @property
    def name(self) -> str:
        """The name without its package."""
        return self.go.rpartition(".")[2]


Type: TypeAlias = Scalar | Text | Quantity | Anything | IntOrString | List | Map | Struct


@dataclass(slots=True)
class _Misfit:
    """A value of a wrong type, and on the way out of the recursion where it is."""

    shown: str
    """The value's JSON type, or a complaint that says everything."""
    go: str = ""
    struct: str = ""
    """The innermost structure around the value."""
    path: list[str] = field(default_factory=list)
    """Fields from the inside to the outside."""

    def __str__(self) -> str:
        if not self.go:
            return self.shown
        place = "value"
        if self.path:
            place = f"struct field {'.'.join((self.struct, *reversed(self.path)))}"
        return f"json: cannot unmarshal {self.shown} into Go {place} of type {self.go}"


def misfit(value: Any, type_: Type) -> str:
    """The decoder's complaint about the first value that does not fit `type_`; empty if all do."""
    found = _misfit(value, type_)
    return "" if found is None else str(found)


def fill_nulls(value: Any, type_: Type) -> None:
    """Make null structures in the lists of `value`, which fits `type_`, what they mean: empty."""
    if isinstance(type_, Struct) and isinstance(value, dict):
        members = type_.members()
        for key, item in value.items():
            if key in members:
                fill_nulls(item, members[key].type)
    elif isinstance(type_, List) and isinstance(value, list):
        for index, item in enumerate(value):
            if item is None and isinstance(type_.of, Struct):
                value[index] = {}
            fill_nulls(value[index], type_.of)


def _misfit(value: Any, type_: Type) -> _Misfit | None:
    if value is None or isinstance(type_, Anything):
        return None
    if isinstance(type_, Struct):
        return _struct_misfit(value, type_)
    if isinstance(type_, List | Map):
        items = _items(value, type_)
        return _wrong(value, type_) if items is None else _first_misfit(items, type_.of)
    return _leaf_misfit(value, type_)


def _items(value: Any, type_: List | Map) -> Iterable[Any] | None:
    if isinstance(type_, List):
        return value if isinstance(value, list) else None
    return value.values() if isinstance(value, dict) else None


def _struct_misfit(value: Any, type_: Struct) -> _Misfit | None:
    if not isinstance(value, dict):
        return _wrong(value, type_)
    members = type_.members()
    for key, item in value.items():
        member = members.get(key)
        if member is not None and (found := _misfit(item, member.type)) is not None:
            found.struct = found.struct or type_.name
            found.path += (key, *reversed(member.via))
            return found
    return None


def _first_misfit(items: Iterable[Any], type_: Type) -> _Misfit | None:
    return next((found for item in items if (found := _misfit(item, type_)) is not None), None)


def _leaf_misfit(
    value: Any, type_: Scalar | Text | Quantity | IntOrString | Anything
) -> _Misfit | None:
    match type_:
        case Scalar():
            return _scalar_misfit(value, type_)
        case Text() if isinstance(value, str):
            complaint = type_.complaint(value)
        case Text():
            return _wrong(value, type_)
        case IntOrString():
            return None if isinstance(value, str) else _scalar_misfit(value, Scalar("int32"))
        case _:
            complaint = _quantity_complaint(value)
    return _Misfit(complaint) if complaint else None


def _scalar_misfit(value: Any, type_: Scalar) -> _Misfit | None:
    go = type_.named or type_.go
    limit = _LIMITS.get(type_.go)
    if limit is None:
        return None if _FITS[type_.go](value) else _Misfit(_kind_of(value), go)
    kind = _kind_of(value)
    if kind != "number":
        return _Misfit(kind, go)
    fits = isinstance(value, int) and -limit <= value < limit
    return None if fits else _Misfit(f"number {value}", go)


_FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "float64": lambda value: _kind_of(value) == "number",
}


def _wrong(value: Any, type_: Type) -> _Misfit:
    return _Misfit(_kind_of(value), type_.go)


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _quantity_complaint(value: Any) -> str:
    try:
        parse_quantity(value)
    except QuantityError as error:
        return str(error)
    return ""


def _bytes_complaint(text: str) -> str:
    plain = text.replace("\r", "").replace("\n", "")
    whole = _BASE64.match(plain)
    good = whole.end() if whole else 0
    if good == len(plain):
        return ""
    begun = _BASE64_DIGITS.match(plain, good)
    wrong = begun.end() if begun else good
    is_cut = wrong == len(plain) and not plain.endswith("=")
    if is_cut or plain[:good].endswith("="):
        wrong = good
    return f"illegal base64 data at input byte {wrong}"


@lru_cache(maxsize=1024)
def _time_complaint(text: str, parts: Sequence[tuple[str, str]] = _TIME_PARTS) -> str:
    rest, read = text, dict[str, str]()
    for element, pattern in parts:
        found = re.match(pattern, rest, re.ASCII)
        if found is None:
            layout = "".join(name for name, _ in parts)
            return f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{element}"'
        read[element], rest = found[0], rest[found.end() :]
        word, least, most = _RANGES.get(element, ("", 0, 0))
        if word and not least <= int(found[0][:2]) <= most:
            return f'parsing time "{text}": {word} out of range'
    wrong = f'extra text: "{rest}"' if rest else _date_complaint(read)
    return f'parsing time "{text}": {wrong}' if wrong else ""


def _date_complaint(read: Mapping[str, str]) -> str:
    """What is wrong with the day or the zone among the parts of a time; empty if nothing is."""
    if not 1 <= int(read["02"]) <= _days(int(read["2006"]), int(read["01"])):
        return "day out of range"
    hours, _, minutes = read["Z07:00"].lstrip("Z+-").partition(":")
    if int(hours or 0) > 24:
        return "time zone offset hour out of range"
    return "time zone offset minute out of range" if int(minutes or 0) > 60 else ""


def _days(year: int, month: int) -> int:
    """How many days a month has; the calendar repeats every 400 years, and there is a year 0."""
    return calendar.monthrange(year % 400 + 400, month)[1]


STRING: Final = Scalar("string")
BOOL: Final = Scalar("bool")
INT32: Final = Scalar("int32")
INT64: Final = Scalar("int64")
FLOAT: Final = Scalar("float64")
BYTES: Final = Text(_bytes_complaint, "[]uint8")
TIME: Final = Text(_time_complaint)
MICRO_TIME: Final = Text(partial(_time_complaint, parts=_MICRO_PARTS))
"""A time with six digits after the second, no more and no less."""
STRINGS: Final = Map(STRING)
