"""Refused in versions of CustomResourceDefinitions: CEL rules, patterns that are none, and fields
that select nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from knlab.embedded.builtin.validation.causes import duplicate, forbidden, invalid, required
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.patterns import pattern_complaint

_RULES: Final = "x-kubernetes-validations"
_NO_RULES: Final = "this server does not evaluate validation rules written in CEL"
_MOST_FIELDS: Final = 8
_SELECTABLE: Final = frozenset({"string", "boolean", "integer"})
_NOWHERE: Final = "is an invalid path: does not refer to a valid field"
_WRONG_TYPE: Final = (
    "must point to a field of type string, boolean or integer. Enum string fields and strings with"
    " formats are allowed."
)


def rules_in(schema: Any, path: str) -> Iterator[Cause]:
    """A cause for every place in `schema` that has rules in CEL: nobody would check them."""
    for part, here in _parts(schema, path):
        if part.get(_RULES):
            yield forbidden(f"{here}.{_RULES}", _NO_RULES)


def patterns_in(schema: Any, path: str) -> Iterator[Cause]:
    """A cause for every pattern in `schema` that is no regular expression."""
    for part, here in _parts(schema, path):
        pattern = part.get("pattern") or ""
        if wrong := pattern_complaint(pattern):
            rule = f"must be a valid regular expression, but isn't: {wrong}"
            yield invalid(f"{here}.pattern", pattern, rule)


def _parts(schema: Any, path: str) -> Iterator[tuple[Object, str]]:
    """`schema` and every schema in it, with where it stands."""
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from _parts(item, f"{path}[{number}]")
    if not isinstance(schema, dict):
        return
    yield schema, path
    for keyword, inner in schema.items():
        if keyword == "properties" and isinstance(inner, dict):
            for name, field in inner.items():
                yield from _parts(field, f"{path}.properties[{name}]")
        elif keyword in {"items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"}:
            yield from _parts(inner, f"{path}.{keyword}")


def selectable_fields(version: Object, path: str) -> Iterator[Cause]:
    """What is wrong with the fields of a version that field selectors may name."""
    fields = version.get("selectableFields") or []
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    seen: set[str] = set()
    if len(fields) > _MOST_FIELDS:
        text = f"Too many: {len(fields)}: must have at most {_MOST_FIELDS} items"
        yield Cause(path, text, "FieldValueTooMany")
    for number, field in enumerate(fields):
        here, where = f"{path}[{number}].jsonPath", field.get("jsonPath") or ""
        if not where:
            yield required(here)
        elif where in seen:
            yield duplicate(here, where)
        elif wrong := _misplaced(where, schema):
            yield invalid(here, where, wrong)
        seen.add(where)


def _misplaced(where: str, schema: Object) -> str:
    """Why `where` is no path to a field that can be selected by; empty if it is one."""
    if "[" in where:
        return "is an invalid path: array notation is not allowed"
    if not re.fullmatch(r"(\.[^.]+)+", where):
        begin = re.split(r"[.\[]", where)[0]
        return f"is an invalid path: expected [ or . but got: {begin}"
    found: Any = schema
    for name in where.removeprefix(".").split("."):
        found = (found.get("properties") or {}).get(name)
        if not isinstance(found, dict):
            return _NOWHERE
    return "" if found.get("type") in _SELECTABLE else _WRONG_TYPE
