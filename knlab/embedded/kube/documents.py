"""What the server tells about itself: health, version, discovery, OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    NOTHING_PUBLISHED,
    V2_PROTOBUF,
    Document,
    OpenApi,
    Published,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What Kubernetes tells about its own groups, which rows alone don't say."""

    priorities: Mapping[str, int] = field(default_factory=dict)
    """The order of groups in discovery: the highest come first."""
    published: Published = NOTHING_PUBLISHED


class Documents:
    """The documents of one server, made again when its rows change."""

    def __init__(
        self,
        registry: Registry,
        *,
        subresources: Subresources,
        virtual: Sequence[Resource],
        checks: Mapping[str, Callable[[], bool]],
        upstream: Upstream,
    ) -> None:
        self._registry = registry
        self._subresources = subresources
        self._virtual = tuple(virtual)
        self._checks = {"ping": lambda: True, **checks}
        self._rows: tuple[Resource, ...] = ()
        self._discovery = Discovery(())
        self._priorities = upstream.priorities
        self._openapi = OpenApi(upstream.published)
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
        if head in _HEALTH:
            return partial(self._one_check, "/".join(rest)) if rest else partial(self._health, head)
        if rest:
            return None
        if not head:
            return self._index
        return partial(_indented, version_info) if head == "version" else None

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
            offers = [self._offer(row) for row in rows]
            self._discovery = Discovery(offers, self._priorities)
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

    def _index(self, request: Request, parameters: Parameters) -> Response:
        own = [f"/{name}" for name in (*_HEALTH, "openapi/v2", "openapi/v3", "version")]
        parts = [f"/{name}/{check}" for name in _HEALTH for check in self._checks]
        content = {"paths": sorted([*self.discovery.paths(), *own, *parts])}
        return _indented(lambda: content, request, parameters)

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
        left_out = parameters.texts("exclude")
        found = {
            check: "excluded: ok" if check in left_out else _verdict(passes())
            for check, passes in self._checks.items()
        }
        healthy = all(verdict.endswith("ok") for verdict in found.values())
        if healthy and not parameters.has("verbose"):
            return text_response(200, "ok")
        lines = [
            f"[{'+' if verdict.endswith('ok') else '-'}]{check} {verdict}"
            for check, verdict in found.items()
        ]
        lines.append(f"{name} check {'passed' if healthy else 'failed'}")
        return text_response(200 if healthy else 500, "\n".join(lines) + "\n")

    def _one_check(self, check: str, _request: Request, _parameters: Parameters) -> Response:
        passes = self._checks.get(check)
        if passes is None:
            raise PageNotFound("404 page not found")
        if passes():
            return text_response(200, "ok")
        return text_response(500, "internal server error: reason withheld\n")

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


def _indented(content: Callable[[], Object], request: Request, parameters: Parameters) -> Response:
    """An answer for people to read, whoever asks."""
    wish = replace(negotiate(request, parameters), pretty=True)
    return respond(content(), wish)


def _verdict(passed: bool) -> str:  # noqa: FBT001 - what a check returned
    return "ok" if passed else "failed: reason withheld"


def _cacheable(
    document: Document, media_type: str, headers: list[Header], request: Request
) -> Response:
    tag = f'"{document.hash}"'
    headers = [*headers, (b"etag", tag.encode())]
    if tag in (request.header("If-None-Match") or ""):
        return Response(304, headers)
    return Response(200, [*headers, (b"content-type", media_type.encode())], document.body)
