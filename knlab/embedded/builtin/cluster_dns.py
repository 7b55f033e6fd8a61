"""What the cluster's name server knows: Services and pods by name. Pure.

Names are those of Kubernetes' "DNS-based service discovery" 1.1, searched as a pod's resolver does.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

from knlab.embedded.builtin.kinds import ENDPOINTS, SERVICE_CLAIMS, SERVICES
from knlab.embedded.builtin.lookup import service_addresses
from knlab.embedded.kube.controller import View
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Address

DOMAIN: Final = "cluster.local"
NDOTS: Final = 5
SERVER_ADDRESS: Final = "10.96.0.10"
"""What pods are told to ask; kubeadm's choice. Nobody listens there: see `pods.pod_network`."""
_MOST_ALIASES: Final = 8


def search_path(namespace: str) -> tuple[str, ...]:
    """The domains in which a pod of `namespace` looks a short name up."""
    return f"{namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN


def resolve(view: View, namespace: str, name: str) -> tuple[str, list[str]] | None:
    """The full name and the addresses of `name` for a pod of `namespace`; None if it has none.

    An address is its own name.
    """
    if is_address(name):
        return name, [name]
    for candidate in _candidates(namespace, name):
        if found := _addresses(view, candidate, _MOST_ALIASES):
            return candidate, found
    return None


def behind(view: View, ip: str, port: int) -> list[Address] | None:
    """The ready addresses behind `port` of the Service that has the cluster address `ip`.

    Empty if there are none, or the Service has no such port; None if no Service has the address.
    """
    for service in view.having(SERVICE_CLAIMS, ip):
        if service["spec"].get("clusterIP") == ip:
            metadata = service["metadata"]
            return service_addresses(view, metadata["namespace"], metadata["name"], port)
    return None


def is_address(text: str) -> bool:
    """Whether `text` is an address of IPv4."""
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _candidates(namespace: str, name: str) -> list[str]:
    """The full names that `name` may stand for, in the order in which they are tried."""
    if name.endswith("."):
        return [name.rstrip(".").lower()]
    name = name.lower()
    searched = [f"{name}.{domain}" for domain in search_path(namespace)]
    return [name, *searched] if name.count(".") >= NDOTS else [*searched, name]


def _addresses(view: View, name: str, aliases: int) -> list[str]:
    if not name.endswith(f".{DOMAIN}"):
        return []
    labels = name.removesuffix(f".{DOMAIN}").split(".")
    match labels:
        case [*host, service, namespace, "svc"] if len(host) <= 1:
            return _of_service(view, namespace, service, "".join(host), aliases)
        case [dashed, namespace, "pod"] if namespace and is_address(dashed.replace("-", ".")):
            return [dashed.replace("-", ".")]
    return []


def _of_service(view: View, namespace: str, name: str, host: str, aliases: int) -> list[str]:
    service = view.find(SERVICES, namespace, name)
    if service is None:
        return []
    spec = service["spec"]
    if spec["type"] == "ExternalName":
        target = spec["externalName"].rstrip(".").lower()
        return _addresses(view, target, aliases - 1) if aliases and not host else []
    if host or spec.get("clusterIP") == "None":
        return _of_endpoints(view.find(ENDPOINTS, namespace, name), host)
    return [spec["clusterIP"]] if spec.get("clusterIP") else []


def _of_endpoints(endpoints: Object | None, host: str) -> list[str]:
    found = [
        address
        for subset in (endpoints or {}).get("subsets") or ()
        for address in subset.get("addresses") or ()
    ]
    wanted = {host} if host else None
    return [
        address["ip"]
        for address in found
        if wanted is None or {address.get("hostname"), address["ip"].replace(".", "-")} & wanted
    ]
