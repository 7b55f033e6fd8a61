"""Checking values against a structural schema, with the messages of Kubernetes.

Not evaluated: CEL rules (`x-kubernetes-validations`).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object, json_text
from knlab.embedded.kube.patterns import matches
from knlab.embedded.kube.schema import Schema, field_schema

_TYPES: Final[Mapping[type, str]] = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array",
    dict: "object", type(None): "null",
}  # fmt: skip

_SAYS_TEXT: Final = frozenset({"type", "description", "default", "nullable"})
_EMBEDDED: Final = ("apiVersion", "kind")
"""What an object inside an object must say."""


def validate(schema: Schema, obj: Object, *, unique: bool = True) -> list[Cause]:
    """What in `obj` breaks the rules of `schema`; without `unique` list items may be equal."""
    found = _value(schema, obj, "")
    return [cause for cause in found if unique or cause.reason != "FieldValueDuplicate"]


def _value(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    if value is None and schema.get("nullable"):
        return
    wrong = _wrong_type(schema, value)
    if wrong:
        actual = _TYPES[type(value)]
        text = f'{path} in body must be of type {wrong}: "{actual}"'
        yield Cause(path, f'Invalid value: "{actual}": {text}', "FieldValueTypeInvalid")
        yield from _enum(schema, value, path)
        return
    yield from _composed(schema, value, path)
    if isinstance(value, str):
        yield from _string(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(schema, value, path)
    elif isinstance(value, list):
        yield from _list(schema, value, path)
    elif isinstance(value, dict):
        yield from _map(schema, value, path)
    yield from _enum(schema, value, path)


def _wrong_type(schema: Schema, value: Any) -> str:
    """The type that `value` should have; empty if it has it."""
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return "" if fits else "integer,string"
    wanted: str = schema.get("type", "")
    actual = _TYPES[type(value)]
    if not wanted or wanted == actual or (wanted, actual) == ("number", "integer"):
        return ""
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return ""
    return wanted


def _composed(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    for each in schema.get("allOf") or ():
        yield from _value(each, value, path)
    if alternatives := schema.get("anyOf"):
        failures = [list(_value(each, value, path)) for each in alternatives]
        if all(failures):
            yield _composition(f'"{path}" must validate at least one schema (anyOf)')
            yield from min(failures, key=len)
    if alternatives := schema.get("oneOf"):
        failures = [list(_value(each, value, path)) for each in alternatives]
        valid = sum(not failure for failure in failures)
        if valid != 1:
            found = f"{valid} valid alternatives" if valid else "none valid"
            text = f'"{path}" must validate one and only one schema (oneOf). Found {found}'
            yield _composition(text)
        if not valid:
            yield from min(failures, key=len)
    if "not" in schema and not list(_value(schema["not"], value, path)):
        yield _composition(f'"{path}" must not validate the schema (not)')


def _is_any_text(schema: Schema, value: Any) -> bool:
    """Whether `value` is a text and `schema` asks for no more: most values of most objects."""
    return type(value) is str and schema.get("type") == "string" and _SAYS_TEXT.issuperset(schema)


def _composition(text: str) -> Cause:
    return Cause("<nil>", f'Invalid value: "": {text}')


def _string(schema: Schema, value: str, path: str) -> Iterator[Cause]:
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        text = f"Too long: may not be more than {longest} bytes"
        yield Cause(path, text, "FieldValueTooLong")
    if shortest is not None and len(value) < shortest:
        yield _invalid(path, value, f"should be at least {shortest} chars long")
    pattern = schema.get("pattern")
    if pattern and not matches(pattern, value):
        yield _invalid(path, value, f"should match '{pattern}'")
    fits = _FORMATS.get(schema.get("format", ""))
    if fits and not fits(value):
        text = f"must be of type {schema['format']}: {json_text(value)}"
        yield _invalid(path, value, text, "FieldValueTypeInvalid")


def _number(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None:
        strictly = bool(schema.get("exclusiveMinimum"))
        if value < least or (strictly and value == least):
            equal = "" if strictly else " or equal to"
            yield _invalid(path, value, f"should be greater than{equal} {least}")
    if most is not None:
        strictly = bool(schema.get("exclusiveMaximum"))
        if value > most or (strictly and value == most):
            equal = "" if strictly else " or equal to"
            yield _invalid(path, value, f"should be less than{equal} {most}")
    factor = schema.get("multipleOf")
    if factor and value % factor:
        yield _invalid(path, value, f"should be a multiple of {factor}")


def _list(schema: Schema, value: list[Any], path: str) -> Iterator[Cause]:
    yield from _size(schema, len(value), path, ("minItems", "maxItems", "items"))
    items = schema.get("items")
    if isinstance(items, Mapping):
        for index, item in enumerate(value):
            yield from _value(items, item, f"{path}[{index}]")
    yield from _duplicates(schema, value, path)


def _map(schema: Schema, value: Object, path: str) -> Iterator[Cause]:
    yield from _size(schema, len(value), path, ("minProperties", "maxProperties", "properties"))
    required: Sequence[str] = schema.get("required") or ()
    if schema.get("x-kubernetes-embedded-resource"):
        required = (*_EMBEDDED, *required)
    for name in required:
        if name not in value:
            yield Cause(_joined(path, name), "Required value", "FieldValueRequired")
    for key, item in value.items():
        field = field_schema(schema, key)
        if field is not None and not _is_any_text(field, item):
            yield from _value(field, item, _joined(path, key))


def _size(schema: Schema, size: int, path: str, words: tuple[str, str, str]) -> Iterator[Cause]:
    fewest, most = schema.get(words[0]), schema.get(words[1])
    if fewest is not None and size < fewest:
        yield _invalid(path, size, f"should have at least {fewest} {words[2]}")
    if most is not None and size > most:
        text = f"Too many: {size}: must have at most {most} item{'' if most == 1 else 's'}"
        yield Cause(path, text, "FieldValueTooMany")


def _duplicates(schema: Schema, value: list[Any], path: str) -> Iterator[Cause]:
    keys: Sequence[str] = schema.get("x-kubernetes-list-map-keys") or ()
    kind = schema.get("x-kubernetes-list-type")
    if kind not in {"map", "set"} and not schema.get("uniqueItems"):
        return
    seen: set[bytes] = set()
    for index, item in enumerate(value):
        identity = item
        if kind == "map" and isinstance(item, dict):
            identity = {key: item[key] for key in keys if key in item}
        text = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        if text in seen:
            where = f"{path}[{index}]"
            yield Cause(where, f"Duplicate value: {text.decode()}", "FieldValueDuplicate")
        seen.add(text)


def _enum(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        listed = ", ".join(f'"{each}"' for each in allowed)
        text = f"Unsupported value: {json_text(value)}: supported values: {listed}"
        yield Cause(path, text, "FieldValueNotSupported")


def _invalid(path: str, value: Any, rule: str, reason: str = "FieldValueInvalid") -> Cause:
    return Cause(path, f"Invalid value: {json_text(value)}: {path} in body {rule}", reason)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _accepts(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return fits


def _parse_date_time(text: str) -> datetime:
    if "T" not in text.upper() or not re.search(r"([Zz]|[+-]\d\d:\d\d)$", text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _parse_duration(text: str) -> None:
    if not _DURATION.fullmatch(text.strip()):
        raise ValueError(text)


def _parse_uri(text: str) -> None:
    parts = urlsplit(text)
    if not parts.scheme or any(letter.isspace() for letter in text):
        raise ValueError(text)


def _parse_email(text: str) -> None:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(text)[1]):
        raise ValueError(text)


_DURATION: Final = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|ms|s|m|h)([0-9.]+(ns|us|\u00b5s|ms|s|m|h))*"
    r"|[0-9]+ *(ns|nano|us|micro|ms|milli|s|sec|m|min|h|hour|d|day|w|week)[a-z]*"
)
_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date-time": _accepts(_parse_date_time),
    "date": _accepts(lambda text: datetime.strptime(text, "%Y-%m-%d")),  # noqa: DTZ007
    "duration": _accepts(_parse_duration),
    "email": _accepts(_parse_email),
    "uri": _accepts(_parse_uri),
    "byte": _accepts(lambda text: base64.b64decode(text, validate=True)),
    "ipv4": _accepts(ipaddress.IPv4Address),
    "ipv6": _accepts(ipaddress.IPv6Address),
    "uuid": _accepts(uuid.UUID),
}
"""Formats that are checked; Kubernetes ignores those that it does not know, too."""
