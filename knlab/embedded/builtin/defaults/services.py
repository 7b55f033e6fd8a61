"""Defaults of Services, Endpoints and EndpointSlices, and the addresses that Services get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from knlab.embedded.builtin.defaults.fill import fill
from knlab.embedded.builtin.service_addresses import (
    Holders,
    Taken,
    free_address,
    free_node_port,
)
from knlab.embedded.kube.objects import Object

_OPEN_TYPES: Final = ("NodePort", "LoadBalancer")
_CLUSTER_FIELDS: Final = (
    "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy",
)  # fmt: skip


def service_defaults(holders: Holders) -> Callable[[Object, Object | None], Object]:
    """The default hook of Services: it picks addresses that have no `holders`."""

    def default_service(new: Object, old: Object | None) -> Object:
        """A Service with Kubernetes' defaults, and the address and ports that its type needs."""
        spec: Object = new.setdefault("spec", {})
        _fill_in(spec)
        if old is not None:
            _keep_allocated(spec, old.get("spec") or {})
        if spec["type"] == "ExternalName":
            _drop_cluster_fields(spec, old)
        else:
            _allocate(new, spec, Taken(holders, new))
        new.setdefault("status", {}).setdefault("loadBalancer", {})
        return new

    return default_service


def default_endpoints(new: Object, _old: Object | None) -> Object:
    """Endpoints with the protocol of every port."""
    for subset in new.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill(port, protocol="TCP")
    return new


def default_endpoint_slice(new: Object, _old: Object | None) -> Object:
    """An EndpointSlice with name and protocol of every port, and lists that are never null."""
    for part in ("endpoints", "ports"):
        new[part] = new.get(part) or []
    for port in new["ports"]:
        fill(port, name="", protocol="TCP")
    return new


def _fill_in(spec: Object) -> None:
    fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port")
    if spec["type"] in _OPEN_TYPES:
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster")
        if spec.get("clusterIPs") and not spec.get("clusterIP"):
            spec["clusterIP"] = spec["clusterIPs"][0]


def _keep_allocated(spec: Object, old: Object) -> None:
    """Writing a Service without its allocated fields keeps them."""
    if spec["type"] != "ExternalName" and old.get("clusterIP") and not spec.get("clusterIP"):
        spec["clusterIP"] = old["clusterIP"]
    if spec["type"] in _OPEN_TYPES:
        known = {
            (port.get("protocol"), port.get("port")): port.get("nodePort")
            for port in old.get("ports") or ()
        }
        for port in spec.get("ports") or ():
            kept = known.get((port.get("protocol"), port.get("port")))
            if kept and not port.get("nodePort"):
                port["nodePort"] = kept
    elif old.get("type") in _OPEN_TYPES and _node_ports(spec) == _node_ports(old):
        for port in spec.get("ports") or ():  # they were for the type that it had
            port.pop("nodePort", None)


def _node_ports(spec: Object) -> list[int | None]:
    return [port.get("nodePort") for port in spec.get("ports") or ()]


def _drop_cluster_fields(spec: Object, old: Object | None) -> None:
    """A Service that becomes an ExternalName loses what it had in the cluster."""
    was = (old or {}).get("spec") or {}
    for name in _CLUSTER_FIELDS:
        if was.get("type") != "ExternalName" and spec.get(name) == was.get(name):
            spec.pop(name, None)


def _allocate(service: Object, spec: Object, taken: Taken) -> None:
    if not spec.get("clusterIP"):
        spec["clusterIP"] = free_address(service, taken)
    fill(spec, ipFamilyPolicy="SingleStack")
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    if spec["type"] == "NodePort" or spec.get("allocateLoadBalancerNodePorts"):
        for port in spec.get("ports") or ():
            own = [each for each in _node_ports(spec) if each]
            if not port.get("nodePort") and (found := free_node_port(service, taken, own)):
                port["nodePort"] = found
