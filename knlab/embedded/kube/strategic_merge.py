"""Strategic merge patch: lists of built-in kinds merge by a key instead of being replaced.

Which list merges by which key is part of the kind's field types. Directives: `$patch`,
`$setElementOrder/…`, `$deleteFromPrimitiveList/…`, `$retainKeys`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.field_sets import below
from knlab.embedded.kube.field_types import FieldType, ListType
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.kube.patch import decode_object

_ORDER: Final = "$setElementOrder/"
_PRIMITIVES: Final = "$deleteFromPrimitiveList/"
_RETAIN: Final = "$retainKeys"
_DIRECTIVE: Final = "$patch"


def strategic_merge_patch(patch: Any, kind: FieldType) -> Callable[[Object], Object]:
    """The change that a strategic merge patch of an object of type `kind` describes.

    Raises:
        BadRequest: the body is not an object. Applying it may raise it for a malformed list.
    """
    decode_object(patch, lead="")

    def change(obj: Object) -> Object:
        return _merge_map(obj, patch or {}, kind)

    return change


def _merge_map(original: Object, patch: Object, kind: FieldType) -> Object:
    match patch.get(_DIRECTIVE):
        case "replace":
            replaced: Object = _plain(patch)
            return replaced
        case "delete":
            return {}
        case None | "merge":
            pass
        case other:
            raise BadRequest(f"unrecognized {_DIRECTIVE} directive: {other}")
    result = dict(original)
    if _RETAIN in patch:
        result = {key: item for key, item in result.items() if key in patch[_RETAIN]}
    for key, item in patch.items():
        if not key.startswith("$"):
            _merge_field(result, key, item, patch, kind)
    for key in patch:
        _apply_list_directive(result, key, patch, kind)
    return result


def _merge_field(result: Object, key: str, item: Any, patch: Object, kind: FieldType) -> None:
    current = result.get(key)
    if item is None:
        result.pop(key, None)
    elif isinstance(item, dict):
        inner = below(kind, f"f:{key}")
        result[key] = _merge_map(current if isinstance(current, dict) else {}, item, inner)
    elif not isinstance(item, list):
        result[key] = item
    else:
        order = patch.get(_ORDER + key)
        result[key] = _merge_list(current or [], item, below(kind, f"f:{key}").list, order)


def _apply_list_directive(result: Object, key: str, patch: Object, kind: FieldType) -> None:
    """What a directive does to a list that the patch does not mention otherwise."""
    if key.startswith(_PRIMITIVES):
        name = key.removeprefix(_PRIMITIVES)
        unwanted = patch[key] or []
        result[name] = [each for each in result.get(name) or [] if each not in unwanted]
    elif key.startswith(_ORDER):
        name = key.removeprefix(_ORDER)
        if name not in patch and isinstance(result.get(name), list):
            merge_key = _merge_key(below(kind, f"f:{name}").list) or ""
            result[name] = _ordered(result[name], result[name], patch[key], merge_key)


def _merge_key(kind: ListType | None) -> str | None:
    return None if kind is None else kind.merge_key


def _merge_list(
    current: list[Any], patch: list[Any], kind: ListType | None, order: list[Any] | None
) -> list[Any]:
    merge_key = _merge_key(kind)
    if merge_key == "":
        merged = current + [each for each in patch if each not in current]
        return _ordered(merged, current, order, "")
    if kind is None or merge_key is None:
        return [_plain(each) for each in patch if not _is_replacement(each)]
    if any(_is_replacement(each) for each in patch):
        return [_plain(each) for each in patch if not _is_replacement(each)]
    merged = list(current)
    for item in patch:
        _merge_item(merged, item, merge_key, kind.items)
    return _ordered(merged, current, order, merge_key)


def _is_replacement(item: Any) -> bool:
    return isinstance(item, dict) and item.get(_DIRECTIVE) == "replace"


def _merge_item(merged: list[Any], item: Any, merge_key: str, kind: FieldType) -> None:
    if not isinstance(item, dict) or merge_key not in item:
        raise BadRequest(f"map: {item} does not contain declared merge key: {merge_key}")
    found = [
        index
        for index, each in enumerate(merged)
        if isinstance(each, dict) and each.get(merge_key) == item[merge_key]
    ]
    if item.get(_DIRECTIVE) == "delete":
        for index in reversed(found):
            del merged[index]
    elif found:
        merged[found[0]] = _merge_map(merged[found[0]], item, kind)
    else:
        merged.append(_plain(item))


def _ordered(
    merged: list[Any], before: Sequence[Any], order: list[Any] | None, merge_key: str
) -> list[Any]:
    """`merged` in the wanted `order`; items that it does not name keep their place among these."""
    if not order:
        return merged

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    places = {repr(identity(item)): place for place, item in enumerate(before)}
    named = [item for item in merged if identity(item) in wanted]
    named.sort(key=lambda item: wanted.index(identity(item)))
    others = [item for item in merged if identity(item) not in wanted]
    result: list[Any] = []
    for item in named:
        place = places.get(repr(identity(item)), -1)
        while others and places.get(repr(identity(others[0])), len(places)) < place:
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _plain(value: Any) -> Any:
    """A copy without directives and nulls: what a patch adds where there was nothing."""
    if isinstance(value, dict):
        return {
            key: _plain(item)
            for key, item in value.items()
            if not key.startswith("$") and item is not None
        }
    if isinstance(value, list):
        kept = [each for each in value if not (isinstance(each, dict) and _DIRECTIVE in each)]
        return [_plain(each) for each in kept]
    return copy_json(value)
