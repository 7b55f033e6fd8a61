"""Structural schemas as a walk over an object: unknown fields out, nulls out, defaults in.

Schemas are OpenAPI v3 as CustomResourceDefinitions carry them. `kube.validation` checks values.
All functions change the object in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from knlab.embedded.kube.metadata import FIELDS
from knlab.embedded.kube.objects import Object, copy_json

Schema: TypeAlias = Mapping[str, Any]

_TYPED: Final = frozenset({"apiVersion", "kind", "metadata"})
"""What every object has, whether or not its schema says so."""
_NO_SCHEMA: Final[Schema] = {}


def prune(schema: Schema, obj: Object) -> list[str]:
    """Remove fields that `schema` does not know from `obj`; their paths."""
    unknown: list[str] = []
    _prune(schema, obj, "", unknown, is_object=True)
    return unknown


def drop_nulls(schema: Schema | None, obj: Object) -> None:
    """Remove nulls that mean "unset": all but those of nullable fields; all without a schema."""
    if schema is None:
        _drop_every_null(obj)
    else:
        _drop_nulls(schema, obj)


def default(schema: Schema, obj: Object) -> None:
    """Fill in the defaults of `schema` where `obj` has no value."""
    _default(schema, obj)


def _prune(
    schema: Schema, value: Any, path: str, unknown: list[str], *, is_object: bool = False
) -> None:
    if isinstance(value, list):
        items = schema.get("items") or _NO_SCHEMA
        for index, item in enumerate(value):
            _prune(items, item, f"{path}[{index}]", unknown)
        return
    if not isinstance(value, dict):
        return
    typed = is_object or bool(schema.get("x-kubernetes-embedded-resource"))
    preserved = keeps_unknown(schema)
    for key in list(value):
        here = f"{path}.{key}" if path else key
        field = field_schema(schema, key)
        if typed and key in _TYPED:
            _prune_typed(key, value, here, unknown)
        elif field is not None:
            _prune(field, value[key], here, unknown)
        elif not preserved:
            unknown.append(here)
            del value[key]


def _prune_typed(key: str, value: Object, path: str, unknown: list[str]) -> None:
    fields = value[key]
    if key != "metadata" or not isinstance(fields, dict):
        return
    for name in [name for name in fields if name not in FIELDS]:
        unknown.append(f"{path}.{name}")
        del fields[name]


def field_schema(schema: Schema, key: str) -> Schema | None:
    """The schema of the value under `key`; None if `schema` does not know the key."""
    found: Schema | None = (schema.get("properties") or _NO_SCHEMA).get(key)
    if found is not None:
        return found
    additional = schema.get("additionalProperties")
    return additional if isinstance(additional, Mapping) else None


def keeps_unknown(schema: Schema) -> bool:
    """Whether fields that `schema` does not name may stay."""
    return (
        bool(schema.get("x-kubernetes-preserve-unknown-fields"))
        or schema.get("additionalProperties") is True
    )


def _drop_every_null(value: Any) -> None:
    if type(value) is dict:
        items = value.values()
        if None in items:
            for key in [key for key, item in value.items() if item is None]:
                del value[key]
        for item in items:
            if type(item) is dict or type(item) is list:
                _drop_every_null(item)
    elif type(value) is list:
        for item in value:
            _drop_every_null(item)


def _drop_nulls(schema: Schema, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _drop_nulls(schema.get("items") or _NO_SCHEMA, item)
    elif isinstance(value, dict):
        for key, item in tuple(value.items()):
            if not _may_hold_nulls(item) or (field := field_schema(schema, key)) is None:
                continue
            if item is None and not field.get("nullable"):
                del value[key]
            else:
                _drop_nulls(field, item)


def _may_hold_nulls(value: Any) -> bool:
    return value is None or isinstance(value, dict | list)


def _default(schema: Schema, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _default(schema.get("items") or _NO_SCHEMA, item)
    elif isinstance(value, dict):
        for key, field in (schema.get("properties") or _NO_SCHEMA).items():
            if "default" in field and _is_unset(value, key, field):
                value[key] = copy_json(field["default"])
        for key, item in value.items():
            if isinstance(item, dict | list):
                _default(field_schema(schema, key) or _NO_SCHEMA, item)


def _is_unset(value: Object, key: str, field: Schema) -> bool:
    return key not in value or (value[key] is None and not field.get("nullable"))
