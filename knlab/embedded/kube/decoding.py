"""Decoding objects as a typed server does: values of a wrong type go no further."""

from __future__ import annotations

from typing import Any, Final

import orjson

from knlab.embedded.kube.errors import BadRequest, Cause, Invalid
from knlab.embedded.kube.go_types import fill_nulls, misfit
from knlab.embedded.kube.messages import OBJECT_META, struct_of
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

_SCALE: Final = struct_of("k8s.io.api.autoscaling.v1.Scale")
_DELETE_OPTIONS: Final = struct_of("k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions")


def check_written(row: Resource, obj: Object, *, is_scale: bool = False) -> None:
    """Check the types in `obj` as it came from a client; null structures in lists become empty.

    Of a custom resource only the metadata is looked at: its schema knows the rest.

    Raises:
        BadRequest: with the decoder's first complaint.
    """
    complaint = _complaint(row, obj, is_scale=is_scale)
    if complaint:
        kind = "Scale" if is_scale else row.kind
        version = "v1" if is_scale else row.version
        raise BadRequest(
            f'{kind} in version "{version}" cannot be handled as a {kind}: {complaint}'
        )


def check_delete_options(body: Any) -> None:
    """Check the types in the body of a DELETE.

    Raises:
        BadRequest: with the decoder's first complaint (Kubernetes answers 500).
    """
    complaint = misfit(body, _DELETE_OPTIONS)
    if complaint:
        raise BadRequest(complaint)


def check_patched(row: Resource, obj: Any, *, is_scale: bool = False) -> None:
    """Check the types in what a patch has made of an object.

    Raises:
        Invalid: with the whole object and the decoder's first complaint.
    """
    complaint = _complaint(row, obj, is_scale=is_scale)
    if complaint:
        shown = orjson.dumps(orjson.dumps(obj).decode()).decode()
        cause = Cause("patch", f"Invalid value: {shown}: {complaint}")
        listed = {"reason": cause.reason, "message": cause.message, "field": cause.field}
        raise Invalid(f' "" is invalid: {cause}', details={"causes": [listed]})


def _complaint(row: Resource, obj: Object, *, is_scale: bool) -> str:
    if is_scale:
        return misfit(obj, _SCALE)
    if row.structure is not None:
        complaint = misfit(obj, row.structure)
        if not complaint:
            fill_nulls(obj, row.structure)
        return complaint
    return misfit(obj.get("metadata"), OBJECT_META)
