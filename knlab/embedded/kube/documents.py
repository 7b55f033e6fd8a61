"""What the server tells about itself: health, version, discovery, OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from knlab.embedded.kube.discovery import (
    AGGREGATED_TYPE,
    Discovery,
    Offer,
    standard_subresources,
    version_info,
)
from knlab.embedded.kube.errors import MethodNotAllowed, NotFound
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.openapi import (
    V2_PROTOBUF,
    Document,
    OpenApi,
    encoded,
    v2_json,
    v2_protobuf,
)
from knlab.embedded.kube.paths import PageNotFound, Parameters, no_such_path
from knlab.embedded.kube.registry import Registry, Resource
from knlab.embedded.kube.representation import JSON_TYPE, accepted, negotiate, respond
from knlab.embedded.kube.subresources import Subresources
from knlab.embedded.net.http import Header, Request, Response, text_response

OPEN_PATHS: Final = frozenset({"/healthz", "/livez", "/readyz", "/version"})
"""What may be read without a token."""

_Page: TypeAlias = Callable[[Request, Parameters], Response]

_ROOTS: Final = frozenset({"api", "apis"})
_HEALTH: Final = ("healthz", "livez", "readyz")
_DISCOVERY_GROUP: Final = "apidiscovery.k8s.io"
_V2_PROTOBUF_ACCEPT: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_VARY: Final[Header] = (b"vary", b"Accept")


class Documents:
    """The documents of one server, made again when its rows change."""

    def __init__(
        self,
        registry: Registry,
        *,
        subresources: Subresources,
        virtual: Sequence[Resource],
        checks: Mapping[str, Callable[[], bool]],
    ) -> None:
        self._registry = registry
        self._subresources = subresources
        self._virtual = tuple(virtual)
        self._checks = {"ping": lambda: True, **checks}
        self._rows: tuple[Resource, ...] = ()
        self._discovery = Discovery(())
        self._openapi = OpenApi()
        self._v2 = encoded(v2_json())
        self._v2_protobuf = v2_protobuf()

    def answer(
        self, segments: tuple[str, ...], request: Request, parameters: Parameters
    ) -> Response | None:
        """The document at a path; None if the path is not one of ours.

        Raises:
            StatusError: it is, but there is nothing, or the method is not GET.
        """
        page = self._page(segments)
        if page is None:
            return None
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(
                "the server does not allow this method on the requested resource", details={}
            )
        return page(request, parameters)

    def _page(self, segments: tuple[str, ...]) -> _Page | None:
        head, rest = (segments[0], segments[1:]) if segments else ("", ())
        if head in _ROOTS:
            return self._discovery_page(segments)
        if head == "openapi":
            return partial(self._specification, rest)
        if rest:
            return None
        if head in _HEALTH:
            return partial(self._health, head)
        content = {"": self._index, "version": version_info}.get(head)
        return None if content is None else partial(_json, content)

    def _discovery_page(self, segments: tuple[str, ...]) -> _Page | None:
        match segments:
            case (root,):
                return partial(self._groups, root)
            case ("apis", group):
                return partial(_json, lambda: self.discovery.group(group))
            case ("api", version):
                return partial(_json, lambda: self.discovery.resources("", version))
            case ("apis", group, version):
                return partial(_json, lambda: self.discovery.resources(group, version))
        return None

    @property
    def rows(self) -> tuple[Resource, ...]:
        """Every row that is served."""
        return (*self._registry, *self._virtual)

    @property
    def discovery(self) -> Discovery:
        """Discovery of what is served now."""
        rows = self.rows
        if len(rows) != len(self._rows) or any(
            new is not old for new, old in zip(rows, self._rows, strict=True)
        ):
            self._rows = rows
            self._discovery = Discovery([self._offer(row) for row in rows])
        return self._discovery

    def _offer(self, row: Resource) -> Offer:
        if any(row is each for each in self._virtual):
            return Offer(row)
        own = [
            found.listed(row, name)
            for (group, plural, name), found in self._subresources.items()
            if (group, plural) == (row.group, row.plural)
        ]
        listed = sorted((*own, *standard_subresources(row)), key=lambda item: item.name)
        return Offer(row, tuple(listed))

    def _index(self) -> Object:
        own = [f"/{name}" for name in (*_HEALTH, "openapi/v2", "openapi/v3", "version")]
        return {"paths": sorted([*self.discovery.paths(), *own])}

    def _groups(self, root: str, request: Request, parameters: Parameters) -> Response:
        core = root == "api"
        for clause in accepted(request):
            if clause.asks_for(_DISCOVERY_GROUP, "v2", "APIGroupDiscoveryList"):
                document = encoded(self.discovery.aggregated(core=core))
                headers = [_VARY, (b"cache-control", b"public")]
                return _cacheable(document, AGGREGATED_TYPE, headers, request)
            if clause.name in {JSON_TYPE, "*/*"} and "as" not in clause.parameters:
                break
        address = request.header("Host") or ""
        content = self.discovery.core_versions(address) if core else self.discovery.groups()
        response = respond(content, negotiate(request, parameters))
        response.headers.append(_VARY)
        return response

    def _health(self, name: str, _request: Request, parameters: Parameters) -> Response:
        found = {check: passes() for check, passes in self._checks.items()}
        healthy = all(found.values())
        if healthy and not parameters.has("verbose"):
            return text_response(200, "ok")
        lines = [
            f"[+]{check} ok" if passed else f"[-]{check} failed: reason withheld"
            for check, passed in found.items()
        ]
        lines.append(f"{name} check {'passed' if healthy else 'failed'}")
        return text_response(200 if healthy else 500, "\n".join(lines) + "\n")

    def _specification(
        self, rest: tuple[str, ...], request: Request, parameters: Parameters
    ) -> Response:
        match rest:
            case ("v2",):
                return self._v2_stub(request)
            case ("v3",):
                index = self._openapi.index(self.rows)
                return respond(index, negotiate(request, parameters))
            case ("v3", *path):
                return self._v3("/".join(path), request, parameters)
        raise no_such_path()

    def _v2_stub(self, request: Request) -> Response:
        names = [clause.name for clause in accepted(request)]
        headers = [_VARY, (b"cache-control", b"no-cache, private")]
        if _V2_PROTOBUF_ACCEPT in names or V2_PROTOBUF in names:
            document = Document(self._v2_protobuf, self._v2.hash)
            return _cacheable(document, V2_PROTOBUF, headers, request)
        return _cacheable(self._v2, JSON_TYPE, headers, request)

    def _v3(self, path: str, request: Request, parameters: Parameters) -> Response:
        document = self._openapi.document(self.rows, path)
        if document is None:
            raise NotFound("the server could not find the requested resource", details={})
        negotiate(request, parameters)
        wanted = parameters.text("hash")
        if wanted and wanted != document.hash:
            location = f"/openapi/v3/{path}?hash={document.hash}"
            return Response(301, [(b"location", location.encode())])
        control = b"public, immutable" if wanted else b"no-cache, private"
        return _cacheable(document, JSON_TYPE, [_VARY, (b"cache-control", control)], request)


def _json(
    content: Callable[[], Object | None], request: Request, parameters: Parameters
) -> Response:
    found = content()
    if found is None:
        raise PageNotFound("404 page not found")
    return respond(found, negotiate(request, parameters))


def _cacheable(
    document: Document, media_type: str, headers: list[Header], request: Request
) -> Response:
    tag = f'"{document.hash}"'
    headers = [*headers, (b"etag", tag.encode())]
    if tag in (request.header("If-None-Match") or ""):
        return Response(304, headers)
    return Response(200, [*headers, (b"content-type", media_type.encode())], document.body)
