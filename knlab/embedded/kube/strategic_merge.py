"""Strategic merge patch: lists of built-in kinds merge by a key instead of being replaced.

Which list merges by which key is part of the kind's field types. Directives: `$patch`,
`$setElementOrder/…`, `$deleteFromPrimitiveList/…`, `$retainKeys`. What has another type than before
is replaced, whatever it is: reading the result is another step's work.
"""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.field_sets import below
from knlab.embedded.kube.field_types import FieldType, ListType
from knlab.embedded.kube.go_values import TYPES, as_text, printed, type_of
from knlab.embedded.kube.list_order import arranged, check_order, identity, keyed
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.patch import PatchRefusedError

_ORDER: Final = "$setElementOrder/"
_PRIMITIVES: Final = "$deleteFromPrimitiveList/"
_RETAIN: Final = "$retainKeys"
_DIRECTIVE: Final = "$patch"


def strategically_merged(original: Object, patch: Object, kind: FieldType) -> Object:
    """What `patch` makes of `original`, of type `kind`; both are used up.

    What is left of `patch` afterwards is what Kubernetes shows when it refuses the result.

    Raises:
        BadRequest: a list or a directive is malformed.
    """
    if _DIRECTIVE in patch:
        return _directed(patch)
    _retain(original, patch)
    for key in [key for key in patch if key.startswith(_ORDER)]:
        _merge_in_order(original, patch, key, kind)
    for key, value in patch.items():
        if key.startswith(_PRIMITIVES):
            _take_out(original, key.removeprefix(_PRIMITIVES), value)
        else:
            _merge_field(original, key, value, below(kind, f"f:{key}"))
    return original


def _directed(patch: Object) -> Object:
    match patch[_DIRECTIVE]:
        case "replace":
            del patch[_DIRECTIVE]
            return patch
        case "delete":
            return {}
        case _:
            raise _unknown_directive(patch)


def _unknown_directive(patch: Object) -> BadRequest:
    shown = as_text(patch[_DIRECTIVE])
    return BadRequest(f"unknown patch type: {shown} in map: {printed(patch)}")


def _retain(original: Object, patch: Object) -> None:
    """Follow the directive that lists every field there may be afterwards."""
    if _RETAIN not in patch:
        return
    kept = patch.pop(_RETAIN)
    named = [key for key, value in patch.items() if value is not None and not _is_about_lists(key)]
    if not isinstance(kept, list) or any(key not in kept for key in named):
        raise BadRequest("invalid patch format of retainKeys")
    for key in [key for key in original if key not in kept]:
        del original[key]


def _is_about_lists(key: str) -> bool:
    return key.startswith((_PRIMITIVES, _ORDER))


def _is_directive(value: Any) -> bool:
    return isinstance(value, dict) and _DIRECTIVE in value


def _merge_field(original: Object, key: str, value: Any, kind: FieldType) -> None:
    current = original.get(key)
    if value is None:
        original.pop(key, None)
    elif type(current) is not type(value):
        _drop_nulls(value)
        original[key] = _without_directives(value)
        if _is_directive(value):
            del original[key]
    elif isinstance(value, dict):
        original[key] = strategically_merged(current or {}, value, kind)
    elif isinstance(value, list) and kind.list and kind.list.merge_key is not None:
        original[key] = _merged_list(current or [], value, kind.list)
    else:
        original[key] = value


def _take_out(original: Object, key: str, unwanted: Any) -> None:
    """Remove scalars from a list."""
    current = original.get(key)
    if unwanted is None:
        original.pop(key, None)
    elif isinstance(current, list) and isinstance(unwanted, list):
        _check_types(current, unwanted)
        gone = {identity(item) for item in unwanted}
        original[key] = [item for item in current if identity(item) not in gone]


def _merge_in_order(original: Object, patch: Object, directive: str, kind: FieldType) -> None:
    """Merge one list, if the patch has it, and bring it into the order that `directive` says."""
    order = patch.pop(directive)
    name = directive.removeprefix(_ORDER)
    for wanted in (order, original.get(name, []), patch.get(name, [])):
        if not isinstance(wanted, list):
            raise BadRequest(f"expected a {TYPES[list]}, but received a {type_of(wanted)}")
    listed = below(kind, f"f:{name}").list
    merge_key = (listed and listed.merge_key) or ""
    given = patch.pop(name, None)
    check_order(given or [], order, merge_key)
    before = original.get(name)
    if before is None and given is None:
        return
    _check_types(before or [], given or [])
    if given is None:
        after = before
    elif before is None:
        after = _without_directives(given)
    elif listed and listed.merge_key is not None:
        after = _merged_list(before, given, listed)
    else:
        after = given
    original[name] = arranged(after or [], order, before or [], merge_key)


def _merged_list(original: list[Any], patch: list[Any], kind: ListType) -> list[Any]:
    if not original and not patch:
        return original
    merge_key = kind.merge_key or ""
    if not _check_types(original, patch):
        merged = {identity(item): item for item in (*original, *patch)}
        return arranged([*merged.values()], patch, original, "")
    if not merge_key:
        raise PatchRefusedError
    kept, added = _split(original, patch, merge_key)
    before, merged_items = [*kept], [*kept]
    for item in added:
        _merge_item(merged_items, item, merge_key, kind.items)
    return arranged(merged_items, added, before, merge_key)


def _check_types(*lists: list[Any]) -> bool:
    """Whether the items of all `lists` are maps; they have to be of one type."""
    found = [type(item) for each in lists for item in each]
    if not found:
        return False
    if found[0] is list:
        raise PatchRefusedError
    if any(each is not found[0] for each in found):
        raise BadRequest(f"list element types are not identical: {printed([*lists])}")
    return found[0] is dict


def _split(original: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """The items that stay before the merge, and those to merge: directives are followed."""
    added = [item for item in patch if _DIRECTIVE not in item]
    kept, is_replaced = original, False
    for item in patch:
        match item.get(_DIRECTIVE, ""):
            case "":
                pass
            case "delete":
                gone = identity(keyed(item, merge_key))
                kept = [each for each in kept if identity(each.get(merge_key)) != gone]
            case "replace":
                is_replaced = True
            case "merge":
                raise BadRequest("merging lists cannot yet be specified in the patch")
            case _:
                raise _unknown_directive(item)
    return (added, []) if is_replaced else (kept, added)


def _merge_item(merged: list[Any], item: Object, merge_key: str, kind: FieldType) -> None:
    wanted = identity(keyed(item, merge_key))
    for place, each in enumerate(merged):
        if identity(each.get(merge_key)) == wanted:
            merged[place] = strategically_merged(each, item, kind)
            return
    merged.append(item)


def _drop_nulls(value: Any) -> None:
    for item in value if isinstance(value, list) else ():
        _drop_nulls(item)
    if isinstance(value, dict):
        for key in [key for key, item in value.items() if item is None]:
            del value[key]
        for item in value.values():
            _drop_nulls(item)


def _without_directives(value: Any) -> Any:
    """`value` without the maps that are directives; maps inside are changed."""
    if isinstance(value, list):
        kept = [item for item in value if not _is_directive(item)]
        return [_without_directives(item) for item in kept]
    if isinstance(value, dict):
        for key, item in list(value.items()):
            if _is_directive(item):
                del value[key]
            else:
                value[key] = _without_directives(item)
    return value
