"""A cluster with the kinds that the autoscaler follows and writes, and objects to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from knlab._clock import Clock, ManualClock
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import ServerKinds
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.registry import Registry, Resource, ScalePaths
from knlab.embedded.kube.store import Store
from knlab.embedded.serving.conditions import timestamp
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    METRICS,
    NAMESPACES,
    POD_AUTOSCALERS,
    PODS,
    SERVERLESS_SERVICES,
    typed,
)
from knlab.kpa.stat import Stat

REVISION = "default/hello-00001"
KEY = ("default", "hello-00001")
ADMISSION = "admissionregistration.k8s.io"
SERVER_KINDS = ServerKinds(
    namespaces=NAMESPACES,
    events=GroupResource("", "events"),
    mutating_webhooks=GroupResource(ADMISSION, "mutatingwebhookconfigurations"),
    validating_webhooks=GroupResource(ADMISSION, "validatingwebhookconfigurations"),
)
ROWS = tuple(
    Resource(
        group=name.group,
        version=version,
        plural=name.plural,
        kind=kind,
        namespaced=name != NAMESPACES,
        scale=ScalePaths() if name == DEPLOYMENTS else None,
    )
    for name, version, kind in (
        (NAMESPACES, "v1", "Namespace"),
        (CONFIG_MAPS, "v1", "ConfigMap"),
        (PODS, "v1", "Pod"),
        (DEPLOYMENTS, "v1", "Deployment"),
        (POD_AUTOSCALERS, "v1alpha1", "PodAutoscaler"),
        (METRICS, "v1alpha1", "Metric"),
        (SERVERLESS_SERVICES, "v1alpha1", "ServerlessService"),
    )
)


class Cluster:
    """An `Api` and what tests put into it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        for namespace in ("default", "knative-serving"):
            api.create(NAMESPACES, typed(NAMESPACES, {"metadata": {"name": namespace}}))
        self.configure("config-deployment", {"queue-sidecar-image": "queue:1"})

    def create(self, resource: GroupResource, name: str, **fields: Any) -> Object:
        metadata = {"name": name, "namespace": "default"} | fields.pop("metadata", {})
        return self.api.create(resource, typed(resource, {"metadata": metadata} | fields)).object

    def configure(self, name: str, settings: dict[str, str]) -> None:
        if self.api.find(CONFIG_MAPS, "knative-serving", name) is None:
            metadata = {"namespace": "knative-serving"}
            self.create(CONFIG_MAPS, name, metadata=metadata, data=settings)
        else:
            self.api.patch(
                CONFIG_MAPS, "knative-serving", name, lambda old: old | {"data": settings}
            )

    def autoscaler(self, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
        prefixed = {f"autoscaling.knative.dev/{k}": v for k, v in (annotations or {}).items()}
        target = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "hello-00001-deployment",
        }
        return self.create(
            POD_AUTOSCALERS,
            KEY[1],
            metadata={
                "labels": {"serving.knative.dev/revision": KEY[1]},
                "annotations": prefixed,
            },
            spec={"protocolType": "http1", "scaleTargetRef": target} | spec,
        )

    def pod(self, name: str, *, ready: bool = True) -> None:
        labels = {"serving.knative.dev/revision": KEY[1]}
        self.create(PODS, name, metadata={"labels": labels}, spec={})
        self.mark(name, ready=ready)

    def mark(self, name: str, *, ready: bool) -> None:
        started = timestamp(self.api.clock.now())
        status = {
            "phase": "Running",
            "startTime": started,
            "conditions": [{"type": "Ready", "status": str(ready)}],
        }
        self.api.patch(
            PODS, "default", name, lambda old: old | {"status": status}, subresource="status"
        )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[Callable[[Clock], Cluster]]:
    store = Store(tmp_path / "store.sqlite")
    yield lambda clock: Cluster(Api(store, Registry(ROWS), clock, kinds=SERVER_KINDS))
    store.close()


@pytest.fixture
def cluster(make_cluster: Callable[[Clock], Cluster], clock: ManualClock) -> Cluster:
    return make_cluster(clock)


class Reports:
    """What queue-proxies report, by pod."""

    def __init__(self) -> None:
        self.concurrency: dict[str, float] = {}
        self.asked = 0

    def __call__(self, revision: str) -> list[Stat]:
        assert revision == REVISION
        self.asked += 1
        return [
            Stat(revision=revision, pod=pod, time=0.0, average_concurrent_requests=load)
            for pod, load in self.concurrency.items()
        ]


@pytest.fixture
def reports() -> Reports:
    return Reports()
