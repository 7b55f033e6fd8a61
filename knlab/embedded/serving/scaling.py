"""What a PodAutoscaler and its pods say to the autoscaler: Kubernetes objects → `kpa`'s words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from knlab.embedded.kube.controller import View
from knlab.embedded.kube.objects import Key, Object, annotations_of, is_true
from knlab.embedded.serving.config import parse_autoscaler, parse_deployment, read_config
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.keys import REVISION
from knlab.embedded.serving.kinds import DEPLOYMENTS
from knlab.kpa.spec import KPA_CLASS, AutoscalerConfig, DeciderSpec
from knlab.kpa.target import RevisionScaling, resolve, scaling_class


def is_kpa(autoscaler: Object) -> bool:
    """Whether the PodAutoscaler is of Knative's own class, so that it is ours to act on."""
    return scaling_class(annotations_of(autoscaler)) == KPA_CLASS


def is_reachable(autoscaler: Object) -> bool:
    """Whether requests can arrive at the revision; unknown counts as yes."""
    return bool(autoscaler["spec"].get("reachability") != "Unreachable")


def scaling_of(
    autoscaler: Object, config: AutoscalerConfig, progress_deadline: float
) -> RevisionScaling:
    """Everything that scaling by the PodAutoscaler depends on besides the load."""
    return resolve(
        annotations_of(autoscaler),
        config,
        container_concurrency=autoscaler["spec"].get("containerConcurrency", 0),
        reachable=is_reachable(autoscaler),
        progress_deadline=progress_deadline,
    )


def decider_spec(autoscaler: Object, config: AutoscalerConfig) -> DeciderSpec:
    """What decisions for the PodAutoscaler depend on besides the load."""
    return scaling_of(autoscaler, config, progress_deadline=0.0).decider


def read_scaling(view: View, autoscaler: Object) -> RevisionScaling:
    """The same by the cluster's ConfigMaps.

    Raises:
        ConfigError: if one of them says what cannot be.
    """
    config = read_config(view, parse_autoscaler)
    deployments = read_config(view, parse_deployment)
    return scaling_of(autoscaler, config, deployments.progress_deadline)


def revision_of_pod(pod: Object) -> Iterable[Key]:
    """The key of the revision (and of its PodAutoscaler) that the pod belongs to; or nothing."""
    labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
    return ((pod["metadata"]["namespace"], labels[REVISION]),) if REVISION in labels else ()


def takes_requests(pod: Object) -> bool:
    """Whether the pod runs, is ready and is not being deleted."""
    return (
        pod.get("status", {}).get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
        and is_true(pod, "Ready")
    )


def missing_target(namespace: str, name: str) -> str:
    """What Knative says of a Deployment that it wants to scale and does not find."""
    missing = f"{DEPLOYMENTS} {quoted(name)} not found"
    return f"error fetching Pod Scalable {namespace}/{name}: {missing}"
