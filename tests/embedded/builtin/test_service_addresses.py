from __future__ import annotations

from ipaddress import ip_address

from knlab.embedded.builtin.service_addresses import (
    CLUSTER_NETWORK,
    NODE_PORTS,
    free_address,
    free_node_port,
    taken_addresses,
    taken_node_ports,
)
from tests.factories import make

SERVICE = make("v1", "Service", "web", "default", spec={})


def test_the_same_service_gets_the_same_address_while_it_is_free() -> None:
    first = free_address(SERVICE, set())
    assert first == free_address(SERVICE, set())
    assert ip_address(first) in CLUSTER_NETWORK
    assert free_address(SERVICE, {first}) == str(ip_address(first) + 1)


def test_a_node_port_is_found_until_all_are_taken() -> None:
    first = free_node_port(SERVICE, set())
    assert first in NODE_PORTS
    assert free_node_port(SERVICE, NODE_PORTS) is None
    assert free_node_port(SERVICE, set(NODE_PORTS) - {30001}) == 30001


def test_headless_services_take_no_address() -> None:
    services = [
        make("v1", "Service", "a", "default", spec={"clusterIP": "None", "clusterIPs": ["None"]}),
        make("v1", "Service", "b", "default", spec={"clusterIP": "10.96.1.1"}),
        make("v1", "Service", "c", "default", spec={"ports": [{"port": 1, "nodePort": 30007}]}),
    ]
    assert taken_addresses(services) == {"10.96.1.1"}
    assert taken_node_ports(services) == {30007}
