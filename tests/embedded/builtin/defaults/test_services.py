from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.defaults.services import (
    default_endpoint_slice,
    default_endpoints,
    service_defaults,
)
from knlab.embedded.builtin.service_addresses import claims_of
from knlab.embedded.kube.objects import Object, copy_json
from tests.factories import make

PORTS = [{"port": 80}]


def service(old: Object | None = None, others: list[Object] | None = None, **spec: Any) -> Object:
    new = make("v1", "Service", "web", "default", spec=copy_json(spec))

    def holders(claim: str) -> list[Object]:
        return [other for other in others or () if claim in claims_of(other)]

    return service_defaults(holders)(new, old)


def test_a_service_gets_one_address_and_the_usual_policies() -> None:
    made = service(ports=PORTS, selector={"app": "web"})
    spec = made["spec"]
    address = spec.pop("clusterIP")
    assert spec == {
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "selector": {"app": "web"},
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    assert made["status"] == {"loadBalancer": {}}


def test_two_services_never_share_an_address_or_a_node_port() -> None:
    first = service(type="NodePort", ports=PORTS)
    first["metadata"]["name"] = "other"
    second = service(others=[first], type="NodePort", ports=PORTS)
    assert second["spec"]["clusterIP"] != first["spec"]["clusterIP"]
    assert second["spec"]["ports"][0]["nodePort"] != first["spec"]["ports"][0]["nodePort"]


def test_an_update_without_the_allocated_fields_keeps_them() -> None:
    old = service(type="LoadBalancer", ports=PORTS)
    again = service(old, [old], type="LoadBalancer", ports=PORTS)
    assert again["spec"] == old["spec"]


@pytest.mark.parametrize(
    ("ports", "kept"),
    [([{"port": 80, "nodePort": 31000}], None), ([{"port": 80, "nodePort": 31001}], 31001)],
)
def test_a_service_that_is_closed_loses_its_node_ports_unless_it_asks_for_others(
    ports: list[Object], kept: int | None
) -> None:
    old = service(type="NodePort", ports=[{"port": 80, "nodePort": 31000}])
    closed = service(old, type="ClusterIP", ports=ports)
    assert closed["spec"]["ports"][0].get("nodePort") == kept


def test_a_load_balancer_has_node_ports_unless_it_declines() -> None:
    assert "nodePort" in service(type="LoadBalancer", ports=PORTS)["spec"]["ports"][0]
    declined = service(type="LoadBalancer", ports=PORTS, allocateLoadBalancerNodePorts=False)
    assert "nodePort" not in declined["spec"]["ports"][0]
    assert declined["spec"]["externalTrafficPolicy"] == "Cluster"


def test_an_external_name_has_no_address() -> None:
    spec = service(type="ExternalName", externalName="example.com", ports=PORTS)["spec"]
    assert spec == {
        "externalName": "example.com",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "sessionAffinity": "None",
        "type": "ExternalName",
    }


def test_becoming_an_external_name_gives_the_address_up() -> None:
    old = service(ports=PORTS)
    spec = copy_json(old["spec"]) | {"type": "ExternalName", "externalName": "example.com"}
    changed = service(old, [old], **spec)
    assert "clusterIP" not in changed["spec"]
    assert "ipFamilies" not in changed["spec"]


def test_a_headless_service_stays_headless() -> None:
    spec = service(clusterIP="None", ports=PORTS)["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])


def test_endpoints_and_slices_name_the_protocol_of_every_port() -> None:
    endpoints = make("v1", "Endpoints", "a", subsets=[{"ports": [{"port": 1}]}])
    assert default_endpoints(endpoints, None)["subsets"][0]["ports"][0]["protocol"] == "TCP"
    made = default_endpoint_slice(make("discovery.k8s.io/v1", "EndpointSlice", "a"), None)
    assert made["endpoints"] == made["ports"] == []
