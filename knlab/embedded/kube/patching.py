"""A patch on its way into an object: applied, then decoded as a typed server decodes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from knlab.embedded.kube import bodies
from knlab.embedded.kube.apply_requests import APPLY_PATCH
from knlab.embedded.kube.decoding import (
    StrictDecodingError,
    complaint_about,
    foreign_complaint,
    strict_complaint,
    structure_of,
    type_complaint,
)
from knlab.embedded.kube.errors import BadRequest, Cause, Invalid, UnsupportedMediaType
from knlab.embedded.kube.go_values import printed
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.kube.patch import decode_object, json_patch, merge_patch
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.restoring import NotRestoredError, restored_object
from knlab.embedded.kube.strategic_merge import strategically_merged

SCALE_TYPE: Final = ("autoscaling/v1", "Scale")
_JSON_PATCH: Final = "application/json-patch+json"
_MERGE_PATCH: Final = "application/merge-patch+json"


class Patching:
    """What a JSON patch or a merge patch makes of an object, if that is still one of its kind."""

    def __init__(
        self, row: Resource, change: Callable[[Object], Object], *, is_scale: bool = False
    ) -> None:
        self._row = row
        self._change = change
        self._is_scale = is_scale
        self._shown = ""

    def __call__(self, obj: Object) -> Object:
        """The object after the patch.

        Raises:
            BadRequest: the patch does not fit the object, or takes its name away.
            Invalid: a value is of a wrong type, or the object of another kind.
        """
        name = obj["metadata"]["name"]
        new = self._change(obj)
        self._shown = orjson.dumps(new).decode()
        if self._is_scale or self._row.strategic_merge:
            self._read_type(new, name)
        else:
            self._read_custom_type(new, name)
        complaint = complaint_about(self._row, new, is_scale=self._is_scale)
        if complaint:
            raise self.refusal(complaint)
        if not (new.get("metadata") or {}).get("name"):
            raise _nameless(name)
        return new

    def refusal(self, complaint: str) -> Invalid:
        """The error for a `complaint` about what the patch made last."""
        return _refused(self._shown, complaint)

    def strict_refusal(self, error: StrictDecodingError) -> Invalid:
        """The error for fields of what the patch made last that there may not be."""
        return self.refusal(strict_complaint((*error.repeated, *error.unknown)))

    def _read_type(self, new: Object, name: str) -> None:
        """Look at the type that `new` says it has; without a kind it has its own."""
        version, kind = SCALE_TYPE if self._is_scale else (self._row.api_version, self._row.kind)
        said = new.get("apiVersion")
        if not said:
            raise _nameless(name)
        new["kind"] = new.get("kind") or kind
        if (said, new["kind"]) != (version, kind):
            group = version.rpartition("/")[0]
            raise self.refusal(type_complaint(new) or foreign_complaint(new, group, kind))

    def _read_custom_type(self, new: Object, name: str) -> None:
        """Look at the type that `new`, a custom resource, says it has."""
        if not new.get("kind"):
            raise self.refusal(f"Object 'Kind' is missing in '{self._shown}'")
        said = new.get("apiVersion")
        if not said:
            raise BadRequest("Object 'apiVersion' is missing in 'object has no apiVersion field'")
        if said != self._row.api_version:
            text = f'Invalid value: "{said}": must be {self._row.api_version}'
            group = str(said).rpartition("/")[0]
            raise Invalid.of(group, new["kind"], name, [Cause("apiVersion", text)])


class StrategicPatching:
    """What a strategic merge patch makes of an object of a built-in kind."""

    def __init__(self, row: Resource, patch: Any, *, is_scale: bool = False) -> None:
        """`patch` is the parsed body.

        Raises:
            BadRequest: it is no object.
        """
        decode_object(patch, lead="")
        self._row = row
        self._patch: Object = patch or {}
        self._is_scale = is_scale
        self._left: Object = {}

    def __call__(self, obj: Object) -> Object:
        """The object after the patch.

        Raises:
            BadRequest: the patch does not fit the object, or takes its name away.
            Invalid: a value is of a wrong type.
        """
        version, kind, name = obj["apiVersion"], obj["kind"], obj["metadata"]["name"]
        self._left = copy_json(self._patch)
        new = strategically_merged(copy_json(obj), self._left, self._row.field_type)
        try:
            new = restored_object(new, structure_of(self._row, is_scale=self._is_scale))
        except NotRestoredError as error:
            raise self.refusal(str(error)) from None
        if not (new.get("metadata") or {}).get("name"):
            raise _nameless(name)
        return new | {"apiVersion": version, "kind": kind}

    def refusal(self, complaint: str) -> Invalid:
        """The error for a `complaint` about what the patch made last."""
        return _refused(printed(self._left), complaint)

    def strict_refusal(self, error: StrictDecodingError) -> Invalid:
        """The error for fields of what the patch made last that there may not be."""
        return self.refusal(strict_complaint((*error.repeated, *sorted(error.unknown))))


def read_patch(
    row: Resource, content: bytes, media_type: str, *, is_scale: bool
) -> Patching | StrategicPatching:
    """What the body of a PATCH of an object of `row`, or of its Scale, asks for.

    Raises:
        BadRequest: it cannot be read.
        UnsupportedMediaType: nobody can apply a body of this type here.
    """
    match media_type:
        case "application/json-patch+json":
            return Patching(row, json_patch(bodies.parse_patch(content)), is_scale=is_scale)
        case "application/merge-patch+json":
            return Patching(row, merge_patch(bodies.parse_patch(content)), is_scale=is_scale)
        case "application/strategic-merge-patch+json":
            if row.strategic_merge:
                patch = bodies.parse_patch(content, lead="")
                return StrategicPatching(row, patch, is_scale=is_scale)
        case _:
            raise UnsupportedMediaType("415: Unsupported Media Type", details={})
    raise bodies.unknown_format((_JSON_PATCH, _MERGE_PATCH, APPLY_PATCH))


def _refused(shown: str, complaint: str) -> Invalid:
    quoted = orjson.dumps(shown).decode()
    cause = Cause("patch", f"Invalid value: {quoted}: {complaint}")
    listed = {"reason": cause.reason, "message": cause.message, "field": cause.field}
    return Invalid(f' "" is invalid: {cause}', details={"causes": [listed]})


def _nameless(name: str) -> BadRequest:
    return BadRequest(
        f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
    )
