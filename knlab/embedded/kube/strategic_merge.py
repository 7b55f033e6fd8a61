"""Strategic merge patch: lists of built-in kinds merge by a key instead of being replaced.

Which list merges by which key is a table of field names, the same for every built-in kind.
Directives: `$patch`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`, `$retainKeys`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.kube.patch import NOT_AN_OBJECT

_ORDER: Final = "$setElementOrder/"
_PRIMITIVES: Final = "$deleteFromPrimitiveList/"
_RETAIN: Final = "$retainKeys"
_DIRECTIVE: Final = "$patch"

_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
_KEYS: Final[dict[tuple[str, str], str]] = {
    **{("spec", field): "name" for field in (*_CONTAINERS, "volumes", "resourceClaims")},
    **{(each, "env"): "name" for each in _CONTAINERS},
    **{(each, "ports"): "containerPort" for each in _CONTAINERS},
    **{(each, "volumeMounts"): "mountPath" for each in _CONTAINERS},
    **{(each, "volumeDevices"): "devicePath" for each in _CONTAINERS},
    ("spec", "imagePullSecrets"): "name",
    ("spec", "schedulingGates"): "name",
    ("spec", "hostAliases"): "ip",
    ("spec", "topologySpreadConstraints"): "topologyKey",
    ("spec", "ports"): "port",
    ("status", "conditions"): "type",
    ("status", "addresses"): "type",
    ("status", "podIPs"): "ip",
    ("metadata", "ownerReferences"): "uid",
    ("", "imagePullSecrets"): "name",
    ("", "secrets"): "name",
    ("", "webhooks"): "name",
}
"""(field that holds the map, list field in it) → merge key; the object itself is held by ""."""
_SETS: Final = frozenset({("metadata", "finalizers")})
"""Lists of plain values that merge as sets."""


def strategic_merge_patch(patch: Any) -> Callable[[Object], Object]:
    """The change that a strategic merge patch describes.

    Raises:
        BadRequest: the body is not an object. Applying it may raise it for a malformed list.
    """
    if not isinstance(patch, dict):
        raise BadRequest(NOT_AN_OBJECT)

    def change(obj: Object) -> Object:
        return _merge_map(obj, patch, "")

    return change


def _merge_map(original: Object, patch: Object, holder: str) -> Object:
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
            _merge_field(result, key, item, patch, holder)
    for key in patch:
        _apply_list_directive(result, key, patch, holder)
    return result


def _merge_field(result: Object, key: str, item: Any, patch: Object, holder: str) -> None:
    current = result.get(key)
    if item is None:
        result.pop(key, None)
    elif isinstance(item, dict):
        result[key] = _merge_map(current if isinstance(current, dict) else {}, item, key)
    elif not isinstance(item, list):
        result[key] = item
    else:
        order = patch.get(_ORDER + key)
        result[key] = _merge_list(current or [], item, (holder, key), order)


def _apply_list_directive(result: Object, key: str, patch: Object, holder: str) -> None:
    """What a directive does to a list that the patch does not mention otherwise."""
    if key.startswith(_PRIMITIVES):
        name = key.removeprefix(_PRIMITIVES)
        unwanted = patch[key] or []
        result[name] = [each for each in result.get(name) or [] if each not in unwanted]
    elif key.startswith(_ORDER):
        name = key.removeprefix(_ORDER)
        if name not in patch and isinstance(result.get(name), list):
            merge_key = _KEYS.get((holder, name), "")
            result[name] = _ordered(result[name], result[name], patch[key], merge_key)


def _merge_list(
    current: list[Any], patch: list[Any], where: tuple[str, str], order: list[Any] | None
) -> list[Any]:
    if where in _SETS:
        merged = current + [each for each in patch if each not in current]
        return _ordered(merged, current, order, "")
    merge_key = _KEYS.get(where, "")
    if not merge_key:
        return [_plain(each) for each in patch if not _is_replacement(each)]
    if any(_is_replacement(each) for each in patch):
        return [_plain(each) for each in patch if not _is_replacement(each)]
    merged = list(current)
    for item in patch:
        _merge_item(merged, item, merge_key, where[1])
    return _ordered(merged, current, order, merge_key)


def _is_replacement(item: Any) -> bool:
    return isinstance(item, dict) and item.get(_DIRECTIVE) == "replace"


def _merge_item(merged: list[Any], item: Any, merge_key: str, holder: str) -> None:
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
        merged[found[0]] = _merge_map(merged[found[0]], item, holder)
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
