"""OpenAPI as kubectl needs it: v3 documents made from the rows' schemas, and a stub of v2.

kubectl reads from the v3 document of a group version whether the server validates fields, and what
`explain` prints. It needs no content in v2, only an answer. Strategic merge is not advertised: then
kubectl computes such patches from its own types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from knlab.embedded.kube.discovery import GIT_VERSION
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_TITLE: Final = "Kubernetes"
_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_TEXT_MAP: Final = {"type": "object", "additionalProperties": _TEXT}
_TIME: Final = {"type": "string", "format": "date-time"}
_NUMBER: Final = {"type": "integer", "format": "int64"}


def _described(schema: Object, description: str) -> Object:
    return schema | {"description": description}


_OBJECT_META: Final[Object] = {
    "description": "What every stored object says about itself.",
    "type": "object",
    "properties": {
        "annotations": _described(_TEXT_MAP, "Notes for tools; not used to select objects."),
        "creationTimestamp": _described(_TIME, "When the server created the object."),
        "deletionGracePeriodSeconds": _described(_NUMBER, "Seconds given to end gracefully."),
        "deletionTimestamp": _described(_TIME, "When the object was asked to go."),
        "finalizers": _described(_TEXTS, "Must be empty before the object is removed."),
        "generateName": _described(_TEXT, "Prefix of a name that the server completes."),
        "generation": _described(_NUMBER, "Counts the changes of what is wanted."),
        "labels": _described(_TEXT_MAP, "Names and values by which objects are selected."),
        "managedFields": {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "description": "Who set which fields.",
        },
        "name": _described(_TEXT, "Unique among the objects of its kind in the namespace."),
        "namespace": _described(_TEXT, "The namespace the object lives in."),
        "ownerReferences": {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "description": "Objects this one belongs to; it goes when all of them are gone.",
        },
        "resourceVersion": _described(_TEXT, "Changes with every write; never compare sizes."),
        "selfLink": _described(_TEXT, "No longer set."),
        "uid": _described(_TEXT, "Unique in time and space."),
    },
}
_LIST_META: Final[Object] = {
    "description": "What a list says about itself.",
    "type": "object",
    "properties": {
        "continue": _described(_TEXT, "Asks for the next page."),
        "remainingItemCount": _described(_NUMBER, "Items on later pages."),
        "resourceVersion": _described(_TEXT, "Where a watch of this list can start."),
    },
}


@dataclass(frozen=True, slots=True)
class Document:
    """One document, encoded, with the hash that names this content."""

    body: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class _Made:
    rows: tuple[Resource, ...]
    document: Document


class OpenApi:
    """The documents of a set of rows; a document is made again only when its rows change."""

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}

    def document(self, rows: Iterable[Resource], path: str) -> Document | None:
        """The v3 document at `path`, as in `apis/apps/v1`; None if there is none."""
        chosen = tuple(row for row in rows if _path(row) == path)
        if not chosen:
            return None
        known = self._made.get(path)
        if known is None or not _same(known.rows, chosen):
            known = self._made[path] = _Made(chosen, encoded(document_of(chosen)))
        return known.document

    def index(self, rows: Sequence[Resource]) -> Object:
        """The answer to `/openapi/v3`: every path with the URL that has its hash."""
        paths = sorted({_path(row) for row in rows})
        found = {path: self.document(rows, path) for path in paths}
        return {
            "paths": {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={document.hash}"}
                for path, document in found.items()
                if document is not None
            }
        }


def encoded(content: Object) -> Document:
    """`content` as a Document."""
    body = orjson.dumps(content)
    return Document(body, hashlib.sha512(body).hexdigest().upper())


def v2_json() -> Object:
    """The v2 stub as JSON."""
    info = {"title": _TITLE, "version": GIT_VERSION}
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}


def v2_protobuf() -> bytes:
    """The v2 stub as an `openapi.v2.Document` message: swagger, info, empty paths."""
    info = _field(1, _TITLE.encode()) + _field(2, GIT_VERSION.encode())
    return _field(1, b"2.0") + _field(2, info) + _field(8, b"")


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


def _same(one: tuple[Resource, ...], other: tuple[Resource, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _path(row: Resource) -> str:
    return f"apis/{row.group}/{row.version}" if row.group else f"api/{row.version}"


def document_of(rows: Sequence[Resource]) -> Object:
    """The v3 document of `rows`, which share a group version."""
    paths: Object = {}
    schemas: Object = {f"{_META}ObjectMeta": _OBJECT_META, f"{_META}ListMeta": _LIST_META}
    for row in rows:
        paths |= _paths(row)
        schemas[component_name(row)] = schema_of(row)
        schemas[f"{component_name(row)}List"] = _list_schema(row)
    return {
        "openapi": "3.0.0",
        "info": {"title": _TITLE, "version": GIT_VERSION},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def component_name(row: Resource) -> str:
    """The schema's name: `io.k8s.api.apps.v1.Deployment`, `dev.knative.serving.v1.Service`."""
    labels = row.group.split(".")
    if len(labels) == 1 or row.group.endswith(".k8s.io"):
        prefix = f"io.k8s.api.{labels[0] or 'core'}"
    else:
        prefix = ".".join(reversed(labels))
    return f"{prefix}.{row.version}.{row.kind}"


def schema_of(row: Resource) -> Object:
    """The schema of `row` with what every object has; any field is allowed where there is none."""
    own: Object = dict(row.schema or {"x-kubernetes-preserve-unknown-fields": True})
    properties: Object = dict(own.get("properties") or {})
    properties["apiVersion"] = _described(_TEXT, "Group and version of the kind.")
    properties["kind"] = _described(_TEXT, "What this object is.")
    properties["metadata"] = {
        "allOf": [_reference(f"{_META}ObjectMeta")],
        "description": "Name, namespace, labels and what else every object has.",
        "default": {},
    }
    return own | {
        "type": "object",
        "properties": properties,
        "x-kubernetes-group-version-kind": [_gvk(row)],
    }


def _list_schema(row: Resource) -> Object:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "items": {"type": "array", "items": _reference(component_name(row))},
            "metadata": _reference(f"{_META}ListMeta"),
        },
        "x-kubernetes-group-version-kind": [
            _gvk(row) | {"kind": row.list_kind or f"{row.kind}List"}
        ],
    }


def _gvk(row: Resource) -> Object:
    return {"group": row.group, "version": row.version, "kind": row.kind}


def _reference(name: str) -> Object:
    return {"$ref": f"#/components/schemas/{name}"}


def _paths(row: Resource) -> Object:
    """The collection and the object, with the operations that the row's verbs allow."""
    scope = "namespaces/{namespace}/" if row.namespaced else ""
    collection = f"/{_path(row)}/{scope}{row.plural}"
    own = {"list": "get", "create": "post", "deletecollection": "delete"}
    one = {"get": "get", "update": "put", "patch": "patch", "delete": "delete"}
    found = {
        collection: {method: _operation(row, verb) for verb, method in own.items()
                     if verb in row.verbs},
        f"{collection}/{{name}}": {method: _operation(row, verb) for verb, method in one.items()
                                   if verb in row.verbs},
    }  # fmt: skip
    return {path: operations for path, operations in found.items() if operations}


def _operation(row: Resource, verb: str) -> Object:
    result = component_name(row) + ("List" if verb == "list" else "")
    operation: Object = {
        "operationId": f"{verb}{_camel(row)}",
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": _gvk(row),
        "responses": {
            "200": {"description": "OK", "content": _json_content(_reference(result))},
        },
    }
    if verb in {"create", "update", "patch"}:
        operation["parameters"] = [_parameter(name) for name in _WRITE_PARAMETERS]
        operation["requestBody"] = {"required": True, "content": _body_content(row, verb)}
    return operation


_WRITE_PARAMETERS: Final = ("dryRun", "fieldManager", "fieldValidation")


def _parameter(name: str) -> Object:
    schema = {"type": "string", "uniqueItems": True}
    return {"name": name, "in": "query", "schema": schema}


def _camel(row: Resource) -> str:
    group = "".join(part.capitalize() for part in (row.group or "core").split("."))
    return f"{group}{row.version.capitalize()}{row.kind}"


def _json_content(schema: Any) -> Object:
    return {"application/json": {"schema": schema}}


def _body_content(row: Resource, verb: str) -> Object:
    if verb == "patch":
        kinds = ("application/json-patch+json", "application/merge-patch+json")
        return {kind: {"schema": {"type": "object"}} for kind in kinds}
    return _json_content(_reference(component_name(row)))
