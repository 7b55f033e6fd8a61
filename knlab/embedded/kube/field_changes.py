"""Which fields an object has, and which of them differ between two states of it.

Walks an object along its field types. Two states are compared first as wholes, and only where they
differ the walk goes on: most writes change little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knlab.embedded.kube.field_sets import MEMBER, SELF, FieldSet, item_key
from knlab.embedded.kube.field_types import DEDUCED, FieldType, MapType


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write does: fields that are new or have another value, and fields that are gone."""

    written: FieldSet
    removed: FieldSet

    def __bool__(self) -> bool:
        return bool(self.written or self.removed)


def changes(kind: FieldType, old: Any, new: Any) -> Changes:
    """What changes from object `old` to object `new`, both of type `kind`."""
    found = Changes({}, {})
    if old != new:
        _compare_inside(kind, old, new, found)
    return found


def owned_fields(kind: FieldType, value: Any) -> FieldSet:
    """The fields that somebody owns who wants `value`: leaves, keys of open maps, list items."""
    inside = kind.map
    if isinstance(value, dict):
        if inside is None or inside.atomic:
            return MEMBER
        return {
            f"f:{key}": _owned(inside, key, item)
            for key, item in value.items()
            if not _is_empty_list(inside, key, item)
        }
    item_type = _item_type(kind)
    return {
        key: _with_self(owned_fields(item_type, item)) for key, item in _items(kind, value).items()
    }


def _owned(inside: MapType, key: str, value: Any) -> FieldSet:
    declared = inside.fields.get(key)
    found = owned_fields(declared or inside.others or DEDUCED, value)
    return found if declared else _with_self(found)


def _is_empty_list(inside: MapType, key: str, value: Any) -> bool:
    """Whether `value` is a declared list without items, where only items have owners."""
    declared = inside.fields.get(key)
    listed = declared.list if declared else None
    return value == [] and listed is not None and listed.kind != "atomic"


def _with_self(found: FieldSet) -> FieldSet:
    return {SELF: MEMBER, **found} if found else MEMBER


def every_field(kind: FieldType, value: Any) -> FieldSet:
    """What is new where `value` appears: the field itself and everything below it."""
    if isinstance(value, dict):
        inside = kind.map
        if not value or inside is None or inside.atomic:
            return MEMBER
        found = {SELF: MEMBER}
        fields, others = inside.fields, inside.others or DEDUCED
        for key, item in value.items():
            if isinstance(item, dict | list):
                found[f"f:{key}"] = every_field(fields.get(key) or others, item)
            else:
                found[f"f:{key}"] = MEMBER
        return found
    item_type = _item_type(kind)
    return _with_self(
        {key: every_field(item_type, item) for key, item in _items(kind, value).items()}
    )


def _item_type(kind: FieldType) -> FieldType:
    return kind.list.items if kind.list else DEDUCED


def _items(kind: FieldType, value: Any) -> dict[str, Any]:
    """The items of a list that is not atomic by their keys; under one key a list of several."""
    found: dict[str, Any] = {}
    if not isinstance(value, list) or kind.list is None or kind.list.kind == "atomic":
        return found
    for item in value:
        key = item_key(kind.list, item)
        if key in found:
            known = found[key]
            found[key] = [*known, item] if isinstance(known, list) else [known, item]
        elif key is not None:
            found[key] = item
    return found


def _compare_inside(kind: FieldType, old: Any, new: Any, found: Changes) -> bool:
    """Add to `found` how two unequal values differ inside; False if they count as leaves."""
    inside, listed = kind.map, kind.list
    if isinstance(old or {}, dict) and isinstance(new or {}, dict) and (old or new):
        if inside is None or inside.atomic:
            return False
        _compare_fields(inside, old or {}, new or {}, found)
        return True
    if isinstance(old or [], list) and isinstance(new or [], list) and (old or new):
        if listed is None or listed.kind == "atomic":
            return False
        _compare_items(listed.items, _items(kind, old), _items(kind, new), found)
        return True
    return False


def _compare_fields(
    inside: MapType, old: Mapping[str, Any], new: Mapping[str, Any], found: Changes
) -> None:
    fields, others, always = inside.fields, inside.others or DEDUCED, inside.always
    for key, value in new.items():
        kind = fields.get(key) or others
        if key in old:
            _compare(kind, f"f:{key}", old[key], value, found)
        elif key in always:
            _compare(kind, f"f:{key}", always[key], value, found)
        else:
            found.written[f"f:{key}"] = every_field(kind, value)
    for key in old.keys() - new.keys():
        kind = fields.get(key) or others
        if key in always:
            _compare(kind, f"f:{key}", old[key], always[key], found)
        else:
            found.removed[f"f:{key}"] = every_field(kind, old[key])


def _compare_items(
    kind: FieldType, old: Mapping[str, Any], new: Mapping[str, Any], found: Changes
) -> None:
    for key, item in new.items():
        if key in old:
            _compare(kind, key, old[key], item, found)
        else:
            found.written[key] = every_field(kind, item)
    for key in old.keys() - new.keys():
        found.removed[key] = every_field(kind, old[key])


def _compare(kind: FieldType, key: str, old: Any, new: Any, found: Changes) -> None:
    """Add to `found` how the values under `key`, which is on both sides, differ."""
    if old == new:
        return
    below = Changes({}, {})
    if not _compare_inside(kind, old, new, below):
        # Nobody keeps what was inside a map or list that has become something else.
        found.written[key] = MEMBER if type(old) is type(new) else every_field(kind, new)
        gone = {inner: node for inner, node in every_field(kind, old).items() if inner != SELF}
        if gone:
            found.removed[key] = gone
        return
    if below.written:
        found.written[key] = below.written
    if below.removed:
        found.removed[key] = below.removed
