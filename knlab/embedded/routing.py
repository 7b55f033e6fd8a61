"""Routes for the data plane: follows the cluster's objects and replaces the tables they make."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from knlab.embedded.builtin.lookup import service_addresses
from knlab.embedded.dataplane.routing_table import (
    Path,
    RevisionBackends,
    RoutingTable,
    RoutingTables,
    Split,
    VirtualHost,
)
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Labels
from knlab.embedded.kube.objects import GroupResource, Key, Object, key_of
from knlab.embedded.kube.store import Change, Store
from knlab.embedded.net.http import Header
from knlab.embedded.serving.kinds import ENDPOINTS, INGRESSES, REVISIONS
from knlab.embedded.serving.routing import (
    Headers,
    HostRoute,
    PathRoute,
    RevisionRoute,
    SplitRoute,
    make_routes,
)

FOLLOWED: Final = (INGRESSES, ENDPOINTS, REVISIONS)
GATEWAY_SERVICE: Final = ("kourier-system", "kourier-internal")


class RouteFeed:
    """Keeps `tables` what the cluster's objects say, for as long as `run` runs."""

    def __init__(self, api: Api, tables: RoutingTables) -> None:
        self._api = api
        self._tables = tables
        self._generations: Mapping[Key, int] = {}

    async def run(self) -> None:
        """Follow until cancelled; then the tables stay as they are."""
        changed = asyncio.Event()
        changed.set()

        def heard(_change: Change) -> None:
            changed.set()

        with self._api.store.listening(heard, *FOLLOWED):
            while True:
                await changed.wait()
                changed.clear()
                routes = make_routes(_References(self._api.store))
                self._generations = routes.generations
                self._tables.replace(
                    RoutingTable(
                        external=_hosts(routes.external),
                        internal=_hosts(routes.internal),
                        revisions={
                            "/".join(key): _backends(route)
                            for key, route in routes.revisions.items()
                        },
                    )
                )

    def probed(self, ingress: Object) -> bool:
        """Whether a running gateway has the routes of this generation of `ingress`."""
        generation = self._generations.get(key_of(ingress))
        if generation != ingress["metadata"].get("generation", 0):
            return False
        return bool(service_addresses(self._api, *GATEWAY_SERVICE, 80))


class _References:
    """A view without copies, for a reader that changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        return self._store.get(resource, (namespace, name))

    def list(
        self, resource: GroupResource, namespace: str | None = None, labels: Labels | None = None
    ) -> list[Object]:
        items = self._store.items(resource, namespace)
        if not labels:
            return items
        wanted = labels.items()
        return [item for item in items if wanted <= item["metadata"].get("labels", {}).items()]


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
        append_headers=_lines(route.append_headers),
    )


def _lines(headers: Headers) -> tuple[Header, ...]:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers)


def _backends(route: RevisionRoute) -> RevisionBackends:
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
