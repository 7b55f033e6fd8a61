"""From the name of a Service to the addresses behind it, as the cluster's own clients find them."""

from __future__ import annotations

from typing import Any

from knlab.embedded.builtin.kinds import ENDPOINTS, SERVICES
from knlab.embedded.kube.controller import View
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Address

_DOMAIN = ("svc", "cluster", "local")


def service_addresses(view: View, namespace: str, name: str, port: int | str) -> list[Address]:
    """The ready addresses behind `port` (number or name) of a Service; empty if there are none."""
    service = view.find(SERVICES, namespace, name)
    if service is None:
        return []
    if service["spec"]["type"] == "ExternalName":
        target = parse_host(service["spec"]["externalName"])
        return service_addresses(view, *target, port) if target else []
    wanted = _service_port(service, port)
    endpoints = view.find(ENDPOINTS, namespace, name)
    if wanted is None or endpoints is None:
        return []
    return [
        (address["ip"], number)
        for subset in endpoints.get("subsets") or ()
        if (number := _number(subset, wanted))
        for address in subset.get("addresses") or ()
    ]


def parse_host(host: str) -> tuple[str, str] | None:
    """Namespace and name in `NAME.NAMESPACE[.svc[.cluster.local]]`; None for any other host."""
    name, _, rest = host.rstrip(".").partition(".")
    namespace, *domain = rest.split(".")
    if not namespace or tuple(domain) not in {(), _DOMAIN[:1], _DOMAIN}:
        return None
    return namespace, name


def _service_port(service: Object, port: int | str) -> Object | None:
    ports: list[Any] = service["spec"].get("ports") or []
    return next((item for item in ports if port in (item["port"], item.get("name"))), None)


def _number(subset: Object, wanted: Object) -> int | None:
    """The port of `subset` that has the name of the Service's port."""
    for port in subset.get("ports") or ():
        if port.get("name", "") == wanted.get("name", ""):
            return int(port["port"])
    return None
