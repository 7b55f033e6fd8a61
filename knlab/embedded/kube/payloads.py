"""The object that a write brings in its body: read, checked for its place and its types."""

from __future__ import annotations

from dataclasses import replace

from knlab.embedded.kube import bodies
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.decoding import (
    StrictDecodingError,
    check_written,
    drop_unknown,
    type_complaint,
)
from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Target
from knlab.embedded.net.http import Request


async def read_object(
    target: Target, request: Request, options: WriteOptions, *, is_scale: bool
) -> tuple[Object, WriteOptions]:
    """The object in the body, in the namespace of the URL; the options know what it says twice.

    Raises:
        StatusError: it cannot be read, or belongs elsewhere.
    """
    row = target.row
    content, media_type = await bodies.read(request), bodies.content_type(request)
    kind = "Scale" if is_scale else row.kind
    obj = bodies.parse_object(content, media_type, kind)
    if complaint := type_complaint(obj):
        raise bodies.unrecognized(content, kind, complaint)
    if row.strategic_merge and not is_scale:
        # Decoders of built-in kinds know what to expect; custom resources must say what they are.
        obj["apiVersion"] = obj.get("apiVersion") or row.api_version
        obj["kind"] = obj.get("kind") or row.kind
    check_written(row, obj, is_scale=is_scale)
    _place(target, obj)
    if options.field_validation == "Ignore":
        return obj, options
    complaints = bodies.repeated(content, media_type)
    if complaints and media_type in bodies.YAML_TYPES and options.field_validation == "Strict":
        complaints = ("\n  ".join(("yaml: unmarshal errors:", *complaints)),)
    return obj, replace(options, repeated=complaints)


async def read_question(
    target: Target, request: Request, options: WriteOptions
) -> tuple[Object, tuple[str, ...]]:
    """The object in a body that nobody stores, with the fields it knows; warnings about others.

    Raises:
        StatusError: it cannot be read, or belongs elsewhere.
    """
    row = target.row
    obj, options = await read_object(target, request, options, is_scale=False)
    unknown = drop_unknown(obj, row.structure) if row.structure else []
    complaints = [f'unknown field "{path}"' for path in unknown]
    if options.field_validation == "Strict" and (options.repeated or complaints):
        raise StrictDecodingError(row, options.repeated, complaints)
    warned = options.field_validation == "Warn"
    return obj, (*options.repeated, *complaints) if warned else ()


def _place(target: Target, obj: Object) -> None:
    """Put `obj` into the namespace of the URL.

    Raises:
        BadRequest: it names another one.
    """
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    metadata = obj["metadata"]
    if not isinstance(metadata, dict) or target.namespace is None:
        return
    if metadata.get("namespace") not in (None, "", target.namespace):
        raise BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = target.namespace


def check_new(obj: Object) -> None:
    """Refuse to create `obj` if it is the copy of a stored object.

    Raises:
        BadRequest: it has a resourceVersion.
    """
    if _metadata(obj).get("resourceVersion"):
        raise BadRequest("resourceVersion should not be set on objects to be created")


def check_name(target: Target, obj: Object) -> None:
    """Refuse `obj` if it is not the one that the URL names.

    Raises:
        BadRequest: it has another name, or none.
    """
    name = _metadata(obj).get("name")
    if not name:
        raise BadRequest(
            f"the name of the object ({target.name} based on URL) was undeterminable:"
            " name must be provided"
        )
    if name != target.name:
        raise BadRequest(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )


def _metadata(obj: Object) -> Object:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
