"""Writes that the API refuses: the events and the status that tell of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from knlab.embedded.kube.objects import GroupResource, Object, condition
from knlab.embedded.serving.kinds import (
    CONFIGURATIONS,
    CORE_SERVICES,
    DEPLOYMENTS,
    ENDPOINTS,
    IMAGES,
    INGRESSES,
    METRICS,
    POD_AUTOSCALERS,
    REVISIONS,
    ROUTES,
    SERVERLESS_SERVICES,
    SERVICES,
    TYPES,
)

Hello = Callable[..., Object]
Act = Callable[[Any, Hello], object]
FIRST = "hello-00001"
SECOND_IMAGE = "ghcr.io/knative/helloworld-go:v2"
NEW_GENERATION = ("Unknown", "NewObservedGenFailure", "unsuccessfully observed a new generation")
IS_READY = ("True", "", "")


def nothing(_cluster: Any, _hello: Hello) -> None: ...


def deploy(cluster: Any, hello: Hello) -> None:
    cluster.apply(hello())


def another_image(cluster: Any, hello: Hello) -> None:
    cluster.apply(hello(SECOND_IMAGE))


def two_revisions(cluster: Any, hello: Hello) -> None:
    deploy(cluster, hello)
    cluster.settle()
    another_image(cluster, hello)


def retarget(*traffic: Object) -> Act:
    """All else as before, but this `traffic`."""

    def act(cluster: Any, hello: Hello) -> None:
        wanted = hello()
        wanted["spec"]["traffic"] = list(traffic)
        cluster.apply(wanted)

    return act


ALL = {"latestRevision": True, "percent": 100}
TAGGED = {"latestRevision": True, "percent": 0, "tag": "new"}
tag_it = retarget(ALL, TAGGED)


def queue_image(cluster: Any, _hello: Hello) -> None:
    cluster.configure("config-deployment", {"queue-sidecar-image": "knative.dev/queue:y"})


def never_scraped(cluster: Any, _hello: Hello) -> None:
    cluster.configure("config-autoscaler", {"target-burst-capacity": "-1"})


def annotate_revision(cluster: Any, _hello: Hello) -> None:
    revision = cluster.view.objects[REVISIONS, ("default", FIRST)]
    revision["metadata"]["annotations"]["autoscaling.knative.dev/max-scale"] = "3"


def wish_for(pods: int) -> Act:
    def act(cluster: Any, _hello: Hello) -> None:
        cluster.port.desired[("default", FIRST)] = pods

    return act


def spare_capacity(cluster: Any, _hello: Hello) -> None:
    cluster.port.desired[("default", FIRST)] = 1
    cluster.port.excess = 5


def stranger_selector(cluster: Any, _hello: Hello) -> None:
    service = cluster.view.objects[CORE_SERVICES, ("default", f"{FIRST}-private")]
    service["spec"]["selector"] = {"a": "b"}


def stranger_ports(cluster: Any, _hello: Hello) -> None:
    cluster.view.objects[CORE_SERVICES, ("default", FIRST)]["spec"]["ports"] = []


def more_activators(cluster: Any, _hello: Hello) -> None:
    subset = cluster.view.objects[ENDPOINTS, ("knative-serving", "activator-service")]["subsets"][0]
    subset["addresses"].append({"ip": "10.0.0.2"})


@dataclass(frozen=True)
class Row:
    """Before it all is well (or nothing is there), then `act` leads to the write in question."""

    verb: str
    resource: GroupResource
    name: str
    parent: GroupResource
    owner: str
    events: tuple[str, ...]
    ready: tuple[str, str, str]
    before: Act = deploy
    act: Act = nothing


def at_first(
    verb: str, resource: GroupResource, name: str, parent: GroupResource, owner: str, *events: str,
    ready: tuple[str, str, str],
) -> Row:  # fmt: skip
    """A write of a new Service."""
    return Row(verb, resource, name, parent, owner, events, ready, before=nothing, act=deploy)


def later(
    act: Act,
    verb: str, resource: GroupResource, name: str, parent: GroupResource, owner: str, *events: str,
    ready: tuple[str, str, str],
    before: Act = deploy,
) -> Row:  # fmt: skip
    """A write that follows from `act` on a Service that was ready."""
    return Row(verb, resource, name, parent, owner, events, ready, before=before, act=act)


DEPLOYING = ("Unknown", "Deploying", "")
CREATING = "K8s Service is not ready"

ROWS = {
    "a Service's Configuration": at_first(
        "create", CONFIGURATIONS, "hello", SERVICES, "hello",
        'CreationFailed: Failed to create Configuration "hello": no',
        "InternalError: failed to create Configuration: no",
        ready=NEW_GENERATION,
    ),
    "a Service's Route": at_first(
        "create", ROUTES, "hello", SERVICES, "hello",
        'CreationFailed: Failed to create Route "hello": no',
        "InternalError: failed to create Route: no",
        ready=("Unknown", "", ""),
    ),
    "a Configuration's change": later(
        another_image, "update", CONFIGURATIONS, "hello", SERVICES, "hello",
        "InternalError: failed to reconcile Configuration: no",
        ready=NEW_GENERATION,
    ),
    "a Route's change": later(
        tag_it, "update", ROUTES, "hello", SERVICES, "hello",
        "InternalError: failed to reconcile Route: no",
        ready=IS_READY,
    ),
    "a Revision": at_first(
        "create", REVISIONS, FIRST, CONFIGURATIONS, "hello",
        "CreationFailed: Failed to create Revision: no",
        "InternalError: failed to create Revision: no",
        ready=("False", "RevisionFailed", "Revision creation failed with message: no."),
    ),
    "a Revision, seen from the Service": at_first(
        "create", REVISIONS, FIRST, SERVICES, "hello",
        ready=("False", "RevisionMissing",
               'Configuration "hello" does not have any ready Revision.'),
    ),
    "a Deployment": at_first(
        "create", DEPLOYMENTS, f"{FIRST}-deployment", REVISIONS, FIRST,
        f'InternalError: failed to create deployment "{FIRST}-deployment": no',
        ready=DEPLOYING,
    ),
    "a Deployment's change": later(
        queue_image, "update", DEPLOYMENTS, f"{FIRST}-deployment", REVISIONS, FIRST,
        f'InternalError: failed to update deployment "{FIRST}-deployment": no',
        ready=IS_READY,
    ),
    "an Image": at_first(
        "create", IMAGES, f"{FIRST}-cache-user-container", REVISIONS, FIRST,
        f'InternalError: failed to create image cache "{FIRST}-cache-user-container": no',
        ready=IS_READY,
    ),
    "a PodAutoscaler": at_first(
        "create", POD_AUTOSCALERS, FIRST, REVISIONS, FIRST,
        f'InternalError: failed to create PA "{FIRST}": no',
        ready=IS_READY,
    ),
    "a PodAutoscaler's change": later(
        annotate_revision, "update", POD_AUTOSCALERS, FIRST, REVISIONS, FIRST,
        f'InternalError: failed to update PA "{FIRST}": no',
        ready=IS_READY,
    ),
    "a placeholder": at_first(
        "create", CORE_SERVICES, "hello", ROUTES, "hello",
        'CreationFailed: Failed to create placeholder service "hello": no',
        "InternalError: failed to create placeholder service: no",
        ready=("Unknown", "", ""),
    ),
    "a placeholder that leads nowhere yet": at_first(
        "update", CORE_SERVICES, "hello", ROUTES, "hello",
        "InternalError: no",
        ready=IS_READY,
    ),
    "a placeholder's end": later(
        retarget(ALL), "delete", CORE_SERVICES, "new-hello", ROUTES, "hello",
        "InternalError: failed to delete Service: no",
        ready=("Unknown", "IngressNotConfigured", "Ingress has not yet been reconciled."),
        before=tag_it,
    ),
    "an Ingress": at_first(
        "create", INGRESSES, "hello", ROUTES, "hello",
        "CreationFailed: Failed to create Ingress: no",
        "InternalError: failed to create Ingress: no",
        ready=("Unknown", "IngressNotConfigured", "Ingress has not yet been reconciled."),
    ),
    "an Ingress's change": later(
        tag_it, "update", INGRESSES, "hello", ROUTES, "hello",
        "InternalError: failed to update Ingress: no",
        ready=("Unknown", "IngressNotConfigured", "Ingress has not yet been reconciled."),
    ),
    "a Revision's mark": later(
        retarget({"revisionName": FIRST, "percent": 100}),
        "update", REVISIONS, FIRST, ROUTES, "hello",
        f'InternalError: failed to add route annotation to Namespace=default Name="{FIRST}": no',
        ready=IS_READY,
        before=two_revisions,
    ),
    "a Revision's mark that goes": later(
        another_image, "update", REVISIONS, FIRST, ROUTES, "hello",
        f'InternalError: failed to remove route annotation to /, Kind= "{FIRST}": no',
        ready=IS_READY,
    ),
    "a Route's finalizer": at_first(
        "update", ROUTES, "hello", ROUTES, "hello",
        'FinalizerUpdateFailed: Failed to update finalizers for "hello": no',
        ready=IS_READY,
    ),
    "an Ingress's finalizer": at_first(
        "update", INGRESSES, "hello", INGRESSES, "hello",
        'FinalizerUpdateFailed: Failed to update finalizers for "hello": no',
        ready=("", "", ""),
    ),
    "a ServerlessService": at_first(
        "create", SERVERLESS_SERVICES, FIRST, POD_AUTOSCALERS, FIRST,
        f"InternalError: error reconciling SKS: error creating SKS {FIRST}: no",
        ready=NEW_GENERATION,
    ),
    "a ServerlessService's change": later(
        spare_capacity, "update", SERVERLESS_SERVICES, FIRST, POD_AUTOSCALERS, FIRST,
        f"InternalError: error reconciling SKS: error updating SKS {FIRST}: no",
        ready=IS_READY,
    ),
    "a Metric": at_first(
        "create", METRICS, FIRST, POD_AUTOSCALERS, FIRST,
        "InternalError: error reconciling Metric: error creating metric: no",
        ready=("Unknown", "Queued",
               "Requests to the target are being buffered as resources are provisioned."),
    ),
    "a Metric's change": later(
        never_scraped, "update", METRICS, FIRST, POD_AUTOSCALERS, FIRST,
        "InternalError: error reconciling Metric: error updating metric: no",
        ready=IS_READY,
    ),
    "a Deployment's scale": later(
        wish_for(3), "scale", DEPLOYMENTS, f"{FIRST}-deployment", POD_AUTOSCALERS, FIRST,
        f"InternalError: error scaling target: failed to apply scale 3 to scale target"
        f" {FIRST}-deployment: no",
        ready=IS_READY,
    ),
    "a private Service": at_first(
        "create", CORE_SERVICES, f"{FIRST}-private", SERVERLESS_SERVICES, FIRST,
        "InternalError: failed to create private K8s Service: no",
        ready=("Unknown", "CreatingPrivateService", CREATING),
    ),
    "a private Service's change": later(
        stranger_selector, "update", CORE_SERVICES, f"{FIRST}-private", SERVERLESS_SERVICES, FIRST,
        "InternalError: failed to update private K8s Service: no",
        ready=("Unknown", "UpdatingPrivateService", CREATING),
    ),
    "a public Service": at_first(
        "create", CORE_SERVICES, FIRST, SERVERLESS_SERVICES, FIRST,
        "InternalError: failed to create public K8s Service: no",
        ready=("Unknown", "CreatingPublicService", CREATING),
    ),
    "a public Service's change": later(
        stranger_ports, "update", CORE_SERVICES, FIRST, SERVERLESS_SERVICES, FIRST,
        "InternalError: failed to update public K8s Service: no",
        ready=IS_READY,
    ),
    "public Endpoints": at_first(
        "create", ENDPOINTS, FIRST, SERVERLESS_SERVICES, FIRST,
        "InternalError: failed to create public K8s Endpoints: no",
        ready=("Unknown", "CreatingPublicEndpoints", CREATING),
    ),
    "public Endpoints' change": later(
        more_activators, "update", ENDPOINTS, FIRST, SERVERLESS_SERVICES, FIRST,
        "InternalError: failed to update public K8s Endpoints: no",
        ready=IS_READY,
    ),
    "a status": at_first(
        "update-status", ROUTES, "hello", ROUTES, "hello",
        'UpdateFailed: Failed to update status for "hello": no',
        ready=("", "", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", [pytest.param(row, id=id_) for id_, row in ROWS.items()])
def test_a_refused_write_is_told_and_once_it_is_admitted_all_is_well(
    cluster: Any, make_hello: Hello, row: Row
) -> None:
    row.before(cluster, make_hello)
    cluster.settle()
    cluster.notes.clear()
    cluster.refusing[row.verb, row.resource, row.name] = "no"
    row.act(cluster, make_hello)
    cluster.settle()
    told = [event for event in cluster.events(TYPES[row.parent][1]) if "no" in event.split()]
    assert tuple(dict.fromkeys(told)) == row.events
    ready = condition(cluster.get(row.parent, row.owner), "Ready") or {}
    shown = ready.get("status", ""), ready.get("reason", ""), ready.get("message", "")
    assert shown == row.ready
    cluster.refusing.clear()
    cluster.settle()
    ready = condition(cluster.get(SERVICES, "hello"), "Ready") or {}
    assert ready["status"] == "True"
