"""Refused in versions of CustomResourceDefinitions: CEL rules, fields that select nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from knlab.embedded.builtin.validation.causes import duplicate, forbidden, invalid, required
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object

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
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from rules_in(item, f"{path}[{number}]")
    if not isinstance(schema, dict):
        return
    if schema.get(_RULES):
        yield forbidden(f"{path}.{_RULES}", _NO_RULES)
    for keyword, inner in schema.items():
        if keyword == "properties" and isinstance(inner, dict):
            for name, field in inner.items():
                yield from rules_in(field, f"{path}.properties[{name}]")
        elif keyword in {"items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"}:
            yield from rules_in(inner, f"{path}.{keyword}")


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
