"""What a PodAutoscaler owns: the Metric and the ServerlessService of its revision."""

from __future__ import annotations

from typing import Final, Literal

from knlab.embedded.kube.objects import Object, annotations_of, owner_reference
from knlab.embedded.serving.keys import METRIC, labels_of
from knlab.embedded.serving.kinds import METRICS, SERVERLESS_SERVICES, typed
from knlab.kpa.spec import DeciderSpec

_NANOSECONDS: Final = 1_000_000_000


def make_metric(autoscaler: Object, spec: DeciderSpec, scrape_target: str) -> Object:
    """The Metric that says over which windows to average, and from which Service to scrape."""
    metadata = _owned_metadata(autoscaler) | {"annotations": annotations_of(autoscaler)}
    windows = {
        "stableWindow": round(spec.stable_window * _NANOSECONDS),
        "panicWindow": round(spec.panic_window * _NANOSECONDS),
    }
    return typed(METRICS, {"metadata": metadata, "spec": windows | {"scrapeTarget": scrape_target}})


def make_serverless_service(
    autoscaler: Object, mode: Literal["Serve", "Proxy"], activators: int
) -> Object:
    """The ServerlessService that leads requests to the pods or to so many activators."""
    annotations = {k: v for k, v in annotations_of(autoscaler).items() if k != METRIC}
    spec = {
        "mode": mode,
        "objectRef": autoscaler["spec"]["scaleTargetRef"],
        "protocolType": autoscaler["spec"]["protocolType"],
        "numActivators": activators,
    }
    metadata = _owned_metadata(autoscaler) | {"annotations": annotations}
    return typed(SERVERLESS_SERVICES, {"metadata": metadata, "spec": spec})


def _owned_metadata(autoscaler: Object) -> Object:
    return {
        "name": autoscaler["metadata"]["name"],
        "namespace": autoscaler["metadata"]["namespace"],
        "labels": labels_of(autoscaler),
        "ownerReferences": [owner_reference(autoscaler)],
    }
