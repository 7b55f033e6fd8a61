"""Sets of fields, in the form in which `managedFields` shows them (FieldsV1).

A set is a tree of dictionaries. Keys are `f:name` for a field, `k:{"name":"web"}` for the item of a
list with these keys, `v:"value"` for a member of a set. An empty dictionary is a member of the set;
so is one with the key `.`, whose other keys are members below it. No dictionary in a set is ever
changed: the functions share what stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from knlab.embedded.kube.field_types import FieldType, ListType
from knlab.embedded.kube.objects import json_text

FieldSet: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]

SELF: Final = "."
MEMBER: Final[FieldSet] = {}
"""A field without members below it."""
NOTHING: Final[FieldSet] = {}
"""The empty set, as a whole."""


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in either."""
    result = dict(one)
    for key, theirs in other.items():
        ours = result.get(key)
        result[key] = theirs if ours is None else _united(ours, theirs)
    return result


def _united(ours: FieldSet, theirs: FieldSet) -> FieldSet:
    if not ours or not theirs:  # one is a member without anything below it
        below = ours or theirs
        return below if SELF in below or not below else {SELF: {}, **below}
    return union(ours, theirs)


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in `one` but not in `other`; `one` itself if nothing is in both."""
    result: FieldSet | None = None
    for key in one.keys() & other.keys():
        if key == SELF:
            continue
        left = _left(one[key], other[key])
        if left is one[key]:
            continue
        if result is None:
            result = dict(one)
        if left is None:
            del result[key]
        else:
            result[key] = left
    return one if result is None else result


def _left(ours: FieldSet, theirs: FieldSet) -> FieldSet | None:
    """The node `ours` without the members of `theirs`; None if nothing is left."""
    excluded = not theirs or SELF in theirs
    if not ours:
        return None if excluded else ours
    below = difference(ours, theirs)
    if excluded and SELF in below:
        below = {key: node for key, node in below.items() if key != SELF}
    if below.keys() == {SELF}:
        return MEMBER
    return below or None


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in both."""
    result: FieldSet = {}
    for key, ours in one.items():
        theirs = other.get(key)
        if theirs is None or key == SELF:
            continue
        below = intersection(ours, theirs)
        if (not ours or SELF in ours) and (not theirs or SELF in theirs):
            result[key] = {SELF: {}, **below} if below else MEMBER
        elif below:
            result[key] = below
    return result


def has(fields: FieldSet, path: Sequence[str]) -> bool:
    """Whether the field at `path` is in the set."""
    node = fields
    for key in path:
        if key not in node:
            return False
        node = node[key]
    return not node or SELF in node


def paths(fields: FieldSet) -> Iterator[Path]:
    """Every member in Kubernetes' order: those of a level first, then what is below them."""
    keys = sorted((key for key in fields if key != SELF), key=_rank)
    for key in keys:
        if not fields[key] or SELF in fields[key]:
            yield (key,)
    for key in keys:
        for path in paths(fields[key]):
            yield key, *path


def at(path: Sequence[str]) -> FieldSet:
    """The set of the one field at `path`."""
    node = MEMBER
    for key in reversed(path):
        node = {key: node}
    return node


def path_text(path: Sequence[str]) -> str:
    """`path` as messages show it: `.spec.containers[name="web"].image`."""
    return "".join(map(_step_text, path))


def _step_text(key: str) -> str:
    form, _, rest = key.partition(":")
    if form == "f":
        return f".{rest}"
    if form == "k":
        pairs = orjson.loads(rest).items()
        return f"[{','.join(f'{name}={json_text(value)}' for name, value in pairs)}]"
    return f"[{rest}]" if form == "i" else f"[={rest}]"


_FORMS: Final = ("f", "k", "v")
_VALUES: Final[Mapping[type, int]] = {float: 0, int: 0, str: 1, bool: 2}


def _rank(key: str) -> tuple[Any, ...]:
    """Where `key` stands among others: fields by name, then items by the values of their keys."""
    form, _, rest = key.partition(":")
    place = _FORMS.index(form) if form in _FORMS else len(_FORMS)
    if form == "f":
        return place, rest
    value = orjson.loads(rest)
    if isinstance(value, dict):
        return place, [(name, *_value_rank(item)) for name, item in value.items()]
    return place, *_value_rank(value)


def _value_rank(value: Any) -> tuple[int, Any]:
    return _VALUES.get(type(value), 3), value if type(value) in _VALUES else repr(value)


def item_key(kind: ListType, item: Any) -> str | None:
    """The key of `item` in a list of `kind` that is not atomic; None if it has none."""
    if kind.kind == "set":
        return None if item is None or isinstance(item, dict | list) else f"v:{json_text(item)}"
    if not isinstance(item, dict):
        return None
    found = {key: item.get(key, kind.defaults.get(key)) for key in sorted(kind.keys)}
    given = {key: value for key, value in found.items() if value is not None}
    return f"k:{json_text(given)}" if given else None


def parsed(value: Any) -> FieldSet | None:
    """The set in `value`, as a client sent it, with its keys in the usual spelling.

    None if it is none. Keys of unknown forms are left out, as Kubernetes does.
    """
    if not isinstance(value, dict):
        return None
    result: FieldSet = {}
    for key, inner in value.items():
        spelled = SELF if key == SELF else _spelled(key)
        node = parsed(inner)
        if spelled is None or node is None:
            return None
        if spelled:
            result[spelled] = node
    return result


def _spelled(key: str) -> str | None:
    form, colon, rest = key.partition(":")
    if not colon:
        return None
    if form == "f":
        return key
    if form not in _FORMS:
        return ""
    try:
        value = orjson.loads(rest)
    except orjson.JSONDecodeError:
        return None
    if form == "k":
        return f"k:{json_text(dict(sorted(value.items())))}" if isinstance(value, dict) else None
    return f"v:{json_text(value)}"


def with_named_fields(fields: FieldSet, kind: FieldType) -> FieldSet:
    """`fields` and every declared field above them; keys of maps and items are not added."""
    declared = kind.map.fields if kind.map else {}
    result: FieldSet = {}
    for key, node in fields.items():
        inner = below(kind, key)
        if not node or key == SELF:
            result[key] = node
        else:
            deeper = with_named_fields(node, inner)
            named = key.startswith("f:") and key[2:] in declared
            result[key] = {SELF: {}, **deeper} if named else deeper
    return result


def below(kind: FieldType, key: str) -> FieldType:
    """The type of what `key` leads to in a field of type `kind`."""
    if key.startswith("f:"):
        inner = kind.map and (kind.map.fields.get(key[2:]) or kind.map.others)
        return inner or FieldType()
    return kind.list.items if kind.list else FieldType()
