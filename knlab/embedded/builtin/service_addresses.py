"""Free cluster addresses and node ports for Services; a name gets the same one if it is free."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final, TypeAlias

from knlab.embedded.builtin.hashes import fnv32a
from knlab.embedded.kube.objects import Object, key_of

CLUSTER_NETWORK: Final = IPv4Network("10.96.0.0/12")
API_SERVER_ADDRESS: Final = "10.96.0.1"
NODE_PORTS: Final = range(30000, 32768)

_RESERVED: Final = 256
"""The first addresses are left to those who ask for one by name, as Kubernetes leaves them."""


Holders: TypeAlias = Callable[[str], Iterable[Object]]
"""The Services that have a cluster address, or a node port as text."""


def claims_of(service: Object) -> Iterator[str]:
    """The cluster addresses and node ports, as text, that `service` has."""
    spec = service["spec"]
    for address in spec.get("clusterIPs") or (spec.get("clusterIP"),):
        if address and address != "None":
            yield address
    for port in spec.get("ports") or ():
        if port.get("nodePort"):
            yield str(port["nodePort"])


@dataclass(frozen=True, slots=True)
class Taken:
    """The cluster addresses and node ports that another Service than `service` has."""

    holders: Holders
    service: Object

    def __contains__(self, claim: object) -> bool:
        own = key_of(self.service)
        return any(key_of(other) != own for other in self.holders(str(claim)))


def free_address(service: Object, taken: Container[str]) -> str:
    """A cluster address for `service` that is not `taken`."""
    numbers = range(_RESERVED, CLUSTER_NETWORK.num_addresses - 1)
    for number in _from_hash(service, numbers):
        address = str(CLUSTER_NETWORK[number])
        if address not in taken:
            return address
    raise AssertionError("a million Services")


def free_node_port(service: Object, *taken: Container[int]) -> int | None:
    """A node port for `service` that is in none of `taken`; None if all are."""
    for port in _from_hash(service, NODE_PORTS):
        if not any(port in each for each in taken):
            return port
    return None


def _from_hash(service: Object, numbers: range) -> Iterator[int]:
    start = fnv32a("/".join(key_of(service)).encode()) % len(numbers)
    yield from numbers[start:]
    yield from numbers[:start]
