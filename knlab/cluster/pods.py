"""Pods as the recorder of `measure` wants to see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from knlab.cluster import kubernetes as k8s
from knlab.cluster.kubernetes import Kubernetes
from knlab.cluster.service import Service
from knlab.measure.records import PodPhase, PodState, ScaleReading
from knlab.measure.watch import Observe, polling

Object: TypeAlias = dict[str, Any]

_REVISION: Final = "serving.knative.dev/revision"


def observe_pods(api: Kubernetes, services: Sequence[Service]) -> Observe:
    """What a recorder asks again and again: all pods of `services`, and what is desired of them."""

    def pods() -> list[PodState]:
        return [pod_state(pod) for service in services for pod in service.pods()]

    def wishes() -> Iterator[ScaleReading]:
        for service in services:
            found = api.items(k8s.POD_AUTOSCALER, service.namespace, labels=service.selector)
            yield from map(scale_reading, found)

    return polling(pods, wishes)


def pod_state(pod: Mapping[str, Any]) -> PodState:
    """A Pod object as the recorder's word for it."""
    metadata = pod["metadata"]
    return PodState(
        name=metadata["name"],
        revision=metadata.get("labels", {}).get(_REVISION, ""),
        phase=pod_phase(pod),
        created=datetime.fromisoformat(metadata["creationTimestamp"]).timestamp(),
    )


def pod_phase(pod: Mapping[str, Any]) -> PodPhase:
    """Terminating once deletion has begun, ready when condition Ready is True, else starting."""
    if pod["metadata"].get("deletionTimestamp"):
        return "terminating"
    conditions = pod.get("status", {}).get("conditions") or ()
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return "ready" if ready else "starting"


def scale_reading(autoscaler: Mapping[str, Any]) -> ScaleReading:
    """What a PodAutoscaler says is desired; nothing while that is -1, its word for unknown."""
    desired = autoscaler.get("status", {}).get("desiredScale", -1)
    return ScaleReading(
        revision=autoscaler["metadata"]["name"], desired=desired if desired >= 0 else None
    )
