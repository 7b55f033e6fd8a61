"""JSON patch (RFC 6902) and merge patch (RFC 7386), as the Kubernetes API server applies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from knlab.embedded.kube.errors import BadRequest, RequestEntityTooLarge, StatusError
from knlab.embedded.kube.go_types import STRING, Anything, List, Map, Member, Struct, Type, misfit
from knlab.embedded.kube.objects import Object, copy_json, thawed

_OPERATION: Final = {name: Member(STRING) for name in ("op", "path", "from")}
_JSON_PATCH: Final = List(Struct("handlers.jsonPatchOp", lambda: _OPERATION))
_MOST_OPERATIONS: Final = 10_000
_MOST_COPIED: Final = 3 * 2**20
"""Bytes of JSON that the `copy` operations of a patch may take together: each can double it all."""
_OBJECT: Final = Map(Anything())


class PatchRefusedError(StatusError):
    """422: a JSON patch that does not fit the object; Kubernetes says no more than this."""

    code, reason = 422, "Invalid"

    def __init__(self) -> None:
        super().__init__(
            "the server rejected our request due to an error in our request", details={}
        )


def decode_object(patch: Any, lead: str = "error decoding patch: ") -> None:
    """Check that a patch that describes an object is one, or null.

    Raises:
        BadRequest: it is not; `lead` begins the message.
    """
    _decode(patch, _OBJECT, lead)


def _decode(patch: Any, type_: Type, lead: str = "error decoding patch: ") -> None:
    complaint = misfit(patch, type_)
    if complaint:
        raise BadRequest(f"{lead}{complaint}")


def json_patch(operations: Any) -> Callable[[Object], Object]:
    """The change that a list of JSON patch `operations` describes.

    Raises:
        BadRequest: the body is not a list of operations. Applying it may raise `PatchRefusedError`.
        RequestEntityTooLarge: there are too many of them.
    """
    _decode(operations, _JSON_PATCH)

    if operations and len(operations) > _MOST_OPERATIONS:
        raise RequestEntityTooLarge(
            "Request entity too large: The allowed maximum operations in a JSON patch is"
            f" {_MOST_OPERATIONS}, got {len(operations)}"
        )

    def change(obj: Object) -> Object:
        obj, copied = thawed(obj), 0
        for operation in operations or ():
            if operation is None or operation.get("op") not in _OPERATIONS:
                raise PatchRefusedError
            if operation["op"] == "copy":
                copied += len(orjson.dumps(_source(obj, operation)))
                if copied > _MOST_COPIED:
                    raise PatchRefusedError
            obj = _OPERATIONS[operation["op"]](obj, operation)
        if not isinstance(obj, dict):
            raise PatchRefusedError
        return obj

    return change


def merge_patch(patch: Any) -> Callable[[Object], Object]:
    """The change that a JSON merge patch describes: null removes, maps merge, the rest replaces.

    Raises:
        BadRequest: the body is not an object.
    """
    if patch is None:
        raise BadRequest("Invalid JSON Patch")
    decode_object(patch)

    def change(obj: Object) -> Object:
        merged: Object = _merged(obj, patch)
        return merged

    return change


def _merged(value: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return copy_json(patch)
    result = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), item)
    return result


def _steps(pointer: Any) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchRefusedError
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _index(items: Sequence[Any], step: str, *, end: bool = False) -> int:
    if end and step == "-":
        return len(items)
    try:
        index = int(step)
    except ValueError:
        raise PatchRefusedError from None
    if index < 0:  # as Kubernetes' library does, negative indices count from the end
        index += len(items)
    if not 0 <= index < len(items) + int(end):
        raise PatchRefusedError
    return index


def _child(value: Any, step: str) -> Any:
    if isinstance(value, list):
        return value[_index(value, step)]
    if isinstance(value, dict) and step in value:
        return value[step]
    raise PatchRefusedError


def _at(obj: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        obj = _child(obj, step)
    return obj


def _add(obj: Any, operation: Object) -> Any:
    return _put(obj, _steps(operation.get("path")), _given(operation))


def _put(obj: Any, steps: Sequence[str], value: Any) -> Any:
    if not steps:
        return value
    parent = _at(obj, steps[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, steps[-1], end=True), value)
    elif isinstance(parent, dict):
        parent[steps[-1]] = value
    else:
        raise PatchRefusedError
    return obj


def _remove(obj: Any, operation: Object) -> Any:
    _taken(obj, _steps(operation.get("path")))
    return obj


def _taken(obj: Any, steps: Sequence[str]) -> Any:
    if not steps:
        raise PatchRefusedError
    parent, last = _at(obj, steps[:-1]), steps[-1]
    value = _child(parent, last)
    if isinstance(parent, list):
        del parent[_index(parent, last)]
    else:
        del parent[last]
    return value


def _replace(obj: Any, operation: Object) -> Any:
    steps, value = _steps(operation.get("path")), _given(operation)
    if not steps:
        return value
    parent = _at(obj, steps[:-1])
    if isinstance(parent, list):
        parent[_index(parent, steps[-1])] = value
        return obj
    return _put(obj, steps, value)  # a missing last key is added, as the real server does


def _move(obj: Any, operation: Object) -> Any:
    source, target = _steps(operation.get("from")), _steps(operation.get("path"))
    if target[: len(source)] == source and target != source:
        raise PatchRefusedError
    return _put(obj, target, _taken(obj, source))


def _copy(obj: Any, operation: Object) -> Any:
    value = copy_json(_source(obj, operation))
    return _put(obj, _steps(operation.get("path")), value)


def _source(obj: Any, operation: Object) -> Any:
    return _at(obj, _steps(operation.get("from")))


def _test(obj: Any, operation: Object) -> Any:
    steps = _steps(operation.get("path"))
    parent = _at(obj, steps[:-1]) if steps else {}
    absent = bool(steps) and isinstance(parent, dict) and steps[-1] not in parent
    actual = None if absent else _at(obj, steps)  # a missing key equals null
    if not _same(actual, operation.get("value")):
        raise PatchRefusedError
    return obj


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _given(operation: Object) -> Any:
    if "value" not in operation:
        raise PatchRefusedError
    return copy_json(operation["value"])


_OPERATIONS: Final[dict[str, Callable[[Any, Object], Any]]] = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy,
    "test": _test,
}  # fmt: skip
