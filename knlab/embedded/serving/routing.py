"""What gateway and activator must know, computed from Ingresses, Services, Endpoints, Revisions.

Plain data: the platform turns it into the data plane's own table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from knlab.embedded.kube.controller import Lookup
from knlab.embedded.kube.objects import Object, annotations_of, key_of
from knlab.embedded.net.http import Address
from knlab.embedded.serving import views
from knlab.embedded.serving.backends import backend_addresses, speaks_http2
from knlab.embedded.serving.controllers.ingress import is_kourier, is_rejected
from knlab.embedded.serving.domains import CLUSTER_LOCAL
from knlab.embedded.serving.kinds import (
    ACTIVATOR_SERVICE,
    ENDPOINTS,
    SYSTEM_NAMESPACE,
)
from knlab.embedded.serving.resources.names import private_service_name
from knlab.embedded.serving.resources.queue_proxy import serving_port

Headers: TypeAlias = tuple[tuple[str, str], ...]

_DISABLE_HTTP2: Final = "kourier.knative.dev/disable-http2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRoute:
    """A share of the requests and the Service that takes it."""

    namespace: str
    service: str
    port: int
    percent: int
    http2: bool = False
    append_headers: Headers = ()
    addresses: tuple[Address, ...] = ()
    """Ready endpoints of the Service: activators, or pods of the revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRoute:
    """A route of a host; `headers` must match exactly, `prefix` the beginning of the path."""

    splits: tuple[SplitRoute, ...]
    prefix: str = "/"
    headers: Headers = ()
    append_headers: Headers = ()
    rewrite_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoute:
    """All routes of one host, those with header matches first."""

    paths: tuple[PathRoute, ...]
    redirect_to_https: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRoute:
    """What an activator knows of one revision; times in seconds."""

    container_concurrency: int
    timeout: float
    response_start_timeout: float
    idle_timeout: float
    protocol: str
    ready: tuple[Address, ...] = ()
    not_ready: tuple[Address, ...] = ()
    only_ready: bool = False
    """Only pods that Kubernetes calls ready count: exec readiness probe or startup probe."""
    activators: tuple[str, ...] = ()
    """Addresses of the activators that stand in the public Endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressRoutes:
    """What gateways serve for one Ingress; hosts as it spells them."""

    external: Mapping[str, HostRoute] = field(default_factory=dict)
    internal: Mapping[str, HostRoute] = field(default_factory=dict)
    generation: int | None = None
    """The generation that these routes show; None while a backend has no endpoints."""


def ingress_routes(ingress: Object, view: Lookup) -> IngressRoutes:
    """The routes of `ingress` to what `view` shows behind its Services; none if not served."""
    if not is_kourier(ingress) or is_rejected(ingress):
        return IngressRoutes()
    http2 = annotations_of(ingress).get(_DISABLE_HTTP2, "").lower() != "true"
    given = ingress["spec"].get("rules") or ()
    rules = [(rule, _paths(rule, view, http2=http2)) for rule in given]
    reachable = all(
        split.addresses for _, paths in rules for path in paths for split in path.splits
    )
    if not (reachable or _was_served(ingress)):
        return IngressRoutes()
    redirect = ingress["spec"].get("httpOption") == "Redirected"
    external: dict[str, HostRoute] = {}
    internal: dict[str, HostRoute] = {}
    for rule, paths in rules:
        is_local = rule.get("visibility") == CLUSTER_LOCAL
        for host in rule.get("hosts") or ():
            internal[host] = HostRoute(paths=paths, redirect_to_https=redirect and not is_local)
            if not is_local:
                external[host] = internal[host]
    generation = ingress["metadata"].get("generation", 0) if reachable else None
    return IngressRoutes(external=external, internal=internal, generation=generation)


def _was_served(ingress: Object) -> bool:
    """Whether `ingress` was ready once; Kourier passes on only what has endpoints to begin with."""
    return bool((ingress.get("status") or {}).get("publicLoadBalancer"))


def _paths(rule: Object, view: Lookup, *, http2: bool) -> tuple[PathRoute, ...]:
    found = [
        PathRoute(
            splits=tuple(_split(split, view, http2=http2) for split in path.get("splits") or ()),
            prefix=path.get("path") or "/",
            headers=tuple(
                (name, match["exact"]) for name, match in (path.get("headers") or {}).items()
            ),
            append_headers=_pairs(path.get("appendHeaders")),
            rewrite_host=path.get("rewriteHost", ""),
        )
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    return tuple(sorted(found, key=lambda path: (-len(path.prefix), -len(path.headers))))


def _pairs(headers: Mapping[str, str] | None) -> Headers:
    return tuple((headers or {}).items())


def _split(split: Object, view: Lookup, *, http2: bool) -> SplitRoute:
    namespace, service = split["serviceNamespace"], split["serviceName"]
    port = int(split["servicePort"])
    return SplitRoute(
        namespace=namespace,
        service=service,
        port=port,
        percent=int(split.get("percent") or 0),
        append_headers=_pairs(split.get("appendHeaders")),
        addresses=backend_addresses(view, namespace, service, port),
        http2=http2 and speaks_http2(view, namespace, service, port),
    )


def revision_route(revision: Object, view: Lookup) -> RevisionRoute:
    """What an activator must know of `revision`, with the endpoints that `view` shows."""
    namespace, name = key_of(revision)
    spec, port = revision["spec"], serving_port(revision)
    private = view.find(ENDPOINTS, namespace, private_service_name(name)) or {}
    subsets = private.get("subsets") or ()
    public = views.ready_addresses(view.find(ENDPOINTS, namespace, name))
    activators = set(
        views.ready_addresses(view.find(ENDPOINTS, SYSTEM_NAMESPACE, ACTIVATOR_SERVICE))
    )
    container = views.serving_container(spec)
    return RevisionRoute(
        container_concurrency=int(spec.get("containerConcurrency") or 0),
        timeout=float(spec.get("timeoutSeconds") or 0),
        response_start_timeout=float(spec.get("responseStartTimeoutSeconds") or 0),
        idle_timeout=float(spec.get("idleTimeoutSeconds") or 0),
        protocol=views.protocol(spec),
        ready=tuple((ip, port) for ip in _ips(subsets, "addresses")),
        not_ready=tuple((ip, port) for ip in _ips(subsets, "notReadyAddresses")),
        only_ready="exec" in (container.get("readinessProbe") or {})
        or container.get("startupProbe") is not None,
        activators=tuple(ip for ip in public if ip in activators),
    )


def _ips(subsets: Iterable[Object], part: str) -> list[str]:
    return sorted({item["ip"] for subset in subsets for item in subset.get(part) or ()})
