"""Every condition that Knative shows on its objects, with the story that leads to it.

What a traffic target, a Deployment or a pod says is told in rows of its own, in `test_traffic`
and `test_revision`; what a refused write leaves, in `test_refused_writes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from knlab.embedded.kube.objects import GroupResource, Object, condition, copy_json
from knlab.embedded.serving.kinds import (
    CONFIGURATIONS,
    CORE_SERVICES,
    DEPLOYMENTS,
    ENDPOINTS,
    INGRESSES,
    METRICS,
    POD_AUTOSCALERS,
    REVISIONS,
    ROUTES,
    SERVERLESS_SERVICES,
    SERVICES,
    TYPES,
)
from tests.factories import make

Hello = Callable[..., Object]
Story = Callable[[Any, Hello], None]
Shown = tuple[str, str, str]
FIRST = "hello-00001"
SECOND_IMAGE = "ghcr.io/knative/helloworld-go:v2"
TRUE = ("True", "", "")
STILL = "is still working to reflect the latest desired specification."
BUFFERED = "Requests to the target are being buffered as resources are provisioned."
IDLE = "The target is not receiving traffic."
NOT_READY = "K8s Service is not ready"
BACKED = "Revision is backed by Activator"
SCALED = {"protocolType": "http1", "scaleTargetRef": {"name": "another", "kind": "Deployment"}}
NOT_FOUND = "GET https://ghcr.io/v2: DENIED"


def ready(cluster: Any, hello: Hello) -> None:
    cluster.apply(hello())
    cluster.settle()


def looked_at_by(*names: str) -> Story:
    """A new Service that so far these controllers have looked at, one after another."""

    def story(cluster: Any, hello: Hello) -> None:
        cluster.apply(hello())
        for name in names:
            cluster.look(name)

    return story


def updated_without(*names: str) -> Story:
    """A ready Service with a new template, while these controllers do nothing."""

    def story(cluster: Any, hello: Hello) -> None:
        ready(cluster, hello)
        cluster.controllers = [each for each in cluster.controllers if each.name not in names]
        cluster.apply(hello(SECOND_IMAGE))
        cluster.settle()

    return story


def with_stranger(resource: GroupResource, name: str, **fields: Any) -> Story:
    """A new Service where somebody else has the name of what it needs."""

    def story(cluster: Any, hello: Hello) -> None:
        cluster.view.add(make(*TYPES[resource], name, "default", **copy_json(fields)))
        cluster.apply(hello())
        cluster.settle()

    return story


def without_owner(resource: GroupResource, name: str) -> Story:
    """A ready Service of which one part is nobody's any more."""

    def story(cluster: Any, hello: Hello) -> None:
        ready(cluster, hello)
        kept = cluster.view.objects[resource, ("default", name)]
        kept["metadata"]["ownerReferences"] = []
        cluster.settle()

    return story


def with_a_name_taken(cluster: Any, hello: Hello) -> None:
    cluster.view.add(make(*TYPES[REVISIONS], "hello-mine", "default", spec={}))
    cluster.apply(hello(name="hello-mine"))
    cluster.settle()


def waiting_pods(cluster: Any, hello: Hello) -> None:
    cluster.pod_ready = False
    ready(cluster, hello)


def never_activated(cluster: Any, hello: Hello) -> None:
    waiting_pods(cluster, hello)
    cluster.now += 10_000
    cluster.look("kpa-class-podautoscaler-controller")


def given_up(cluster: Any, hello: Hello) -> None:
    never_activated(cluster, hello)
    cluster.settle()


def unknown_image(cluster: Any, hello: Hello) -> None:
    cluster.failing_images["ghcr.io/none"] = NOT_FOUND
    cluster.apply(hello("ghcr.io/none"))
    cluster.settle()


def failing_when_ready(cluster: Any, hello: Hello) -> None:
    ready(cluster, hello)
    deployment = cluster.view.objects[DEPLOYMENTS, ("default", f"{FIRST}-deployment")]
    deployment["frozen"] = True
    deployment["status"] = {"conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"},
    ]}  # fmt: skip
    cluster.settle()


def idle(cluster: Any, hello: Hello) -> None:
    ready(cluster, hello)
    cluster.port.desired["default", FIRST] = 0
    for _ in range(8):
        cluster.now += 60
        cluster.settle()


def out_of_the_path(cluster: Any, hello: Hello) -> None:
    ready(cluster, hello)
    cluster.port.desired["default", FIRST] = 1
    cluster.port.excess = 5
    cluster.settle()


def rolling_out(cluster: Any, hello: Hello) -> None:
    for image in ("ghcr.io/knative/helloworld-go:v1", SECOND_IMAGE):
        wanted = hello(image)
        slow = {"serving.knative.dev/rollout-duration": "10s"}
        wanted["metadata"]["annotations"] = slow
        cluster.apply(wanted)
        for _ in range(12):
            cluster.step()


def bad_domain_template(cluster: Any, hello: Hello) -> None:
    cluster.configure("config-network", {"domain-template": "{{.Name}}_{{.Namespace}}.x"})
    ready(cluster, hello)


def gateway_away(cluster: Any, hello: Hello) -> None:
    cluster.port.gateway_ready = False
    ready(cluster, hello)


def host_taken(cluster: Any, hello: Hello) -> None:
    kourier = {"networking.knative.dev/ingress.class": "kourier.ingress.networking.knative.dev"}
    rule = {"hosts": ["hello.default.example.com"], "http": {"paths": []}}
    cluster.view.add(
        make(*TYPES[INGRESSES], "a", "other", spec={"rules": [rule]},
             metadata={"annotations": kourier, "creationTimestamp": "2020-01-01T00:00:00Z"})
    )  # fmt: skip
    ready(cluster, hello)


def not_owned(kind: str, name: str) -> Shown:
    return "False", "NotOwned", f'There is an existing {kind} "{name}" that we do not own.'


def by_sks(kind: str, name: str) -> Shown:
    return "False", "NotOwned", f"Resource {name} of type {kind} is not owned by SKS"


CONFIGURED = "ConfigurationsReady"
ROUTED = "RoutesReady"
RESOURCES = "ResourcesAvailable"
HEALTHY = "ContainerHealthy"
ASSIGNED = "AllTrafficAssigned"
INGRESS = "IngressReady"
TAKEN = 'The revision name "hello-mine" is taken by a conflicting Revision'
EXISTS = 'revisions.serving.knative.dev "hello-mine" already exists'
UNRESOLVED = f'Unable to fetch image "ghcr.io/none": failed to resolve image to digest: {NOT_FOUND}'
NO_REVISION = 'Configuration "hello" does not have any ready Revision.'
BAD_NAME = 'domain name error: invalid domain name "hello_default.x": url: Invalid value'
CONFLICT = "Ingress rejected: ingress has a conflicting domain with another ingress"
UP_TO_SKS = ("service-controller", "configuration-controller", *["revision-controller"] * 2,
             "kpa-class-podautoscaler-controller")  # fmt: skip
ROWS: dict[GroupResource, list[tuple[Story, str, Shown]]] = {
    SERVICES: [
        (looked_at_by("service-controller"), CONFIGURED,
         ("Unknown", "OutOfDate", f"The Configuration {STILL}")),
        (looked_at_by("service-controller"), ROUTED,
         ("Unknown", "OutOfDate", f"The Route {STILL}")),
        (looked_at_by("service-controller", "configuration-controller", "service-controller"),
         CONFIGURED, ("Unknown", "", "")),
        (with_stranger(CONFIGURATIONS, "hello", spec={"template": {}}), CONFIGURED,
         not_owned("Configuration", "hello")),
        (with_stranger(ROUTES, "hello", spec={}), ROUTED, not_owned("Route", "hello")),
        (updated_without("route-controller"), ROUTED,
         ("Unknown", "TrafficNotMigrated", "Traffic is not yet migrated to the latest revision.")),
        (updated_without("route-controller"), CONFIGURED, TRUE),
        (with_a_name_taken, ROUTED,
         ("False", "RevisionNameTaken", f"{TAKEN}, so traffic will not be migrated")),
        (with_a_name_taken, CONFIGURED,
         ("False", "RevisionFailed", f"Revision creation failed with message: {EXISTS}.")),
        (unknown_image, CONFIGURED,
         ("False", "RevisionFailed", f'Revision "{FIRST}" failed with message: {UNRESOLVED}.')),
        (unknown_image, ROUTED, ("False", "RevisionMissing", NO_REVISION)),
        (unknown_image, "Ready", ("False", "RevisionMissing", NO_REVISION)),
        (ready, CONFIGURED, TRUE),
        (ready, ROUTED, TRUE),
        (ready, "Ready", TRUE),
    ],
    CONFIGURATIONS: [
        (waiting_pods, "Ready", ("Unknown", "", "")),
        (ready, "Ready", TRUE),
        (unknown_image, "Ready",
         ("False", "RevisionFailed", f'Revision "{FIRST}" failed with message: {UNRESOLVED}.')),
        (with_a_name_taken, "Ready",
         ("False", "RevisionFailed", f"Revision creation failed with message: {EXISTS}.")),
        (failing_when_ready, "Ready",
         ("False", "RevisionFailed", f'Revision "{FIRST}" failed with message: quota.')),
    ],
    REVISIONS: [
        (looked_at_by("service-controller", "configuration-controller", "revision-controller"),
         RESOURCES, ("Unknown", "ResolvingDigests", "")),
        (looked_at_by("service-controller", "configuration-controller",
                      "revision-controller", "revision-controller"),
         RESOURCES, ("Unknown", "Deploying", "")),
        (looked_at_by("service-controller", "configuration-controller",
                      "revision-controller", "revision-controller"),
         HEALTHY, ("Unknown", "Deploying", "")),
        (unknown_image, HEALTHY, ("False", "ContainerMissing", UNRESOLVED)),
        (failing_when_ready, RESOURCES, ("False", "FailedCreate", "quota")),
        (given_up, RESOURCES,
         ("False", "ProgressDeadlineExceeded", "Initial scale was never achieved")),
        (with_stranger(DEPLOYMENTS, f"{FIRST}-deployment", spec={"replicas": 0, "template": {
            "metadata": {"labels": {}}, "spec": {}}}), RESOURCES,
         not_owned("Deployment", f"{FIRST}-deployment")),
        (with_stranger(POD_AUTOSCALERS, FIRST, spec=SCALED), RESOURCES,
         not_owned("PodAutoscaler", FIRST)),
        (ready, RESOURCES, TRUE),
        (ready, HEALTHY, TRUE),
        (ready, "Active", TRUE),
        (waiting_pods, "Active", ("Unknown", "Queued", BUFFERED)),
        (idle, "Active", ("False", "NoTraffic", IDLE)),
        (idle, "Ready", TRUE),
    ],
    ROUTES: [
        (looked_at_by("service-controller", "route-controller"), ASSIGNED,
         ("Unknown", "RevisionMissing",
          'Configuration "hello" is waiting for a Revision to become ready.')),
        (unknown_image, ASSIGNED, ("False", "RevisionMissing", NO_REVISION)),
        (ready, ASSIGNED, TRUE),
        (ready, "CertificateProvisioned",
         ("True", "TLSNotEnabled", "external-domain-tls is not enabled")),
        (looked_at_by("service-controller", "route-controller"), INGRESS,
         ("Unknown", "IngressNotConfigured", "Ingress has not yet been reconciled.")),
        (gateway_away, INGRESS,
         ("Unknown", "Uninitialized", "Waiting for load balancer to be ready")),
        (host_taken, INGRESS, ("False", "DomainConflict", CONFLICT)),
        (rolling_out, INGRESS,
         ("Unknown", "RolloutInProgress",
          "A gradual rollout of the latest revision(s) is in progress.")),
        (with_stranger(CORE_SERVICES, "hello", spec={}), INGRESS,
         not_owned("placeholder Service", "hello")),
        (with_stranger(ENDPOINTS, "hello", subsets=[]), INGRESS,
         not_owned("placeholder Endpoint", "hello")),
        (bad_domain_template, ASSIGNED,
         ("False", "ErrorConfig", BAD_NAME)),
        (ready, INGRESS, TRUE),
        (ready, "Ready", TRUE),
    ],
    INGRESSES: [
        (gateway_away, "LoadBalancerReady",
         ("Unknown", "Uninitialized", "Waiting for load balancer to be ready")),
        (gateway_away, "NetworkConfigured", TRUE),
        (host_taken, "LoadBalancerReady", ("False", "DomainConflict", CONFLICT)),
        (ready, "LoadBalancerReady", TRUE),
        (ready, "Ready", TRUE),
    ],
    POD_AUTOSCALERS: [
        (looked_at_by(*UP_TO_SKS), "SKSReady", ("Unknown", "NotReady", "No Private Service Name")),
        (waiting_pods, "SKSReady", ("Unknown", "NotReady", NOT_READY)),
        (ready, "SKSReady", TRUE),
        (waiting_pods, "Active", ("Unknown", "Queued", BUFFERED)),
        (waiting_pods, "ScaleTargetInitialized", ("Unknown", "", "")),
        (ready, "ScaleTargetInitialized", TRUE),
        (ready, "Active", TRUE),
        (idle, "Active", ("False", "NoTraffic", IDLE)),
        (idle, "Ready", ("False", "NoTraffic", IDLE)),
        (never_activated, "Active",
         ("False", "TimedOut", "The target could not be activated.")),
        (without_owner(SERVERLESS_SERVICES, FIRST), "Active",
         not_owned("ServerlessService", FIRST)),
        (without_owner(METRICS, FIRST), "Active", not_owned("Metric", FIRST)),
    ],
    SERVERLESS_SERVICES: [
        (looked_at_by(*UP_TO_SKS, "serverlessservice-controller"), "EndpointsPopulated",
         ("Unknown", "CreatingPublicService", NOT_READY)),
        (waiting_pods, "EndpointsPopulated", ("Unknown", "NoHealthyBackends", NOT_READY)),
        (without_owner(CORE_SERVICES, f"{FIRST}-private"), "EndpointsPopulated",
         by_sks("Service", f"{FIRST}-private")),
        (without_owner(CORE_SERVICES, FIRST), "EndpointsPopulated",
         by_sks("Service", FIRST)),
        (without_owner(ENDPOINTS, FIRST), "EndpointsPopulated", by_sks("Endpoints", FIRST)),
        (ready, "EndpointsPopulated", TRUE),
        (ready, "ActivatorEndpointsPopulated",
         ("True", "ActivatorEndpointsPopulated", BACKED)),
        (out_of_the_path, "ActivatorEndpointsPopulated",
         ("False", "ActivatorEndpointsPopulated", BACKED)),
        (waiting_pods, "Ready", ("Unknown", "NoHealthyBackends", NOT_READY)),
    ],
}  # fmt: skip
NAMES = {SERVICES: "hello", CONFIGURATIONS: "hello", ROUTES: "hello", INGRESSES: "hello"}


@pytest.mark.parametrize(
    ("story", "resource", "kind", "wanted"),
    [
        pytest.param(story, resource, kind, wanted,
                     id=f"{TYPES[resource][1]} {kind} {wanted[0]} {wanted[1]} {number}")
        for resource, rows in ROWS.items()
        for number, (story, kind, wanted) in enumerate(rows)
    ],
)  # fmt: skip
def test_a_condition(
    cluster: Any, make_hello: Hello, story: Story, resource: GroupResource, kind: str, wanted: Shown
) -> None:
    story(cluster, make_hello)
    found = condition(cluster.get(resource, NAMES.get(resource, FIRST)), kind) or {}
    shown = found.get("status", ""), found.get("reason", ""), found.get("message", "")
    if wanted[1] == "ErrorConfig":  # the rest is Kubernetes' rule for host names
        shown = *shown[:2], shown[2][: len(wanted[2])]
    assert shown == wanted


@pytest.mark.parametrize(
    ("story", "kind", "event"),
    [
        (with_stranger(CONFIGURATIONS, "hello", spec={"template": {}}), "Service",
         'InternalError: service: "hello" does not own configuration: "hello"'),
        (with_stranger(ROUTES, "hello", spec={}), "Service",
         'InternalError: service: "hello" does not own route: "hello"'),
        (failing_when_ready, "Configuration",
         f'LatestReadyFailed: Latest ready revision "{FIRST}" has failed'),
        (unknown_image, "Configuration",
         f'LatestCreatedFailed: Latest created revision "{FIRST}" has failed'),
        (unknown_image, "Revision", f"InternalError: {UNRESOLVED}"),
        (with_stranger(POD_AUTOSCALERS, FIRST, spec=SCALED), "Revision",
         f'InternalError: revision: "{FIRST}" does not own PodAutoscaler: "{FIRST}"'),
        (with_stranger(CORE_SERVICES, "hello", spec={}), "Route",
         'InternalError: route: "hello" does not own Service: "hello"'),
        (with_stranger(ENDPOINTS, "hello", subsets=[]), "Route",
         'InternalError: route: "hello" does not own Endpoints: "hello"'),
        (without_owner(SERVERLESS_SERVICES, FIRST), "PodAutoscaler",
         f"InternalError: error reconciling SKS: PA: {FIRST} does not own SKS: {FIRST}"),
        (without_owner(METRICS, FIRST), "PodAutoscaler",
         f"InternalError: error reconciling Metric: PA: {FIRST} does not own Metric: {FIRST}"),
        (without_owner(ENDPOINTS, FIRST), "ServerlessService",
         f"InternalError: SKS: {FIRST} does not own Endpoints: {FIRST}"),
    ],
)  # fmt: skip
def test_an_event_of_trouble(
    cluster: Any, make_hello: Hello, story: Story, kind: str, event: str
) -> None:
    story(cluster, make_hello)
    assert event in cluster.events(kind)
