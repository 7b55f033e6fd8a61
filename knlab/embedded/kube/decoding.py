"""Decoding objects as a typed server does: values of a wrong type go no further."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.go_types import STRING, List, Map, Member, Struct, Type, fill_nulls, misfit
from knlab.embedded.kube.messages import OBJECT_META, kind_struct, struct_of
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

_SCALE: Final = struct_of("k8s.io.api.autoscaling.v1.Scale")
_METADATA_ONLY: Final = Struct("v1.Object", lambda: {"metadata": Member(OBJECT_META)})
_TYPE_FIELDS: Final = ("apiVersion", "kind")
_TYPE: Final = Struct("", lambda: {name: Member(STRING) for name in _TYPE_FIELDS})
_DELETE_OPTIONS: Final = struct_of("k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions")


class StrictDecodingError(BadRequest):
    """Fields that come twice or that nobody knows, in a body that may have none of these."""

    def __init__(self, row: Resource, repeated: Sequence[str], unknown: Sequence[str]) -> None:
        self.repeated, self.unknown = tuple(repeated), tuple(unknown)
        super().__init__(
            f'{row.kind} in version "{row.version}" cannot be handled as a {row.kind}:'
            f" {strict_complaint((*repeated, *unknown))}"
        )


def strict_complaint(complaints: Iterable[str]) -> str:
    """What a strict decoder says about fields."""
    return f"strict decoding error: {', '.join(complaints)}"


def check_written(row: Resource, obj: Object, *, is_scale: bool = False) -> None:
    """Check the types in `obj` as it came from a client; null structures in lists become empty.

    Of a custom resource only the metadata is looked at: its schema knows the rest.

    Raises:
        BadRequest: with the decoder's first complaint.
    """
    kind, version = ("Scale", "v1") if is_scale else (row.kind, row.version)
    said = kind
    if row.strategic_merge and not is_scale and _is_foreign(row, obj):
        said, version = obj["kind"], obj["apiVersion"].rpartition("/")[2]
        complaint = foreign_complaint(obj, row.group, kind)
    else:
        complaint = complaint_about(row, obj, is_scale=is_scale)
    if complaint:
        raise BadRequest(
            f'{said} in version "{version}" cannot be handled as a {kind}: {complaint}'
        )


def _is_foreign(row: Resource, obj: Object) -> bool:
    """Whether `obj` is of no version of the kind of `row`."""
    if obj["apiVersion"] == row.api_version:
        return bool(obj["kind"] != row.kind)
    return obj["kind"] != row.kind or _struct_said(obj) is None


def _struct_said(obj: Object) -> Struct | None:
    group, _, version = obj["apiVersion"].rpartition("/")
    return kind_struct(group, version, obj["kind"])


def type_complaint(obj: Object) -> str:
    """The decoder's complaint about what `obj` says it is, before it looks at anything else."""
    complaint = misfit({name: obj.get(name) for name in _TYPE_FIELDS}, _TYPE)
    if complaint:
        return f"couldn't get version/kind; json parse error: {complaint}"
    said = obj.get("apiVersion") or ""
    return f"unexpected GroupVersion string: {said}" if said.count("/") > 1 else ""


def drop_unknown(obj: Object, type_: Struct) -> list[str]:
    """Take out of `obj`, which fits `type_`, the fields that it does not know; their paths."""
    return list(_dropped(obj, type_, ""))


def _dropped(value: Any, type_: Type, path: str) -> Iterator[str]:
    if isinstance(type_, Struct) and value:
        members = type_.members()
        for name in tuple(value):
            here = f"{path}.{name}" if path else name
            if name in members:
                yield from _dropped(value[name], members[name].type, here)
            elif name not in _TYPE_FIELDS:
                del value[name]
                yield here
    elif isinstance(type_, List):
        for index, item in enumerate(value or ()):
            yield from _dropped(item, type_.of, f"{path}[{index}]")
    elif isinstance(type_, Map):
        for name, item in (value or {}).items():
            yield from _dropped(item, type_.of, f"{path}.{name}")


def foreign_complaint(obj: Object, wanted_group: str, wanted: str) -> str:
    """The decoder's complaint about `obj`, which is not of kind `wanted` of a built-in group."""
    said, kind = obj["apiVersion"], obj["kind"]
    found = _struct_said(obj)
    if found is None:
        return f'no kind "{kind}" is registered for version "{said}"'
    package = wanted_group.partition(".")[0] or "core"
    unlike = f"converting ({found.go}) to ({package}.{wanted}): unknown conversion"
    return misfit(obj, found) or unlike


def check_delete_options(body: Any) -> None:
    """Check the types in the body of a DELETE.

    Raises:
        BadRequest: with the decoder's first complaint (Kubernetes answers 500).
    """
    complaint = misfit(body, _DELETE_OPTIONS)
    if complaint:
        raise BadRequest(complaint)


def structure_of(row: Resource, *, is_scale: bool) -> Struct:
    """The structure that an object of `row`, or its Scale, is read into."""
    return _SCALE if is_scale else row.structure or _METADATA_ONLY


def complaint_about(row: Resource, obj: Object, *, is_scale: bool) -> str:
    """The decoder's first complaint about `obj`; null structures in lists become empty."""
    structure = structure_of(row, is_scale=is_scale)
    if structure is _METADATA_ONLY:
        return misfit(obj.get("metadata"), OBJECT_META)
    complaint = misfit(obj, structure)
    if not complaint:
        fill_nulls(obj, structure)
    return complaint
