"""Ingresses: Kourier's part, and the routes that come out."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.serving.controllers.ingress import FINALIZER, ingress_controller
from knlab.embedded.serving.kinds import ENDPOINTS, INGRESSES
from knlab.embedded.serving.routing import IngressRoutes, ingress_routes, revision_route
from tests.factories import NOW, DictView, make, settle

CLASS = {"networking.knative.dev/ingress.class": "kourier.ingress.networking.knative.dev"}
OLD = "2025-01-01T00:00:00Z"


def ingress(name: str = "hello", **more: Any) -> Object:
    split = {
        "serviceName": "hello-00001", "serviceNamespace": "ns", "servicePort": 80, "percent": 100,
        "appendHeaders": {"Knative-Serving-Revision": "hello-00001"},
    }  # fmt: skip
    rules = [
        {"hosts": [host], "visibility": visibility, "http": {"paths": [{"splits": [split]}]}}
        for host, visibility in (("h.ns.svc", "ClusterLocal"), ("h.example.com", "ExternalIP"))
    ]
    metadata = {"annotations": CLASS, "finalizers": [FINALIZER]} | more
    return make("networking.internal.knative.dev/v1alpha1", "Ingress", name, "ns",
                metadata=metadata, spec={"rules": rules, "httpOption": "Enabled"})  # fmt: skip


PORTS = [{"name": "https", "port": 8112}, {"name": "http", "port": 8012}]
ACTIVATORS = {"addresses": [{"ip": "10.0.0.1"}], "ports": PORTS}
BACKEND = (
    make("v1", "Service", "hello-00001", "ns",
         spec={"ports": [{"name": "http", "port": 80, "targetPort": 8012}]}),
    make("v1", "Endpoints", "hello-00001", "ns", subsets=[ACTIVATORS]),
)  # fmt: skip


def routes_of(view: DictView, name: str = "hello") -> IngressRoutes:
    found = view.find(INGRESSES, "ns", name)
    assert found is not None
    return ingress_routes(found, view)


def reason(view: DictView, kind: str, name: str = "hello") -> tuple[str, str, str]:
    found = view.find(INGRESSES, "ns", name)
    assert found is not None
    item = condition(found, kind) or {}
    return item["status"], item.get("reason", ""), item.get("message", "")


def test_it_is_ready_when_the_gateway_has_taken_it_over() -> None:
    view, ready = DictView([ingress()]), [False]
    sync = ingress_controller(lambda _ingress: ready[0]).sync
    outcome = settle(view, sync, ("ns", "hello"))
    waiting = ("Unknown", "Uninitialized", "Waiting for load balancer to be ready")
    assert reason(view, "Ready") == reason(view, "LoadBalancerReady") == waiting
    assert reason(view, "NetworkConfigured")[0] == "True"
    assert outcome.again_after is not None
    ready[0] = True
    settle(view, sync, ("ns", "hello"))
    assert reason(view, "Ready") == ("True", "", "")
    found = view.find(INGRESSES, "ns", "hello")
    assert found is not None
    assert found["status"]["publicLoadBalancer"] == {
        "ingress": [{"domainInternal": "kourier.kourier-system.svc.cluster.local"}]
    }
    ready[0] = False
    settle(view, sync, ("ns", "hello"))
    assert reason(view, "Ready") == ("True", "", "")


def test_a_generation_is_on_its_way_before_it_is_ready() -> None:
    view = DictView([ingress()])
    sync = ingress_controller(lambda _ingress: True).sync
    first = sync(view, ("ns", "hello"), NOW)
    [write] = first.writes
    ready = condition(write.object, "Ready")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("Unknown", "Uninitialized")
    assert write.object["status"]["observedGeneration"] == 1
    settle(view, sync, ("ns", "hello"))
    assert reason(view, "Ready") == ("True", "", "")


def test_a_new_generation_is_probed_again() -> None:
    view = DictView([ingress()])
    settle(view, ingress_controller(lambda _ingress: True).sync, ("ns", "hello"))
    view.objects[INGRESSES, ("ns", "hello")]["metadata"]["generation"] = 2
    settle(view, ingress_controller(lambda _ingress: False).sync, ("ns", "hello"))
    assert reason(view, "Ready")[1] == "Uninitialized"


def test_other_classes_are_left_alone() -> None:
    for given in ({}, {"networking.knative.dev/ingress.class": "istio"}):
        view = DictView([ingress(annotations=given, finalizers=[])])
        sync = ingress_controller(lambda _ingress: True).sync
        assert sync(view, ("ns", "hello"), NOW).writes == ()
        assert routes_of(view) == IngressRoutes()


def test_both_spellings_of_the_class_count() -> None:
    spelled = {key.replace("ingress.class", "ingress-class"): value for key, value in CLASS.items()}
    view = DictView([ingress(annotations=spelled), *BACKEND])
    assert list(routes_of(view).external) == ["h.example.com"]


def test_the_older_ingress_keeps_a_host() -> None:
    view = DictView([ingress("old", creationTimestamp=OLD), ingress("new"), *BACKEND])
    sync = ingress_controller(lambda _ingress: True).sync
    for name in ("new", "old"):
        settle(view, sync, ("ns", name))
    assert reason(view, "Ready", "old")[0] == "True"
    assert reason(view, "LoadBalancerReady", "new") == (
        "False",
        "DomainConflict",
        "Ingress rejected: ingress has a conflicting domain with another ingress",
    )
    assert [routes_of(view, name).generation for name in ("old", "new")] == [1, None]
    del view.objects[INGRESSES, ("ns", "old")]
    settle(view, sync, ("ns", "new"))
    assert reason(view, "Ready", "new")[0] == "True"


def test_the_finalizer_comes_first_and_goes_last() -> None:
    view = DictView([ingress(finalizers=[])])
    sync = ingress_controller(lambda _ingress: True).sync
    (write,) = sync(view, ("ns", "hello"), NOW).writes
    assert write.object["metadata"]["finalizers"] == [FINALIZER]
    view.add(ingress(deletionTimestamp=OLD))
    settle(view, sync, ("ns", "hello"))
    assert view.find(INGRESSES, "ns", "hello") is None
    assert sync(view, ("ns", "hello"), NOW).writes == ()


def test_routes_for_gateway_and_activator() -> None:
    revision = make("serving.knative.dev/v1", "Revision", "hello-00001", "ns", spec={
        "containers": [{"image": "x", "readinessProbe": {"exec": {"command": ["true"]}}}],
        "containerConcurrency": 3, "timeoutSeconds": 20,
    })  # fmt: skip
    private = {"addresses": [{"ip": "10.1.0.1"}], "notReadyAddresses": [{"ip": "10.1.0.2"}],
               "ports": PORTS}  # fmt: skip
    view = DictView(
        [
            ingress(generation=4),
            revision,
            *BACKEND,
            make("v1", "Endpoints", "hello-00001-private", "ns", subsets=[private]),
            make("v1", "Endpoints", "activator-service", "knative-serving", subsets=[ACTIVATORS]),
        ]
    )
    routes = routes_of(view)
    assert set(routes.internal) == {"h.ns.svc", "h.example.com"}
    assert set(routes.external) == {"h.example.com"}
    split = routes.external["h.example.com"].paths[0].splits[0]
    assert split.addresses == (("10.0.0.1", 8012),)
    assert split.append_headers == (("Knative-Serving-Revision", "hello-00001"),)
    assert routes.generation == 4
    found = revision_route(revision, view)
    assert found.ready == (("10.1.0.1", 8012),)
    assert found.not_ready == (("10.1.0.2", 8012),)
    assert found.activators == ("10.0.0.1",)
    assert (found.container_concurrency, found.timeout, found.only_ready) == (3, 20.0, True)


def test_an_ingress_is_not_taken_over_before_there_is_somebody_behind_it() -> None:
    view = DictView([ingress()])
    assert routes_of(view) == IngressRoutes()
    for each in BACKEND:
        view.add(each)
    assert set(routes_of(view).external) == {"h.example.com"}
    assert routes_of(view).generation == 1


def test_an_ingress_that_was_ready_stays_when_nobody_is_behind_it() -> None:
    view = DictView([ingress(), *BACKEND])
    settle(view, ingress_controller(lambda _ingress: True).sync, ("ns", "hello"))
    del view.objects[ENDPOINTS, ("ns", "hello-00001")]
    routes = routes_of(view)
    [split] = routes.external["h.example.com"].paths[0].splits
    assert split.addresses == ()
    assert routes.generation is None


@pytest.mark.parametrize(
    ("port_name", "disabled", "http2"),
    [
        ("http", "", False),
        ("http2", "", True),
        ("h2c", "false", True),
        ("http2", "TRUE", False),
    ],
)
def test_the_name_of_a_port_chooses_the_version_of_http(
    port_name: str, disabled: str, http2: bool
) -> None:
    port = {"name": port_name, "port": 80, "targetPort": 8013}
    service = make("v1", "Service", "hello-00001", "ns", spec={"ports": [port]})
    annotations = CLASS | {"kourier.knative.dev/disable-http2": disabled}
    view = DictView([ingress(annotations=annotations), BACKEND[1], service])
    [split] = routes_of(view).external["h.example.com"].paths[0].splits
    assert (split.http2, split.addresses) == (http2, (("10.0.0.1", 8013),))
