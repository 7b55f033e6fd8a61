"""Cells of Services, Endpoints and EndpointSlices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from knlab.embedded.kube.objects import Object

_NONE: Final = "<none>"
_SHOWN: Final = 3
"""How many addresses or ports a cell lists before it says how many more there are."""


def cluster_ip(service: Object, _now: float) -> str:
    """`CLUSTER-IP`: the first one; `None` for a headless service."""
    addresses = service["spec"].get("clusterIPs") or [service["spec"].get("clusterIP")]
    return addresses[0] or _NONE


def external_ip(service: Object, _now: float) -> str:
    """`EXTERNAL-IP`: what the type of the service makes of it."""
    spec = service["spec"]
    own = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case "LoadBalancer":
            return ",".join([*_balancer_addresses(service), *own]) or "<pending>"
        case "ClusterIP" | "NodePort":
            return ",".join(own) or _NONE
        case _:
            return "<unknown>"


def _balancer_addresses(service: Object) -> list[str]:
    listed: Iterable[Object] = (
        service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    )
    return sorted({item.get("ip") or item.get("hostname", "") for item in listed} - {""})


def service_ports(service: Object, _now: float) -> str:
    """`PORT(S)`: each as PORT[:NODEPORT]/PROTOCOL."""
    ports: Iterable[Object] = service["spec"].get("ports") or ()
    return ",".join(map(_service_port, ports)) or _NONE


def _service_port(port: Object) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}"


def service_selector(service: Object, _now: float) -> str:
    """`SELECTOR`: labels as `key=value`, sorted."""
    labels: dict[str, str] = service["spec"].get("selector") or {}
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or _NONE


def endpoints(obj: Object, _now: float) -> str:
    """`ENDPOINTS`: the first addresses with their ports."""
    if not obj.get("subsets"):
        return _NONE
    return _some(list(_pairs(obj["subsets"])))


def _pairs(subsets: Iterable[Object]) -> Iterator[str]:
    for subset in subsets:
        addresses = [item["ip"] for item in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            yield from addresses
        for port in ports or ():
            for address in addresses:
                host = f"[{address}]" if ":" in address else address
                yield f"{host}:{port['port']}"


def slice_ports(obj: Object, _now: float) -> str:
    """`PORTS`: numbers, or names where there is no number."""
    ports: Iterable[Object] = obj.get("ports") or ()
    return _some([str(port.get("port") or port.get("name") or "*") for port in ports]) or "<unset>"


def slice_addresses(obj: Object, _now: float) -> str:
    """`ENDPOINTS`: the first addresses."""
    listed: Iterable[Object] = obj.get("endpoints") or ()
    addresses = [address for item in listed for address in item.get("addresses") or ()]
    return _some(addresses) or "<unset>"


def _some(texts: list[str]) -> str:
    shown = ",".join(texts[:_SHOWN])
    more = len(texts) - _SHOWN
    return f"{shown} + {more} more..." if more > 0 else shown
