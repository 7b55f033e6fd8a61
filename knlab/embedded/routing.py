"""Routes for the data plane: follows the cluster's objects and sends on what is new about them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from knlab.embedded.builtin.lookup import service_addresses
from knlab.embedded.dataplane.routing_table import (
    Path,
    RevisionBackends,
    RouteChanges,
    RoutingTable,
    Split,
    VirtualHost,
)
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Lookup
from knlab.embedded.kube.derived import Derived, Source
from knlab.embedded.kube.objects import Key, Object, key_of
from knlab.embedded.kube.store import Change
from knlab.embedded.net.http import Header
from knlab.embedded.serving.kinds import CORE_SERVICES, ENDPOINTS, INGRESSES, REVISIONS
from knlab.embedded.serving.routing import (
    Headers,
    HostRoute,
    IngressRoutes,
    PathRoute,
    SplitRoute,
    ingress_routes,
    revision_route,
)

FOLLOWED: Final = (INGRESSES, CORE_SERVICES, ENDPOINTS, REVISIONS)
GATEWAY_SERVICE: Final = ("kourier-system", "kourier-internal")


class RouteFeed:
    """Keeps `table` what the cluster's objects say, for as long as `run` runs."""

    def __init__(self, api: Api, table: RoutingTable) -> None:
        self._api = api
        self._table = table
        self._ingresses = Derived(api.store, INGRESSES, ingress_routes)
        self._revisions = Derived(api.store, REVISIONS, _backends)
        self._external = _Claims()
        self._internal = _Claims()
        self._generations: dict[Key, int | None] = {}

    async def run(self) -> None:
        """Follow until cancelled; then the table stays as it is."""
        store = self._api.store
        changed: set[Source] = set()
        news = asyncio.Event()

        def heard(change: Change) -> None:
            changed.add((change.resource, key_of(change.object)))
            news.set()

        with store.listening(heard, *FOLLOWED):
            everything = [
                (kind, key_of(item))
                for kind in (INGRESSES, REVISIONS)
                for item in store.items(kind)
            ]
            self._table.replace(self._changes(everything))
            while True:
                await news.wait()
                async with self._api.turns.turn():
                    news.clear()
                    batch = tuple(changed)
                    changed.clear()
                    self._table.apply(self._changes(batch))

    def _changes(self, changed: Iterable[Source]) -> RouteChanges:
        external: dict[str, VirtualHost | None] = {}
        internal: dict[str, VirtualHost | None] = {}
        changed = tuple(changed)
        for key, found in self._ingresses.update(changed).items():
            routes = found or IngressRoutes()
            self._generations[key] = routes.generation
            external |= self._external.claim(key, _hosts(routes.external))
            internal |= self._internal.claim(key, _hosts(routes.internal))
            if found is None:
                del self._generations[key]
        revisions = self._revisions.update(changed)
        return RouteChanges(
            external=external,
            internal=internal,
            revisions={"/".join(key): backends for key, backends in revisions.items()},
        )

    def probed(self, ingress: Object) -> bool:
        """Whether a running gateway has the routes of this generation of `ingress`."""
        generation = self._generations.get(key_of(ingress))
        if generation != ingress["metadata"].get("generation", 0):
            return False
        return bool(service_addresses(self._api, *GATEWAY_SERVICE, 80))


class _Claims:
    """Which Ingresses want which host; the last of them by key has it."""

    def __init__(self) -> None:
        self._claims: dict[str, dict[Key, VirtualHost]] = {}
        self._claimed: dict[Key, Iterable[str]] = {}

    def claim(self, key: Key, hosts: Mapping[str, VirtualHost]) -> dict[str, VirtualHost | None]:
        """From now on Ingress `key` wants `hosts`; what becomes of these and of those it had."""
        touched = {*self._claimed.pop(key, ()), *hosts}
        if hosts:
            self._claimed[key] = tuple(hosts)
        return {host: self._settle(host, key, hosts.get(host)) for host in touched}

    def _settle(self, host: str, key: Key, wanted: VirtualHost | None) -> VirtualHost | None:
        claims = self._claims.setdefault(host, {})
        claims.pop(key, None)
        if wanted is not None:
            claims[key] = wanted
        if not claims:
            del self._claims[host]
            return None
        return claims[max(claims)]


def _hosts(routes: Mapping[str, HostRoute]) -> dict[str, VirtualHost]:
    return {
        host.lower(): VirtualHost(
            paths=tuple(map(_path, route.paths)), redirect_to_https=route.redirect_to_https
        )
        for host, route in routes.items()
    }


def _path(route: PathRoute) -> Path:
    return Path(
        splits=tuple(map(_split, route.splits)),
        prefix=route.prefix,
        headers=_lines(route.headers),
        append_headers=_lines(route.append_headers),
        rewrite_host=route.rewrite_host,
    )


def _split(route: SplitRoute) -> Split:
    return Split(
        backend=f"{route.namespace}/{route.service}",
        addresses=route.addresses,
        percent=route.percent,
        http2=route.http2,
        append_headers=_lines(route.append_headers),
    )


def _lines(headers: Headers) -> tuple[Header, ...]:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers)


def _backends(revision: Object, view: Lookup) -> RevisionBackends:
    route = revision_route(revision, view)
    return RevisionBackends(
        container_concurrency=route.container_concurrency,
        timeout=route.timeout,
        response_start_timeout=route.response_start_timeout,
        idle_timeout=route.idle_timeout,
        protocol=route.protocol,
        ready=frozenset(route.ready),
        not_ready=frozenset(route.not_ready),
        only_ready=route.only_ready,
        activators=route.activators,
    )
