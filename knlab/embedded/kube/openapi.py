"""OpenAPI as clients need it: v3 documents of the rows, and a stub of v2.

kubectl reads from the v3 document of a group version whether the server validates fields, what
`explain` prints, and by which keys lists merge. It needs no content in v2, only an answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from knlab import versions
from knlab.embedded.kube.discovery import GIT_VERSION
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.openapi_paths import META, REFERENCE, paths_of, reference
from knlab.embedded.kube.registry import Resource

V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

_TITLE: Final = "Kubernetes"
_COMMON: Final = tuple(
    f"{META}{kind}" for kind in ("DeleteOptions", "ListMeta", "ObjectMeta", "Patch", "Status")
)
"""What the paths of any document refer to."""
_SEEMING: Final[Mapping[str, Object]] = {name: {"type": "object"} for name in _COMMON}
"""Stands for these where nobody has published them."""

Components = Mapping[str, Object]
"""Schemas by name; references are `#/components/schemas/NAME`."""


@dataclass(frozen=True, slots=True)
class Published:
    """Schemas that a document takes as they are, instead of making them from a row."""

    version: Callable[[], str]
    """Changes when the schemas do."""
    load: Callable[[], Components]
    """All of them, each time anew: they are large, and few clients ask."""


NOTHING_PUBLISHED: Final = Published(lambda: "", dict)


@dataclass(frozen=True, slots=True)
class Document:
    """One document, encoded, with the hash that names this content."""

    body: bytes
    hash: str


class _Kept:
    """What is known of the document at one path."""

    def __init__(self, rows: tuple[Resource, ...], digest: str) -> None:
        self.rows = rows
        self.hash = digest
        self.document: Document | None = None


class OpenApi:
    """The documents of a set of rows; a document is made when somebody asks for it."""

    def __init__(self, published: Published = NOTHING_PUBLISHED) -> None:
        self._published = published
        self._kept: dict[str, _Kept] = {}

    def document(self, rows: Iterable[Resource], path: str) -> Document | None:
        """The v3 document at `path`, as in `apis/apps/v1`; None if there is none."""
        chosen = tuple(row for row in rows if _path(row) == path)
        if not chosen:
            return None
        known = self._known(path, chosen)
        if known.document is None:
            body = orjson.dumps(document_of(chosen, self._published.load()))
            known.document = Document(body, known.hash)
        return known.document

    def index(self, rows: Sequence[Resource]) -> Object:
        """The answer to `/openapi/v3`: every path with the URL that has its hash."""
        chosen: dict[str, list[Resource]] = {}
        for row in rows:
            chosen.setdefault(_path(row), []).append(row)
        hashes = {path: self._known(path, tuple(chosen[path])).hash for path in sorted(chosen)}
        return {
            "paths": {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
                for path, digest in hashes.items()
            }
        }

    def _known(self, path: str, rows: tuple[Resource, ...]) -> _Kept:
        known = self._kept.get(path)
        if known is None or not _same(known.rows, rows):
            known = self._kept[path] = _Kept(rows, _hash(rows, self._published.version()))
        return known


def _hash(rows: Iterable[Resource], published: str) -> str:
    """A name for the document of `rows`, from all that goes into it; making it takes longer."""
    parts: list[Any] = [versions.KNLAB, GIT_VERSION, published]
    for row in rows:
        own = None if row.strategic_merge else row.schema
        parts.append([_gvk(row), row.plural, row.list_kind, row.namespaced, row.verbs, own])
        parts.append([row.has_status, row.scale is not None, row.subresources])
    return _digest(orjson.dumps(parts))


def encoded(content: Object) -> Document:
    """`content` as a Document."""
    body = orjson.dumps(content)
    return Document(body, _digest(body))


def _digest(body: bytes) -> str:
    return hashlib.sha512(body).hexdigest().upper()


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


def document_of(rows: Sequence[Resource], published: Components | None = None) -> Object:
    """The v3 document of `rows`, which share a group version.

    A kind that is `published` has the schema found there, every other one that of its row.
    """
    components = {**_SEEMING, **(published or {})}
    names = _names(components)
    own: dict[str, Object] = {}
    paths: Object = {}
    for row in rows:
        name = names.get(_key(row, row.kind))
        if name is None:
            name = component_name(row)
            own[name] = schema_of(row, components)
            own[f"{name}List"] = _list_schema(row, components)
        paths |= paths_of(row, name, complete=name not in own)
    known = {**components, **own}
    wanted = _closure([*_references(paths), *own], known)
    return {
        "openapi": "3.0.0",
        "info": {"title": _TITLE, "version": ".".join(GIT_VERSION.split(".")[:2])},
        "paths": paths,
        "components": {"schemas": {name: known[name] for name in sorted(wanted)}},
    }


def _names(components: Components) -> dict[tuple[str, str, str], str]:
    """Group, version and kind → the component that is its schema."""
    return {
        (each["group"], each["version"], each["kind"]): name
        for name, schema in components.items()
        for each in schema.get("x-kubernetes-group-version-kind") or ()
    }


def _key(row: Resource, kind: str) -> tuple[str, str, str]:
    return row.group, row.version, kind


def _closure(names: Iterable[str], components: Components) -> set[str]:
    """`names` and all that their schemas refer to."""
    found: set[str] = set()
    ahead = [name for name in names if name in components]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(_references(components[name]))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REFERENCE)
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def component_name(row: Resource) -> str:
    """The schema's name: `io.k8s.api.apps.v1.Deployment`, `dev.knative.serving.v1.Service`."""
    labels = row.group.split(".")
    if len(labels) == 1 or row.group.endswith(".k8s.io"):
        prefix = f"io.k8s.api.{labels[0] or 'core'}"
    else:
        prefix = ".".join(reversed(labels))
    return f"{prefix}.{row.version}.{row.kind}"


def schema_of(row: Resource, components: Components = _SEEMING) -> Object:
    """The schema of `row` with what every object has; any field is allowed where there is none."""
    own: Object = dict(row.schema or {"x-kubernetes-preserve-unknown-fields": True})
    properties: Object = dict(own.get("properties") or {}) | _typed(components, "ObjectMeta")
    return own | {
        "type": "object",
        "properties": dict(sorted(properties.items())),
        "x-kubernetes-group-version-kind": [_gvk(row)],
    }


def _list_schema(row: Resource, components: Components) -> Object:
    items = {"type": "array", "items": reference(component_name(row))}
    kind = row.list_kind or f"{row.kind}List"
    return {
        "description": f"{kind} is a list of {row.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {"items": items | {"description": f"List of {row.plural}."}}
        | _typed(components, "ListMeta"),
        "x-kubernetes-group-version-kind": [_gvk(row) | {"kind": kind}],
    }


def _typed(components: Components, metadata: str) -> Object:
    """apiVersion, kind and metadata, as most published schemas with such metadata have them."""
    wanted = reference(f"{META}{metadata}")
    described = [
        {key: _told(properties[key]) for key in ("apiVersion", "kind", "metadata")}
        for properties in (schema.get("properties") or {} for schema in components.values())
        if (properties.get("metadata") or {}).get("allOf") == [wanted] and "kind" in properties
    ]
    if not described:
        return {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": wanted}
    return max(described, key=described.count)


def _told(schema: Object) -> Object:
    return {key: value for key, value in schema.items() if key != "default"}


def _gvk(row: Resource) -> Object:
    return {"group": row.group, "version": row.version, "kind": row.kind}
