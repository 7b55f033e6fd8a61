"""Which addresses take the requests for a Kubernetes Service, as Kourier tells Envoy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from knlab.embedded.kube.controller import Lookup
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Address
from knlab.embedded.serving import views
from knlab.embedded.serving.config_network import LOCAL_DOMAIN
from knlab.embedded.serving.kinds import CORE_SERVICES, ENDPOINTS

_EXTERNAL_NAME: Final = "ExternalName"
_DEFAULT_PORT: Final = 80
_HTTP2_NAMES: Final = frozenset({"http2", "h2c"})
_LONGEST_ALIAS: Final = 8
"""So many names may stand for one another before it counts as a circle."""


def backend_addresses(view: Lookup, namespace: str, name: str, port: int) -> tuple[Address, ...]:
    """The ready endpoints of a Service for requests to its `port`; empty if there are none.

    A Service that is another name for one inside the cluster has the endpoints of that one.
    """
    service = view.find(CORE_SERVICES, namespace, name)
    if service is None:
        return ()
    outside, target = _DEFAULT_PORT, _DEFAULT_PORT
    for item in service["spec"].get("ports") or ():
        if item["port"] == port or not item.get("name"):
            found = item.get("targetPort", item["port"])
            outside, target = item["port"], found if isinstance(found, int) else 0
    if service["spec"].get("type") == _EXTERNAL_NAME:
        return tuple(sorted(_resolved(view, service, outside)))
    ready = views.ready_addresses(view.find(ENDPOINTS, namespace, name))
    return tuple((ip, target) for ip in sorted(set(ready)))


def speaks_http2(view: Lookup, namespace: str, name: str, port: int) -> bool:
    """Whether requests to `port` of a Service are sent over HTTP/2: by the name of the port."""
    service = view.find(CORE_SERVICES, namespace, name) or {"spec": {}}
    ports = service["spec"].get("ports") or ()
    return any(item["port"] == port and item.get("name") in _HTTP2_NAMES for item in ports)


def _resolved(view: Lookup, service: Object, port: int) -> set[Address]:
    """What a program inside the cluster reaches at `port` of the name that `service` stands for."""
    found: Object | None = service
    for _ in range(_LONGEST_ALIAS):
        if found is None:
            return set()
        if found["spec"].get("type") != _EXTERNAL_NAME:
            return set(_behind(view, found, port))
        found = _named(view, found["spec"].get("externalName", ""))
    return set()


def _named(view: Lookup, host: str) -> Object | None:
    """The Service of this cluster that is called `host`; None if the name is not of the cluster."""
    inside = host.removesuffix(".").removesuffix(f".{LOCAL_DOMAIN}")
    name, _, namespace = inside.partition(".")
    return None if inside == host else view.find(CORE_SERVICES, namespace, name)


def _behind(view: Lookup, service: Object, port: int) -> Iterator[Address]:
    names = {item.get("name", "") for item in service["spec"]["ports"] if item["port"] == port}
    metadata = service["metadata"]
    endpoints = view.find(ENDPOINTS, metadata["namespace"], metadata["name"]) or {}
    for subset in endpoints.get("subsets") or ():
        for item in subset.get("ports") or ():
            if item.get("name", "") in names:
                yield from ((each["ip"], item["port"]) for each in subset.get("addresses") or ())
