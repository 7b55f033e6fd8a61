"""Objects and their field types: merging what somebody applies, taking fields out, checking types.

None of the functions changes its arguments; results may share parts with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from knlab.embedded.kube.field_sets import SELF, FieldSet, item_key, path_text
from knlab.embedded.kube.field_types import DEDUCED, FieldType, ListType, MapType, Scalar
from knlab.embedded.kube.go_values import TYPES, printed

_NOTHING: Final[FieldSet] = {}


def merged(kind: FieldType, live: Any, applied: Any) -> Any:
    """`live` with what `applied` says: maps and keyed lists merge, everything else is replaced."""
    inside, listed = kind.map, kind.list
    if isinstance(live, dict) and isinstance(applied, dict | None):
        if inside and not inside.atomic and (live or applied):
            return _merged_maps(inside, live, applied or {})
    elif (
        isinstance(live, list)
        and isinstance(applied, list | None)
        and listed
        and listed.kind != "atomic"
        and (live or applied)
    ):
        return _merged_lists(listed, live, applied or [])
    return applied


def _merged_maps(inside: MapType, live: Mapping[str, Any], applied: Mapping[str, Any]) -> Any:
    result = dict(live)
    for key, value in applied.items():
        kind = inside.fields.get(key) or inside.others or DEDUCED
        result[key] = merged(kind, live[key], value) if key in live else value
    return result


def _merged_lists(listed: ListType, live: Sequence[Any], applied: Sequence[Any]) -> list[Any]:
    """Applied items in their order; live ones that are not applied stay where they were."""
    wanted = {item_key(listed, item): item for item in applied}
    keys = [item_key(listed, item) for item in live]
    there = {key: item for key, item in zip(keys, live, strict=True) if keys.count(key) == 1}
    shared = [key for key in wanted if key in keys]
    result: list[Any] = []
    done: set[str | None] = set()
    to_come = list(wanted)

    def take() -> None:
        key = to_come.pop(0)
        done.add(key)
        if shared and shared[0] == key:
            shared.pop(0)
        value = wanted[key]
        result.append(merged(listed.items, there[key], value) if key in there else value)

    for key, item in zip(keys, live, strict=True):
        if key not in wanted:
            result.append(item)
        elif key not in done and shared and shared[0] == key:
            while key not in done:
                take()
    while to_come:
        take()
    return result


def without(kind: FieldType, value: Any, fields: FieldSet) -> Any:
    """`value` without `fields`; None where nothing is left of a map or list."""
    if isinstance(value, dict):
        return _map_without(kind.map or MapType(), value, fields)
    if isinstance(value, list):
        return _list_without(kind.list, value, fields)
    return value


def _map_without(inside: MapType, value: Mapping[str, Any], fields: FieldSet) -> Any:
    if inside.atomic:
        return None
    result: dict[str, Any] = {}
    for key, item in value.items():
        node = fields.get(f"f:{key}")
        if node is None:
            result[key] = item
        elif node and SELF not in node:
            result[key] = without(inside.fields.get(key) or inside.others or DEDUCED, item, node)
    return result or None


def _list_without(listed: ListType | None, value: Sequence[Any], fields: FieldSet) -> Any:
    if listed is None or listed.kind == "atomic":
        return None
    result: list[Any] = []
    for item in value:
        node = fields.get(item_key(listed, item) or "")
        if node is None:
            result.append(item)
        elif node and SELF not in node:
            result.append(without(listed.items, item, node))
    return result or None


def problems(kind: FieldType, value: Any) -> list[str]:
    """What in `value` does not fit its type, worded as the real server does."""
    return list(_problems(kind, value, ()))


def _problems(kind: FieldType, value: Any, path: tuple[str, ...]) -> Iterator[str]:
    where = f"{path_text(path)}: " if path else ""
    if value is None:
        return
    if isinstance(value, dict) and kind.map:
        yield from _map_problems(kind.map, value, path)
    elif isinstance(value, list) and kind.list:
        yield from _list_problems(kind.list, value, path)
    elif kind.map and (isinstance(value, dict | list) or not kind.scalar):
        yield f"{where}expected map, got &{{{printed(value)}}}"
    elif kind.scalar and type(value) not in _ACCEPTED[kind.scalar]:
        yield where + _scalar_problem(kind.scalar, value)
    elif kind.list and not kind.scalar:
        yield f"{where}expected list, got &{{{printed(value)}}}"


def _map_problems(
    inside: MapType, value: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[str]:
    for key, item in value.items():
        here = (*path, f"f:{key}")
        kind = inside.fields.get(key) or inside.others
        if kind is None:
            yield f"{path_text(here)}: field not declared in schema"
        else:
            yield from _problems(kind, item, here)


def _list_problems(listed: ListType, value: Sequence[Any], path: tuple[str, ...]) -> Iterator[str]:
    if listed.kind == "atomic":
        for index, item in enumerate(value):
            yield from _problems(listed.items, item, (*path, f"i:{index}"))
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        key = item_key(listed, item)
        if key is None:
            yield f"{path_text(path)}: element {index}: {_key_problem(listed, item)}"
            return
        if key in seen:
            yield f"{path_text(path)}: duplicate entries for key {path_text([key])}"
        seen.add(key)
        yield from _problems(listed.items, item, (*path, key))


def _key_problem(listed: ListType, item: Any) -> str:
    if listed.kind == "set":
        if isinstance(item, dict):
            return "associative list without keys has an element that's a map type"
        if isinstance(item, list):
            return "not supported: associative list with lists as elements"
        return "associative list without keys has an element that's an explicit null"
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, dict):
        return "associative list with keys may not have non-map elements"
    keys = " ".join(f'"{key}"' for key in listed.keys)
    return (
        f"associative list with keys has an element that omits all key fields [{keys}]"
        " (and doesn't have default values for any key fields)"
    )


_ACCEPTED: Final[Mapping[Scalar, tuple[type, ...]]] = {
    "string": (str,),
    "numeric": (int, float),
    "boolean": (bool,),
    "untyped": (str, int, float, bool),
}


def _scalar_problem(scalar: Scalar, value: Any) -> str:
    match scalar:
        case "numeric":
            return f"expected numeric (int or float), got {TYPES[type(value)]}"
        case "string":
            return f"expected string, got &value.valueUnstructured{{Value:{printed(value)}}}"
        case "boolean":
            return f"expected boolean, got &{{{printed(value)}}}"
        case _:
            return f"expected any scalar, got &{{{printed(value)}}}"
