"""From plain maps to Go's structures: how a server reads what a strategic merge patch has made.

This is no JSON decoder: it goes through a structure field by field, in the structure's order, turns
numbers into each other where it can, and has complaints of its own.
"""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.kube.go_types import (
    BYTES,
    STRING,
    Anything,
    List,
    Map,
    Scalar,
    Struct,
    Type,
    misfit,
)
from knlab.embedded.kube.go_values import KINDS
from knlab.embedded.kube.objects import Object

_BITS: Final = {"int32": 32, "int64": 64}
_NUMBERS: Final = (*_BITS, "float64")


class NotRestoredError(Exception):
    """A value of a type that a structure has no place for; says so as Kubernetes does."""


def restored_object(obj: Object, type_: Struct) -> Object:
    """`obj` as the structure `type_` holds it: numbers of its types, no nulls among structures.

    Raises:
        NotRestoredError: a value does not fit. Fields that the structure does not have stay.
    """
    for name in ("kind", "apiVersion"):
        _restored(obj.get(name), STRING)
    found: Object = _restored(obj, type_)
    return found


def _restored(value: Any, type_: Type) -> Any:
    if value is None or isinstance(type_, Anything):
        return value
    match type_:
        case Struct():
            return _structure(value, type_)
        case Map():
            if not isinstance(value, dict):
                raise NotRestoredError(f"cannot restore map from {KINDS[type(value)]}")
            return {key: _restored(item, type_.of) for key, item in value.items()}
        case List():
            if not isinstance(value, list):
                raise NotRestoredError(f"cannot restore slice from {KINDS[type(value)]}")
            return [_item(item, type_.of) for item in value]
        case Scalar():
            return _scalar(value, type_)
        case _:
            return _self_reading(value, type_)


def _structure(value: Any, type_: Struct) -> Object:
    if not isinstance(value, dict):
        raise NotRestoredError(f"cannot restore struct from: {KINDS[type(value)]}")
    read = {
        name: _restored(value[name], member.type)
        for name, member in type_.members().items()
        if name in value
    }
    return {name: read.get(name, item) for name, item in value.items()}


def _item(value: Any, type_: Type) -> Any:
    return {} if value is None and isinstance(type_, Struct) else _restored(value, type_)


def _self_reading(value: Any, type_: Type) -> Any:
    if type_ is BYTES and not isinstance(value, str):
        raise NotRestoredError(f"cannot restore slice from {KINDS[type(value)]}")
    complaint = misfit(value, type_)
    if complaint:
        lead = "error decoding from json: " if type_ is BYTES else ""
        raise NotRestoredError(f"{lead}{complaint}")
    return value


def _scalar(value: Any, type_: Scalar) -> Any:
    wanted, found = type_.go, KINDS[type(value)]
    if found == wanted:
        return value
    if found == "int64" and wanted in _NUMBERS:
        return float(value) if wanted == "float64" else _wrapped(value, wanted)
    if found == "float64" and wanted in _BITS and value == int(value):
        return _wrapped(int(value), wanted)
    is_number = found in {"int64", "float64"} and wanted in _NUMBERS
    if is_number or (found == "int64" and wanted == "string"):
        raise NotRestoredError(f"cannot convert {found} to {type_.named or wanted}")
    raise NotRestoredError(f"unrecognized type: {wanted}")


def _wrapped(value: int, type_name: str) -> int:
    """`value` in as many bits as the type has: what does not fit is cut off."""
    half = 1 << (_BITS[type_name] - 1)
    return (value + half) % (2 * half) - half
