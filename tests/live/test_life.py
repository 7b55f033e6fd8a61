"""A Service from its first manifest to its deletion: objects, conditions, traffic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import knlab
from knlab.cluster.graph import KINDS
from knlab.cluster.kubernetes import DEPLOYMENT, POD, POD_AUTOSCALER, REVISION, Kind
from knlab.cluster.service import Service
from tests.live.world import CLOCK, Measure, Wire, World, conditions, manifest

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

TRUE = ("True", "", "")
ROUTE = Kind("serving.knative.dev/v1", "Route")
CONFIGURATION = Kind("serving.knative.dev/v1", "Configuration")
INGRESS = Kind("networking.internal.knative.dev/v1alpha1", "Ingress")

GRAPH = [
    (1, "Configuration", "NAME"),
    (2, "Revision", "NAME-00001"),
    (3, "Deployment", "NAME-00001-deployment"),
    (4, "ReplicaSet", "NAME-00001-deployment-*"),
    (5, "Pod", "NAME-00001-deployment-*"),
    (3, "Image", "NAME-00001-cache-user-container"),
    (3, "PodAutoscaler", "NAME-00001"),
    (4, "Metric", "NAME-00001"),
    (4, "ServerlessService", "NAME-00001"),
    (5, "Service", "NAME-00001"),
    (5, "Service", "NAME-00001-private"),
    (1, "Route", "NAME"),
    (2, "Ingress", "NAME"),
    (2, "Service", "NAME"),
]


def pattern(kind: str, name: str, service: str) -> str:
    """`name` with the name of `service` and whatever is random written as such."""
    random = {"ReplicaSet": 1, "Pod": 2}.get(kind, 0)
    parts = name.split("-") if random else []
    kept = "-".join(parts[:-random]) + "-*" if random else name
    return kept.replace(service, "NAME")


def test_ready(deploy: Callable[..., Service], world: World, measure: Measure) -> None:
    name = "life-ready"
    began = CLOCK.monotonic()
    service = deploy(name, image=knlab.images.HELLO, env={"TARGET": "world"})
    service.wait_ready()
    measure("create to Ready, s", CLOCK.monotonic() - began)

    nodes = service.graph().nodes[1:]
    assert [(n.depth, n.kind, pattern(n.kind, n.name, name)) for n in nodes] == GRAPH
    assert conditions(service.object) == {
        "ConfigurationsReady": TRUE,
        "Ready": TRUE,
        "RoutesReady": TRUE,
    }
    assert conditions(world.one(ROUTE, name)) == {
        "AllTrafficAssigned": TRUE,
        "CertificateProvisioned": (
            "True", "TLSNotEnabled", "external-domain-tls is not enabled",
        ),
        "IngressReady": TRUE,
        "Ready": TRUE,
    }  # fmt: skip
    assert conditions(world.one(INGRESS, name)) == {
        "LoadBalancerReady": TRUE,
        "NetworkConfigured": TRUE,
        "Ready": TRUE,
    }
    revision = world.one(REVISION, f"{name}-00001")
    assert {k: v[0] for k, v in conditions(revision).items()} == {
        "Active": "True",
        "ContainerHealthy": "True",
        "Ready": "True",
        "ResourcesAvailable": "True",
    }
    answer = knlab.request(service.url)
    assert (answer.status, answer.text) == (200, "Hello world!\n")
    assert {key.lower() for key, _ in answer.headers} == {
        "content-length", "content-type", "date", "server", "x-envoy-upstream-service-time",
    }  # fmt: skip
    assert answer.header("server") == "envoy"


OWN = "serving.knative.dev/"
OF_REVISION = {"configuration", "configurationGeneration", "configurationUID"}
LABELS: dict[Kind, set[str]] = {
    CONFIGURATION: {"service", "serviceUID"},
    ROUTE: {"service"},
    REVISION: {*OF_REVISION, "routingState", "service", "serviceUID"},
    POD: {*OF_REVISION, "revision", "revisionUID", "service", "serviceUID"},
    POD_AUTOSCALER: {*OF_REVISION, "revision", "revisionUID", "service", "serviceUID"},
}


def test_labels(deploy: Callable[..., Service], world: World) -> None:
    service = deploy("life-labels", image=knlab.images.HELLO)
    service.wait_ready()
    for kind, wanted in LABELS.items():
        [found] = world.of(service, kind)
        labels = found["metadata"]["labels"]
        assert {key.removeprefix(OWN) for key in labels if key.startswith(OWN)} == wanted, kind


def test_reasons_on_the_way(deploy: Callable[..., Service], wire: Wire) -> None:
    with wire.following("life-steps") as reasons:
        deploy("life-steps", image=knlab.images.HELLO).wait_ready()
    assert reasons[-1] == ("True", "")
    assert [reason for _, reason in reasons[:-1]] == [
        "OutOfDate", "RevisionMissing", "IngressNotConfigured", "Uninitialized",
    ]  # fmt: skip
    assert {status for status, _ in reasons[:-1]} == {"Unknown"}


def test_reasons_of_an_update(deploy: Callable[..., Service], wire: Wire) -> None:
    service = deploy("life-again-steps", image=knlab.images.HELLO, env={"TARGET": "1"})
    service.wait_ready()
    with wire.following(service.name) as reasons:
        service.update(env={"TARGET": "2"}).wait_ready()
    assert reasons[0] == reasons[-1] == ("True", "")
    assert [reason for _, reason in reasons[1:-1]] == [
        "OutOfDate", "", "TrafficNotMigrated", "IngressNotConfigured", "Uninitialized",
    ]  # fmt: skip
    assert {status for status, _ in reasons[1:-1]} == {"Unknown"}


def test_update(deploy: Callable[..., Service], measure: Measure) -> None:
    service = deploy("life-update", image=knlab.images.HELLO, env={"TARGET": "1"})
    service.wait_ready()
    began = CLOCK.monotonic()
    service.update(env={"TARGET": "2"}).wait_ready()
    measure("update to Ready, s", CLOCK.monotonic() - began)

    assert service.latest_revision == "life-update-00002"
    assert service.traffic == {"life-update-00002": 100}
    assert {knlab.request(service.url).text for _ in range(20)} == {"Hello 2!\n"}


def test_split(deploy: Callable[..., Service], measure: Measure) -> None:
    service = deploy("life-split", image=knlab.images.HELLO, env={"TARGET": "old"}, min_scale=1)
    service.wait_ready()
    service.update(env={"TARGET": "new"}).wait_ready()
    old, new = "life-split-00001", "life-split-00002"
    service.split({"@latest": 50, old: 50}, tags={"before": old}).wait_ready()

    assert service.traffic == {old: 50, new: 50}
    assert service.object["status"]["traffic"] == [
        {"latestRevision": True, "percent": 50, "revisionName": new},
        {
            "latestRevision": False,
            "percent": 50,
            "revisionName": old,
            "tag": "before",
            "url": service.url.replace("http://", "http://before-"),
        },
    ]
    answers = [knlab.request(service.url).text for _ in range(400)]
    share = answers.count("Hello new!\n")
    measure("answers of the new revision at 50/50, of 400", share)
    assert set(answers) == {"Hello new!\n", "Hello old!\n"}
    # four standard deviations of a binomial of 400 at one half: one run in 16,000 is outside
    assert 160 <= share <= 240
    tagged = [knlab.request(service.tag_urls["before"]).text for _ in range(10)]
    assert tagged == ["Hello old!\n"] * 10


def test_apply_again(deploy: Callable[..., Service], wire: Wire) -> None:
    wanted = manifest("life-again", image=knlab.images.HELLO)
    service = deploy(wanted)
    service.wait_ready()
    deploy(wanted)
    assert service.object["metadata"]["generation"] == 1

    current = service.object
    del current["metadata"]["annotations"]["serving.knative.dev/creator"]
    refused = wire("PUT", service.name, current)
    assert refused.refusal == (
        400,
        (
            'admission webhook "validation.webhook.serving.knative.dev" denied the request:'
            " validation failed: annotation value is immutable:"
            " metadata.annotations.serving.knative.dev/creator"
        ),
    )


def test_delete(deploy: Callable[..., Service], world: World, measure: Measure) -> None:
    service = deploy("life-delete", image=knlab.images.HELLO)
    service.wait_ready()
    url = service.url
    began = CLOCK.monotonic()
    assert service.delete()
    world.wait_for("the URL to lead nowhere", lambda: knlab.request(url).status == 404)
    measure("delete to 404, s", CLOCK.monotonic() - began)

    def left() -> list[Any]:
        api = world.cluster.api
        found = [obj for kind in KINDS for obj in api.items(kind, "default")]
        return [obj for obj in found if obj["metadata"]["name"].startswith(service.name)]

    world.wait_for("everything to be gone", lambda: not left(), timeout=90)
    measure("delete to the last object gone, s", CLOCK.monotonic() - began)
    assert not service.delete()


def test_a_deleted_pod_is_replaced(deploy: Callable[..., Service], world: World) -> None:
    service = deploy("life-pod", image=knlab.images.HELLO, min_scale=1)
    service.wait_ready()
    [before] = service.pods()
    world.cluster.delete_pods("life-pod-00001-deployment")

    def replaced() -> bool:
        pods = [pod for pod in service.pods() if not pod["metadata"].get("deletionTimestamp")]
        names = {pod["metadata"]["name"] for pod in pods if conditions(pod).get("Ready") == TRUE}
        return bool(names) and before["metadata"]["name"] not in names

    world.wait_for("another pod", replaced)
    assert service.ready
    assert world.one(DEPLOYMENT, "life-pod-00001-deployment")["spec"]["replicas"] == 1
    assert world.one(POD_AUTOSCALER, "life-pod-00001")["status"]["desiredScale"] == 1
