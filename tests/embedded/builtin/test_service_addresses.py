from __future__ import annotations

from ipaddress import ip_address

import pytest

from knlab.embedded.builtin.service_addresses import (
    CLUSTER_NETWORK,
    NODE_PORTS,
    Taken,
    claims_of,
    free_address,
    free_node_port,
)
from knlab.embedded.kube.objects import Object
from tests.factories import make

SERVICE = make("v1", "Service", "web", "default", spec={})


def test_the_same_service_gets_the_same_address_while_it_is_free() -> None:
    first = free_address(SERVICE, set())
    assert first == free_address(SERVICE, set())
    assert ip_address(first) in CLUSTER_NETWORK
    assert free_address(SERVICE, {first}) == str(ip_address(first) + 1)


def test_a_node_port_is_found_until_all_are_taken() -> None:
    first = free_node_port(SERVICE, set())
    assert first is not None
    assert first in NODE_PORTS
    assert free_node_port(SERVICE, NODE_PORTS) is None
    assert free_node_port(SERVICE, set(NODE_PORTS) - {30001}) == 30001
    assert free_node_port(SERVICE, {first}, {first + 1}) == first + 2


@pytest.mark.parametrize(
    ("spec", "claims"),
    [
        pytest.param({"clusterIP": "None", "clusterIPs": ["None"]}, [], id="headless"),
        pytest.param({"clusterIP": "10.96.1.1"}, ["10.96.1.1"], id="an address"),
        pytest.param(
            {"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1", "fd00::1"]},
            ["10.96.1.1", "fd00::1"],
            id="two families",
        ),
        pytest.param(
            {"ports": [{"port": 1, "nodePort": 30007}, {"port": 2}]}, ["30007"], id="a node port"
        ),
    ],
)
def test_what_a_service_claims(spec: Object, claims: list[str]) -> None:
    assert list(claims_of(make("v1", "Service", "a", "default", spec=spec))) == claims


def test_what_a_service_has_itself_is_not_taken() -> None:
    other = make("v1", "Service", "other", "default", spec={})
    holders = {"30001": [SERVICE], "30002": [SERVICE, other], "10.96.1.1": [other]}
    taken = Taken(lambda claim: holders.get(claim, []), SERVICE)
    found = [claim in taken for claim in (30001, 30002, 30003, "10.96.1.1")]
    assert found == [False, True, False, True]
