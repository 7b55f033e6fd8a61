"""How an answer is written: the object, a Table or only metadata; as JSON or YAML.

`negotiate` reads what the client accepts; the other functions turn objects into `Response`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal, cast

import orjson
import yaml

from knlab.embedded.kube.backing import Page
from knlab.embedded.kube.errors import (
    BadRequest,
    Forbidden,
    NotAcceptable,
    StatusError,
    Unauthorized,
)
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.tables import IncludeObject, partial_metadata, table
from knlab.embedded.net.http import Header, Request, Response

JSON_TYPE: Final = "application/json"
YAML_TYPE: Final = "application/yaml"

_META_GROUP: Final = "meta.k8s.io"
_META_VERSIONS: Final = ("v1", "v1beta1")
_FORMS: Final[Mapping[str, Literal["table", "metadata"]]] = {
    "Table": "table",
    "PartialObjectMetadata": "metadata",
    "PartialObjectMetadataList": "metadata",
}
_ANYTHING: Final = "*/*"
_PEOPLE: Final = ("curl", "Wget", "Mozilla")
"""Clients whose answers are indented unless they say otherwise."""
_CACHE_CONTROL: Final[Header] = (b"cache-control", b"no-cache, private")
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client wants to get."""

    form: Literal["object", "table", "metadata"] = "object"
    meta_version: str = "v1"
    """Version of meta.k8s.io for tables."""
    encoding: Literal["json", "yaml"] = "json"
    pretty: bool = False
    include: IncludeObject = "Metadata"


@dataclass(frozen=True, slots=True)
class MediaType:
    """One clause of an Accept header."""

    name: str
    parameters: Mapping[str, str]

    def asks_for(self, group: str, version: str, kind: str) -> bool:
        """Whether the clause wants `kind` of that group version."""
        wanted = {"g": group, "v": version, "as": kind}
        return self.name == JSON_TYPE and all(
            self.parameters.get(key) == value for key, value in wanted.items()
        )


def accepted(request: Request) -> list[MediaType]:
    """The clauses of the Accept header, the client's favourites first."""
    return _accepted(request.header("Accept") or _ANYTHING)


def _accepted(accept: str) -> list[MediaType]:
    clauses = [_media_type(clause) for clause in accept.split(",") if clause.strip()]
    weighed = [(clause, _weight(clause)) for clause in clauses]
    ordered = sorted(weighed, key=lambda pair: -pair[1])
    return [clause for clause, weight in ordered if weight > 0]


def _media_type(text: str) -> MediaType:
    name, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.partition("=") for part in rest)
    return MediaType(name.lower(), {key.strip(): value.strip() for key, _, value in pairs})


def _weight(clause: MediaType) -> float:
    try:
        return float(clause.parameters.get("q", "1"))
    except ValueError:
        return 1.0


def negotiate(request: Request, parameters: Parameters) -> Wish:
    """What to send to this client.

    Raises:
        NotAcceptable: it accepts nothing that we have.
        BadRequest: `includeObject` has no such value.
    """
    wish = _wished(request.header("Accept") or _ANYTHING)
    if wish is None:
        listed = f"{JSON_TYPE}, {YAML_TYPE}"
        raise NotAcceptable(f"only the following media types are accepted: {listed}")
    pretty, include = _is_pretty(request, parameters), _included(parameters)
    if pretty == wish.pretty and include == wish.include:
        return wish
    return replace(wish, pretty=pretty, include=include)


@lru_cache(maxsize=256)
def _wished(accept: str) -> Wish | None:
    """What an Accept header asks for; None if we have nothing of it."""
    wishes = (_wish(clause) for clause in _accepted(accept))
    return next((wish for wish in wishes if wish is not None), None)


def _wish(clause: MediaType) -> Wish | None:
    kind = clause.parameters.get("as")
    if kind is not None:
        for version in _META_VERSIONS:
            if kind in _FORMS and clause.asks_for(_META_GROUP, version, kind):
                return Wish(form=_FORMS[kind], meta_version=version)
        return None
    if clause.name in {JSON_TYPE, "*/*", "application/*"}:
        return Wish()
    return Wish(encoding="yaml") if clause.name == YAML_TYPE else None


def _is_pretty(request: Request, parameters: Parameters) -> bool:
    if parameters.has("pretty"):
        return parameters.flag("pretty")
    return (request.header("User-Agent") or "").startswith(_PEOPLE)


def _included(parameters: Parameters) -> IncludeObject:
    value = parameters.text("includeObject") or "Metadata"
    if value not in {"None", "Metadata", "Object"}:
        raise BadRequest(f'unrecognized includeObject value: "{value}"')
    return cast("IncludeObject", value)


def one(row: Resource, obj: Object, wish: Wish, now: float) -> Object:
    """A single object in the form of `wish`."""
    match wish.form:
        case "object":
            return obj
        case "metadata":
            return partial_metadata(obj)
        case "table":
            version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return _table(row, [obj], wish, now, version)


def many(row: Resource, page: Page, wish: Wish, now: float) -> Object:
    """A list in the form of `wish`; items of built-in kinds don't repeat what they are."""
    metadata: Object = {"resourceVersion": str(page.version)}
    if page.token:
        metadata["continue"] = page.token
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    match wish.form:
        case "object":
            kind = row.list_kind or f"{row.kind}List"
            head = {"kind": kind, "apiVersion": row.api_version, "metadata": metadata}
            return head | {"items": list(_items(row, page.items))}
        case "metadata":
            return {
                "kind": "PartialObjectMetadataList",
                "apiVersion": f"{_META_GROUP}/{wish.meta_version}",
                "metadata": metadata,
                "items": [partial_metadata(item) for item in page.items],
            }
        case "table":
            return _table(row, page.items, wish, now, metadata)


def _items(row: Resource, items: Sequence[Object]) -> Iterator[Object]:
    if not row.strategic_merge:
        return iter(items)
    typed = ("apiVersion", "kind")
    return ({key: item[key] for key in item if key not in typed} for item in items)


def _table(
    row: Resource, items: Iterable[Object], wish: Wish, now: float, metadata: Object
) -> Object:
    return table(
        row,
        items,
        now=now,
        include=wish.include,
        metadata=metadata,
        version=wish.meta_version,
    )


def respond(
    content: Any, wish: Wish, *, status: int = 200, warnings: Sequence[str] = ()
) -> Response:
    """`content` as an answer, with a Warning header for each of `warnings`."""
    if wish.encoding == "yaml":
        kind = YAML_TYPE
        plain = orjson.loads(orjson.dumps(content))
        body = yaml.dump(plain, Dumper=_DUMPER, allow_unicode=True).encode()
    else:
        kind = JSON_TYPE
        option = orjson.OPT_INDENT_2 if wish.pretty else orjson.OPT_APPEND_NEWLINE
        body = orjson.dumps(content, option=option)
    headers: list[Header] = [_CACHE_CONTROL, (b"content-type", kind.encode())]
    headers += [warning_header(text) for text in warnings]
    return Response(status, headers, body)


def respond_error(error: StatusError, wish: Wish | None = None) -> Response:
    """The Status that says what went wrong."""
    warnings: Sequence[str] = getattr(error, "warnings", ())
    return respond(error.status(), wish or Wish(), status=error.code, warnings=warnings)


def refusal(code: int, message: str) -> Response:
    """The Status for a client that may not come in: 401, or 403 for every other reason."""
    return respond_error(Unauthorized(message) if code == 401 else Forbidden(message))


def warning_header(text: str) -> Header:
    """The header that makes clients show `text` as a warning."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return b"warning", f'299 - "{plain}"'.encode()
