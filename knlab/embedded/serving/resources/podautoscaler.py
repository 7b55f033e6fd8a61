"""The PodAutoscaler and the Images of a Revision."""

from __future__ import annotations

from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.kinds import IMAGES, POD_AUTOSCALERS, typed
from knlab.embedded.serving.resources.metadata import (
    child_metadata,
    revision_child_annotations,
    revision_child_labels,
)
from knlab.embedded.serving.resources.names import deployment_name, image_name


def make_pod_autoscaler(revision: Object, deployment: Object | None, default_class: str) -> Object:
    """The PodAutoscaler of `revision`, whose `deployment` tells whether pods fail."""
    name = revision["metadata"]["name"]
    annotations = revision_child_annotations(revision, autoscaling=True)
    annotations.setdefault(keys.CLASS, default_class)
    spec: Object = {
        "protocolType": views.protocol(revision["spec"]),
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": deployment_name(name),
        },
    }
    if concurrency := revision["spec"].get("containerConcurrency"):
        spec["containerConcurrency"] = concurrency
    if reachability := reachability_of(revision, deployment):
        spec["reachability"] = reachability
    metadata = child_metadata(
        name, revision, labels=revision_child_labels(revision), annotations=annotations
    )
    return typed(POD_AUTOSCALERS, {"metadata": metadata, "spec": spec})


def reachability_of(revision: Object, deployment: Object | None) -> str:
    """`Reachable`, `Unreachable`, or empty while nobody knows."""
    failing = any(
        found is not None and found["status"] == "False"
        for found in (
            condition(revision, "ResourcesAvailable"),
            condition(revision, "ContainerHealthy"),
        )
    )
    if failing and deployment is not None:
        ready = (deployment.get("status") or {}).get("readyReplicas", 0)
        if deployment["spec"].get("replicas", 0) > 0 and not ready:
            return "Unreachable"
    return {"active": "Reachable", "reserve": "Unreachable"}.get(views.routing_state(revision), "")


def make_image(revision: Object, container: str, digest: str) -> Object:
    """The Image that asks nodes to keep the image of one container of `revision`."""
    name = image_name(revision["metadata"]["name"], container)
    spec: Object = {"image": digest}
    for key in ("serviceAccountName", "imagePullSecrets"):
        if revision["spec"].get(key):
            spec[key] = revision["spec"][key]
    metadata = child_metadata(
        name,
        revision,
        labels=revision_child_labels(revision),
        annotations=revision_child_annotations(revision),
    )
    return typed(IMAGES, {"metadata": metadata, "spec": spec})
