"""Free cluster addresses and node ports for Services; a name gets the same one if it is free."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from ipaddress import IPv4Network
from typing import Final

from knlab.embedded.builtin.hashes import fnv32a
from knlab.embedded.kube.objects import Object, key_of

CLUSTER_NETWORK: Final = IPv4Network("10.96.0.0/12")
API_SERVER_ADDRESS: Final = "10.96.0.1"
NODE_PORTS: Final = range(30000, 32768)

_RESERVED: Final = 256
"""The first addresses are left to those who ask for one by name, as Kubernetes leaves them."""


def taken_addresses(services: Iterable[Object]) -> set[str]:
    """The cluster addresses that `services` have."""
    return {
        address
        for service in services
        for address in (service["spec"].get("clusterIPs") or [service["spec"].get("clusterIP")])
        if address and address != "None"
    }


def taken_node_ports(services: Iterable[Object]) -> set[int]:
    """The node ports that `services` have."""
    return {
        port["nodePort"]
        for service in services
        for port in service["spec"].get("ports") or ()
        if port.get("nodePort")
    }


def free_address(service: Object, taken: Container[str]) -> str:
    """A cluster address for `service` that is not `taken`."""
    numbers = range(_RESERVED, CLUSTER_NETWORK.num_addresses - 1)
    for number in _from_hash(service, numbers):
        address = str(CLUSTER_NETWORK[number])
        if address not in taken:
            return address
    raise AssertionError("a million Services")


def free_node_port(service: Object, taken: Container[int]) -> int | None:
    """A node port for `service` that is not `taken`; None if all are."""
    return next((port for port in _from_hash(service, NODE_PORTS) if port not in taken), None)


def _from_hash(service: Object, numbers: range) -> Iterator[int]:
    start = fnv32a("/".join(key_of(service)).encode()) % len(numbers)
    yield from numbers[start:]
    yield from numbers[:start]
