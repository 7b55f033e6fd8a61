"""Empty maps and lists that Kubernetes leaves out when it writes an object."""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.kube.field_types import DEDUCED, FieldType
from knlab.embedded.kube.objects import Object

_METADATA: Final = ("annotations", "finalizers", "labels", "ownerReferences")


def leave_out_empty(kind: FieldType, obj: Object, *, typed: bool) -> None:
    """Remove from `obj`, in place, the empty maps and lists that Go's structures leave out.

    Of what is not `typed`, a custom resource, only the metadata is such a structure.
    """
    metadata = obj["metadata"]
    for name in _METADATA:
        if name in metadata and not metadata[name]:
            del metadata[name]
    if typed:
        for name in [name for name in obj if name != "metadata"]:
            _leave_out(kind, obj, name)


def _leave_out(kind: FieldType, holder: Object, name: str) -> None:
    value: Any = holder[name]
    inside = kind.map
    inner = inside.fields.get(name) if inside else None
    if inside is None or inner is None or inner.scalar:
        return  # raw JSON, a scalar, or the key of a map
    if isinstance(value, dict):
        _leave_out_below(inner, value)
    elif isinstance(value, list) and inner.list:
        for item in value:
            if isinstance(item, dict):
                _leave_out_below(inner.list.items, item)
    if value in ({}, []) and name not in inside.always and not _is_structure(inner):
        del holder[name]


def _leave_out_below(kind: FieldType, holder: Object) -> None:
    for key in list(holder):
        _leave_out(kind, holder, key)


def _is_structure(kind: FieldType) -> bool:
    """Whether an empty map is a structure, if only one without fields: it means something."""
    return kind.map is not None and (bool(kind.map.fields) or kind.map.others is DEDUCED)
