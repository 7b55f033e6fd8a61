"""ServerlessServices: which addresses stand in the public Endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.serving.controllers.serverlessservice import (
    serverless_service_controllers,
    sync_activator_endpoints,
    sync_serverless_service,
)
from knlab.embedded.serving.kinds import CORE_SERVICES, ENDPOINTS, SERVERLESS_SERVICES
from tests.factories import NOW, DictView, make, settle

KEY = ("ns", "r")
PORTS = [{"name": "http", "port": 8012}, {"name": "metrics", "port": 9090},
         {"name": "https", "port": 8112}]  # fmt: skip
SERVING = [PORTS[0], PORTS[2]]


def endpoints(name: str, namespace: str, *addresses: str) -> Object:
    subsets = [{"addresses": [{"ip": ip} for ip in addresses], "ports": PORTS}] if addresses else []
    return make("v1", "Endpoints", name, namespace, subsets=subsets)


def world(*, mode: str = "Proxy", pods: int = 1, activators: int = 1, protocol: str = "http1",
          **spec: Any) -> DictView:  # fmt: skip
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "r-deployment"}
    body = {"mode": mode, "objectRef": reference, "protocolType": protocol} | spec
    selector = {"matchLabels": {"uid": "1"}}
    return DictView(
        [
            make("networking.internal.knative.dev/v1alpha1", "ServerlessService", "r", "ns",
                 spec=body),
            make("apps/v1", "Deployment", "r-deployment", "ns", spec={"selector": selector}),
            endpoints("r-private", "ns", *(f"10.1.0.{index}" for index in range(pods))),
            endpoints("activator-service", "knative-serving",
                      *(f"10.0.0.{index}" for index in range(activators))),
        ]
    )  # fmt: skip


def public(view: DictView) -> list[str]:
    found = view.find(ENDPOINTS, *KEY)
    assert found is not None
    return [item["ip"] for subset in found.get("subsets", []) for item in subset["addresses"]]


def conditions(view: DictView) -> dict[str, tuple[str, str]]:
    sks = view.find(SERVERLESS_SERVICES, *KEY)
    assert sks is not None
    return {c["type"]: (c["status"], c.get("reason", "")) for c in sks["status"]["conditions"]}


@pytest.mark.parametrize(
    ("mode", "pods", "activators", "wanted"),
    [
        pytest.param("Proxy", 2, 1, ["10.0.0.0"], id="proxy shows activators"),
        pytest.param("Serve", 2, 1, ["10.1.0.0", "10.1.0.1"], id="serve shows pods"),
        pytest.param("Serve", 0, 1, ["10.0.0.0"], id="without pods the activators"),
        pytest.param("Proxy", 1, 0, ["10.1.0.0"], id="without activators the pods"),
        pytest.param("Proxy", 0, 0, [], id="without anybody nobody"),
    ],
)
def test_who_is_asked_first(mode: str, pods: int, activators: int, wanted: list[str]) -> None:
    view = world(mode=mode, pods=pods, activators=activators)
    settle(view, sync_serverless_service, KEY)
    assert public(view) == wanted


def test_only_the_ports_that_serve_are_copied() -> None:
    view = world()
    settle(view, sync_serverless_service, KEY)
    found = view.find(ENDPOINTS, *KEY)
    assert found is not None
    assert found["subsets"][0]["ports"] == SERVING


def test_as_many_activators_as_asked_for() -> None:
    view = world(pods=0, activators=5, numActivators=2)
    settle(view, sync_serverless_service, KEY)
    assert len(public(view)) == 2


@pytest.mark.parametrize(
    ("mode", "pods", "ready", "populated"),
    [
        ("Proxy", 1, ("True", ""), "True"),
        ("Serve", 1, ("True", ""), "False"),
        ("Serve", 0, ("Unknown", "NoHealthyBackends"), "True"),
    ],
)
def test_conditions(mode: str, pods: int, ready: tuple[str, str], populated: str) -> None:
    view = world(mode=mode, pods=pods)
    settle(view, sync_serverless_service, KEY)
    found = conditions(view)
    assert found["Ready"] == found["EndpointsPopulated"] == ready
    assert found["ActivatorEndpointsPopulated"] == (populated, "ActivatorEndpointsPopulated")
    sks = view.find(SERVERLESS_SERVICES, *KEY)
    assert sks is not None
    activator = condition(sks, "ActivatorEndpointsPopulated")
    assert activator is not None
    assert activator["message"] == "Revision is backed by Activator"
    assert activator["severity"] == "Info"
    assert (sks["status"]["serviceName"], sks["status"]["privateServiceName"]) == ("r", "r-private")


def test_on_the_way_the_condition_says_what_is_made() -> None:
    view = world()
    outcome = sync_serverless_service(view, KEY, NOW)
    status = outcome.writes[-1].object["status"]
    found = next(item for item in status["conditions"] if item["type"] == "EndpointsPopulated")
    assert [write.verb for write in outcome.writes] == ["create"] * 3 + ["update-status"]
    assert found["status"] == "True"


def test_without_the_activators_endpoints_it_fails_and_is_retried() -> None:
    view = world()
    del view.objects[ENDPOINTS, ("knative-serving", "activator-service")]
    outcome = sync_serverless_service(view, KEY, NOW)
    assert outcome.failed == (
        'failed to get activator service endpoints: endpoints "activator-service" not found'
    )


def test_without_private_endpoints_it_waits() -> None:
    view = world()
    del view.objects[ENDPOINTS, ("ns", "r-private")]
    outcome = sync_serverless_service(view, KEY, NOW)
    assert outcome.again_after is not None
    assert not outcome.failed


def test_foreign_services_are_not_taken() -> None:
    view = world()
    view.add(make("v1", "Service", "r", "ns", spec={"ports": []}))
    outcome = sync_serverless_service(view, KEY, NOW)
    assert outcome.failed == "SKS: r does not own Service: r"
    status = outcome.writes[-1].object["status"]["conditions"]
    found = next(item for item in status if item["type"] == "Ready")
    assert found["message"] == "Resource r of type Service is not owned by SKS"


def test_h2c_has_its_own_ports() -> None:
    view = world(protocol="h2c")
    settle(view, sync_serverless_service, KEY)
    service = view.find(CORE_SERVICES, *KEY)
    private = view.find(CORE_SERVICES, "ns", "r-private")
    assert service is not None
    assert private is not None
    assert service["spec"]["ports"][0] == {
        "name": "http2", "protocol": "TCP", "port": 81, "targetPort": 8013,
        "appProtocol": "kubernetes.io/h2c",
    }  # fmt: skip
    assert private["spec"]["ports"][-1]["name"] == "http2-istio"


def test_every_revision_follows_the_activators() -> None:
    view = world(pods=0)
    settle(view, sync_serverless_service, KEY)
    view.add(endpoints("activator-service", "knative-serving", "10.0.0.7"))
    outcome = settle(view, sync_activator_endpoints, ("knative-serving", "activator-service"))
    assert outcome.writes == ()
    assert public(view) == ["10.0.0.7"]
    assert sync_activator_endpoints(view, ("ns", "r-private"), NOW).writes == ()


def test_private_endpoints_lead_to_their_service() -> None:
    follows = serverless_service_controllers()[0].watches[ENDPOINTS]
    labels = {"networking.internal.knative.dev/serverlessservice": "r"}
    named = make("v1", "Endpoints", "r-private", "ns", metadata={"labels": labels})
    assert list(follows(named)) == [KEY]
    assert list(follows(endpoints("x", "ns"))) == []
