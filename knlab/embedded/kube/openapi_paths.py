"""The paths of an OpenAPI v3 document: what can be asked of a kind, and with which parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
REFERENCE: Final = "#/components/schemas/"

_COLLECTION: Final = {"list": "get", "create": "post", "deletecollection": "delete"}
_ONE: Final = {"get": "get", "update": "put", "patch": "patch", "delete": "delete"}
_SUBRESOURCE: Final = {verb: _ONE[verb] for verb in ("get", "update", "patch")}
"""Verb → HTTP method."""
_WORDS: Final = {
    "list": "list", "create": "create", "deletecollection": "deleteCollection", "get": "read",
    "update": "replace", "patch": "patch", "delete": "delete",
}  # fmt: skip
"""Verb → how operations are called."""
_ACTIONS: Final = {"create": "post", "update": "put"}
"""Verb → its `x-kubernetes-action`, where that is another word."""

_WRITE: Final = ("dryRun", "fieldManager", "fieldValidation")
_SELECT: Final = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit",
    "resourceVersion", "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
)  # fmt: skip
_DELETE: Final = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "list": _SELECT, "create": _WRITE, "update": _WRITE, "patch": (*_WRITE, "force"),
    "delete": _DELETE, "deletecollection": (*_DELETE, *_SELECT), "get": (),
}  # fmt: skip
_TYPES: Final = {
    **dict.fromkeys(("limit", "timeoutSeconds", "gracePeriodSeconds"), "integer"),
    **dict.fromkeys(
        ("allowWatchBookmarks", "sendInitialEvents", "watch", "force", "orphanDependents"),
        "boolean",
    ),
}
"""Types of parameters that are not strings."""
_PATCHES: Final = (
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
)  # fmt: skip
_STRATEGIC: Final = "application/strategic-merge-patch+json"


def reference(name: str) -> Object:
    """A schema that is the component `name`."""
    return {"$ref": f"{REFERENCE}{name}"}


def paths_of(row: Resource, component: str, *, complete: bool) -> Object:
    """The paths of `row`, whose schema is `component`: path → method → operation.

    Only of a `complete` schema are strategic merge patches advertised: kubectl computes them from
    the schema then, and from its own types otherwise.
    """
    root = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
    collection = f"{root}/{'namespaces/{namespace}/' if row.namespaced else ''}{row.plural}"
    one = f"{collection}/{{name}}"
    found = {
        collection: _operations(row, component, _COLLECTION),
        one: _operations(row, component, _ONE),
    }
    if row.namespaced and "list" in row.verbs:
        found[f"{root}/{row.plural}"] = _operations(row, component, {"list": "get"})
    if row.has_status and "get" in row.verbs:
        found[f"{one}/status"] = _operations(row, component, _SUBRESOURCE, "Status")
    if complete and row.strategic_merge:
        for operations in found.values():
            if "patch" in operations:
                operations["patch"]["requestBody"]["content"] |= _content(
                    (_STRATEGIC,), f"{META}Patch"
                )
    named = {path: _named(path) for path in found}
    return {path: found[path] | named[path] for path in sorted(found) if found[path]}


def _named(path: str) -> Object:
    names = [name for name in ("name", "namespace") if f"{{{name}}}" in path]
    if not names:
        return {}
    return {"parameters": [_parameter(name, "path") | {"required": True} for name in names]}


def _operations(row: Resource, component: str, methods: dict[str, str], part: str = "") -> Object:
    return {
        method: _operation(row, component, verb, part)
        for verb, method in methods.items()
        if verb in row.verbs
    }


def _operation(row: Resource, component: str, verb: str, part: str) -> Object:
    operation: Object = {
        "tags": [_camel(row.group or "core") + f"_{row.version}"],
        "operationId": _identifier(row, verb, part),
        "x-kubernetes-action": _ACTIONS.get(verb, verb),
        "x-kubernetes-group-version-kind": {
            "group": row.group,
            "version": row.version,
            "kind": row.kind,
        },
        "responses": {
            "200": {"description": "OK", "content": _json(_answer(component, verb))},
            "401": {"description": "Unauthorized"},
        },
    }
    if names := _PARAMETERS[verb]:
        operation["parameters"] = [_parameter(name, "query") for name in names]
    if verb in {"create", "update", "patch"}:
        body = _content(_PATCHES, f"{META}Patch") if verb == "patch" else _json(component)
        operation["requestBody"] = {"required": True, "content": body}
    elif verb in {"delete", "deletecollection"}:
        operation["requestBody"] = {"content": _json(f"{META}DeleteOptions")}
    return operation


def _answer(component: str, verb: str) -> str:
    if verb in {"delete", "deletecollection"}:
        return f"{META}Status"
    return component + ("List" if verb == "list" else "")


def _identifier(row: Resource, verb: str, part: str) -> str:
    group = _camel((row.group or "core").removesuffix(".k8s.io"))
    place = f"{group[:1].upper()}{group[1:]}{row.version.capitalize()}"
    several = "Collection" if verb == "deletecollection" else ""
    scope = "Namespaced" if row.namespaced else ""
    word = "delete" if several else _WORDS[verb]
    return f"{word}{place}{several}{scope}{row.kind}{part}"


def _camel(group: str) -> str:
    first, *others = group.split(".")
    return first + "".join(part.capitalize() for part in others)


def _parameter(name: str, place: str) -> Object:
    schema: Object = {"type": _TYPES.get(name, "string"), "uniqueItems": True}
    return {"name": name, "in": place, "schema": schema}


def _json(component: str) -> Object:
    return _content(("application/json",), component)


def _content(kinds: Iterable[str], component: str) -> dict[str, Any]:
    return {kind: {"schema": reference(component)} for kind in kinds}
