"""What the autoscaler tells Prometheus of each revision: `kn.revision.*` of Knative."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from knlab.embedded.autoscaling.deciders import Decision
from knlab.embedded.dataplane.metrics import Family, Labels, gauge, labelled
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import Key, Object, is_true
from knlab.embedded.serving.keys import CONFIGURATION, SERVICE, labels_of
from knlab.embedded.serving.kinds import POD_AUTOSCALERS, PODS
from knlab.embedded.serving.scaling import revision_of_pod
from knlab.kpa.spec import DeciderSpec

SCOPE: Final = "knative.dev/serving/pkg/autoscaler"
_TEXTS: Final = {
    "kn_revision_pods_desired": "Number of pods the autoscaler wants to allocate",
    "kn_revision_capacity_excess": "Excess burst capacity observed over the stable window",
    "kn_revision_panic_mode": "If greater than 0 the autoscaler is in panic mode",
    "kn_revision_concurrency_stable": (
        "Average of request count per observed pod over the stable window"
    ),
    "kn_revision_concurrency_panic": (
        "Average of request count per observed pod over the panic window"
    ),
    "kn_revision_concurrency_target": "The desired concurrent requests for each pod",
    "kn_revision_rps_stable": (
        "Average of requests-per-second per observed pod over the stable window"
    ),
    "kn_revision_rps_panic": (
        "Average of requests-per-second per observed pod over the panic window"
    ),
    "kn_revision_rps_target": "The desired concurrent requests for each pod",
    "kn_revision_pods_requested": "Number of pods autoscaler requested from Kubernetes",
    "kn_revision_pods_count": "Number of pods that are allocated currently",
    "kn_revision_pods_not_ready_count": "Number of pods that are not ready currently",
    "kn_revision_pods_pending_count": "Number of pods that are pending currently",
    "kn_revision_pods_terminating_count": "Number of pods that are terminating currently",
}

Row = tuple[Key, DeciderSpec, Decision | None]


def revision_families(revisions: Iterable[Row], api: Api) -> Iterator[Family]:
    """The metrics of `revisions`, with what the cluster's objects say of their pods."""
    values: dict[str, dict[Labels, float]] = {name: {} for name in _TEXTS}
    pods: defaultdict[Key, list[Object]] = defaultdict(list)
    for pod in api.store.items(PODS):
        for key in revision_of_pod(pod):
            pods[key].append(pod)
    for key, spec, decision in revisions:
        autoscaler = api.store.get(POD_AUTOSCALERS, key)
        if autoscaler is None:
            continue
        labels = _labels(key, autoscaler)
        wanted = autoscaler.get("status", {}).get("desiredScale", 0)
        found = _decided(spec, decision) | _counted(pods[key]) | {"pods_requested": max(wanted, 0)}
        for name, value in found.items():
            values[f"kn_revision_{name}"][labels] = value
    return (gauge(name, text, values[name]) for name, text in _TEXTS.items())


def _labels(key: Key, autoscaler: Object) -> Labels:
    found = labels_of(autoscaler)
    return labelled(
        SCOPE,
        k8s_namespace_name=key[0],
        kn_configuration_name=found.get(CONFIGURATION, ""),
        kn_revision_name=key[1],
        kn_service_name=found.get(SERVICE, ""),
    )


def _decided(spec: DeciderSpec, decision: Decision | None) -> dict[str, float]:
    """What the latest decision says; zero everywhere before there was one."""
    metric, result = spec.metric, None if decision is None else decision.result
    if result is None:
        names = ("stable", "panic", "target")
        return dict.fromkeys(
            ("pods_desired", "capacity_excess", "panic_mode", *(f"{metric}_{n}" for n in names)), 0
        )
    return {
        "pods_desired": result.desired,
        "capacity_excess": result.excess_burst_capacity,
        "panic_mode": int(result.panicking),
        f"{metric}_stable": result.observed_stable,
        f"{metric}_panic": result.observed_panic,
        f"{metric}_target": spec.target,
    }


def _counted(pods: Iterable[Object]) -> dict[str, float]:
    """Pods by state; one that terminates counts as not ready too, as in Knative."""
    counts = dict.fromkeys(
        ("pods_count", "pods_not_ready_count", "pods_pending_count", "pods_terminating_count"), 0.0
    )
    for pod in pods:
        phase, leaving = pod.get("status", {}).get("phase"), "deletionTimestamp" in pod["metadata"]
        ready = phase == "Running" and not leaving and is_true(pod, "Ready")
        counts["pods_count"] += ready
        counts["pods_pending_count"] += phase == "Pending"
        counts["pods_not_ready_count"] += phase in {"Pending", "Running"} and not ready
        counts["pods_terminating_count"] += phase == "Running" and leaving
    return counts
