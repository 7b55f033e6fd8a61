"""What gateway and activator must know, computed from Ingresses, Endpoints and Revisions.

Plain data: the platform turns it into the data plane's own table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from knlab.embedded.kube.controller import View
from knlab.embedded.kube.objects import Key, Object, key_of
from knlab.embedded.serving import views
from knlab.embedded.serving.controllers.ingress import is_kourier, is_rejected
from knlab.embedded.serving.domains import CLUSTER_LOCAL
from knlab.embedded.serving.kinds import (
    ACTIVATOR_SERVICE,
    ENDPOINTS,
    INGRESSES,
    REVISIONS,
    SYSTEM_NAMESPACE,
)
from knlab.embedded.serving.resources.names import private_service_name
from knlab.embedded.serving.resources.queue_proxy import serving_port

Address: TypeAlias = tuple[str, int]
Headers: TypeAlias = tuple[tuple[str, str], ...]
_SERVING_PORTS: Final = ("http", "http2")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRoute:
    """A share of the requests and the Service that takes it."""

    namespace: str
    service: str
    port: int
    percent: int
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
class Routes:
    """Everything at one moment; hosts as the Ingresses spell them, revisions by key."""

    external: Mapping[str, HostRoute] = field(default_factory=dict)
    internal: Mapping[str, HostRoute] = field(default_factory=dict)
    revisions: Mapping[Key, RevisionRoute] = field(default_factory=dict)
    generations: Mapping[Key, int] = field(default_factory=dict)
    """Of each Ingress that is served: the generation that these routes show."""


def make_routes(view: View) -> Routes:
    """The routes for what `view` shows now."""
    endpoints = {key_of(item): item for item in view.list(ENDPOINTS)}
    external: dict[str, HostRoute] = {}
    internal: dict[str, HostRoute] = {}
    generations: dict[Key, int] = {}
    for ingress in view.list(INGRESSES):
        if not is_kourier(ingress) or is_rejected(ingress):
            continue
        generations[key_of(ingress)] = ingress["metadata"].get("generation", 0)
        redirect = ingress["spec"].get("httpOption") == "Redirected"
        for rule in ingress["spec"].get("rules") or ():
            paths = _paths(rule, endpoints)
            is_local = rule.get("visibility") == CLUSTER_LOCAL
            for host in rule.get("hosts") or ():
                internal[host] = HostRoute(paths=paths, redirect_to_https=redirect and not is_local)
                if not is_local:
                    external[host] = internal[host]
    return Routes(
        external=external,
        internal=internal,
        revisions={
            key_of(revision): revision_route(revision, endpoints)
            for revision in view.list(REVISIONS)
        },
        generations=generations,
    )


def _paths(rule: Object, endpoints: Mapping[Key, Object]) -> tuple[PathRoute, ...]:
    found = [
        PathRoute(
            splits=tuple(_split(split, endpoints) for split in path.get("splits") or ()),
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


def _split(split: Object, endpoints: Mapping[Key, Object]) -> SplitRoute:
    namespace, service = split["serviceNamespace"], split["serviceName"]
    return SplitRoute(
        namespace=namespace,
        service=service,
        port=int(split["servicePort"]),
        percent=int(split.get("percent") or 0),
        append_headers=_pairs(split.get("appendHeaders")),
        addresses=tuple(_serving_addresses(endpoints.get((namespace, service)))),
    )


def _serving_addresses(endpoints: Object | None) -> Iterable[Address]:
    for subset in (endpoints or {}).get("subsets") or ():
        ports = [port for port in subset.get("ports") or () if port.get("name") in _SERVING_PORTS]
        for item in subset.get("addresses") or () if ports else ():
            yield item["ip"], int(ports[0]["port"])


def revision_route(revision: Object, endpoints: Mapping[Key, Object]) -> RevisionRoute:
    """What an activator must know of `revision`, given all Endpoints by key."""
    namespace, name = key_of(revision)
    spec, port = revision["spec"], serving_port(revision)
    private = endpoints.get((namespace, private_service_name(name))) or {}
    subsets = private.get("subsets") or ()
    public = views.ready_addresses(endpoints.get((namespace, name)))
    activators = set(views.ready_addresses(endpoints.get((SYSTEM_NAMESPACE, ACTIVATOR_SERVICE))))
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
