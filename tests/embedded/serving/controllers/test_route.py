"""Routes and their labeler: the Ingress that comes of annotations and tags, and who is marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.serving.controllers.route import routes_of
from knlab.embedded.serving.kinds import (
    CONFIGURATIONS,
    CORE_SERVICES,
    INGRESSES,
    REVISIONS,
    ROUTES,
    TYPES,
)
from tests.factories import NOW_TEXT, make

Hello = Callable[..., Object]


def ready_with(cluster: Any, make_hello: Hello, **annotations: str) -> None:
    wanted = make_hello()
    wanted["metadata"]["annotations"] = {
        f"networking.knative.dev/{key.replace('_', '-')}": value
        for key, value in annotations.items()
    }
    wanted["spec"]["traffic"] = [
        {"latestRevision": True, "percent": 100},
        {"latestRevision": True, "percent": 0, "tag": "new"},
    ]
    cluster.apply(wanted)
    cluster.settle()


@pytest.mark.parametrize(
    ("annotation", "configured", "option"),
    [
        ({}, {}, "Enabled"),
        ({}, {"http-protocol": "Redirected"}, "Redirected"),
        ({"http_protocol": "Redirected"}, {}, "Redirected"),
        ({"http_protocol": "enabled"}, {"http-protocol": "Redirected"}, "Enabled"),
    ],
)
def test_the_annotation_wins_over_http_protocol_of_config_network(
    cluster: Any,
    make_hello: Hello,
    annotation: dict[str, str],
    configured: dict[str, str],
    option: str,
) -> None:
    kourier = {"ingress-class": "kourier.ingress.networking.knative.dev"}
    cluster.configure("config-network", kourier | configured)
    ready_with(cluster, make_hello, **annotation)
    assert cluster.get(INGRESSES, "hello")["spec"]["httpOption"] == option


def test_a_wrong_http_protocol_makes_no_ingress(cluster: Any, make_hello: Hello) -> None:
    ready_with(cluster, make_hello, http_protocol="sometimes")
    assert cluster.names(INGRESSES) == []
    assert "InternalError: incorrect http-protocol annotation: sometimes" in cluster.events("Route")


def test_with_tag_header_routing_a_header_chooses_the_tag(cluster: Any, make_hello: Hello) -> None:
    cluster.configure("config-features", {"tag-header-based-routing": "enabled"})
    ready_with(cluster, make_hello)
    paths = {}
    for rule in cluster.get(INGRESSES, "hello")["spec"]["rules"]:
        if rule["visibility"] == "ExternalIP":
            paths[rule["hosts"][0].split(".")[0]] = [
                (path.get("headers"), path.get("appendHeaders")) for path in rule["http"]["paths"]
            ]
    tag = "Knative-Serving-Tag"
    assert paths == {
        "hello": [
            ({tag: {"exact": "new"}}, None),
            (None, {"Knative-Serving-Default-Route": "true"}),
        ],
        "new-hello": [(None, {tag: "new"})],
    }


def test_a_placeholder_leads_to_the_gateway_inside(cluster: Any, make_hello: Hello) -> None:
    ready_with(cluster, make_hello)
    for name in ("hello", "new-hello"):
        spec = cluster.get(CORE_SERVICES, name)["spec"]
        assert spec["type"] == "ExternalName"
        assert spec["externalName"] == "kourier-internal.kourier-system.svc.cluster.local"


@pytest.mark.parametrize(
    ("labels", "annotations", "names"),
    [
        ({}, {}, {"r"}),
        ({"serving.knative.dev/service": "s"}, {}, {"r", "s"}),
        ({"serving.knative.dev/configuration": "c"}, {}, {"r", "c"}),
        ({}, {"serving.knative.dev/routes": "a,b"}, {"r", "a", "b"}),
    ],
)
def test_which_routes_may_lead_to_a_revision(
    labels: dict[str, str], annotations: dict[str, str], names: set[str]
) -> None:
    metadata = {"labels": labels, "annotations": annotations}
    revision = make(*TYPES[REVISIONS], "r", "ns", metadata=metadata)
    assert routes_of(revision) == {("ns", name) for name in names}


def test_a_route_on_its_way_out_unmarks_what_it_led_to(cluster: Any, make_hello: Hello) -> None:
    ready_with(cluster, make_hello)
    route = cluster.view.objects[ROUTES, ("default", "hello")]
    route["metadata"]["deletionTimestamp"] = NOW_TEXT
    cluster.look("route-controller")
    assert cluster.view.find(ROUTES, "default", "hello") is None
    assert cluster.events("Route")[-1] == 'FinalizerUpdate: Updated "hello" finalizers'
    revision = cluster.get(REVISIONS, "hello-00001")["metadata"]
    assert revision["labels"]["serving.knative.dev/routingState"] == "reserve"
    for found in (revision, cluster.get(CONFIGURATIONS, "hello")["metadata"]):
        assert "serving.knative.dev/routes" not in found["annotations"]


def test_two_routes_share_a_revision_and_one_that_is_missing_marks_nothing(
    cluster: Any, make_hello: Hello
) -> None:
    ready_with(cluster, make_hello)
    targets = {"revisionName": "hello-00001", "percent": 50}, {"revisionName": "x", "percent": 50}
    cluster.view.add(make(*TYPES[ROUTES], "other", "default", spec={"traffic": list(targets)}))
    cluster.settle()
    for resource, name in ((REVISIONS, "hello-00001"), (CONFIGURATIONS, "hello")):
        annotations = cluster.get(resource, name)["metadata"]["annotations"]
        assert annotations["serving.knative.dev/routes"] == "hello,other"
    assigned = condition(cluster.get(ROUTES, "other"), "AllTrafficAssigned") or {}
    assert assigned["message"] == 'Revision "x" referenced in traffic not found.'
    cluster.view.objects[ROUTES, ("default", "other")]["spec"]["traffic"] = [
        {"configurationName": "gone", "percent": 100, "latestRevision": True}
    ]
    cluster.settle()
    annotations = cluster.get(REVISIONS, "hello-00001")["metadata"]["annotations"]
    assert annotations["serving.knative.dev/routes"] == "hello"
