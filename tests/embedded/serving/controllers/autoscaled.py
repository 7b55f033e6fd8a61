"""One PodAutoscaler in a view of objects, and what is around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from knlab.embedded.kube.controller import Outcome
from knlab.embedded.kube.objects import Key, Object, condition
from knlab.embedded.serving.conditions import timestamp
from knlab.embedded.serving.controllers.podautoscaler import make_podautoscaler_controller
from knlab.embedded.serving.kinds import DEPLOYMENTS, POD_AUTOSCALERS, PODS, SERVERLESS_SERVICES
from knlab.kpa.autoscaler import DeciderStatus
from tests.factories import NOW, DictView, apply_outcome, make, settle

NAME = "hello-00001"
KEY = ("default", NAME)
LABELS = {
    "app": NAME,
    "serving.knative.dev/configuration": "hello",
    "serving.knative.dev/revision": NAME,
    "serving.knative.dev/service": "hello",
}
CLASS = {"autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev"}
METRIC = {"autoscaling.knative.dev/metric": "concurrency"}


class Port:
    """Deciders and probe of one revision, as they are told to be."""

    def __init__(self, desired: int = -1, excess: int = -111) -> None:
        self.decision: DeciderStatus | None = DeciderStatus(desired, excess)
        self.answered = False
        self.requested: list[Key] = []
        self.wakes: list[Callable[[Key], None]] = []

    def status(self, key: Key) -> DeciderStatus | None:
        assert key == KEY
        return self.decision

    def on_decision(self, wake: Callable[[Key], None]) -> None:
        self.wakes.append(wake)

    def answers(self, key: Key) -> bool:
        assert key == KEY
        return self.answered

    def request(self, key: Key) -> None:
        self.requested.append(key)

    def on_answer(self, wake: Callable[[Key], None]) -> None:
        self.wakes.append(wake)


class World:
    """One PodAutoscaler and what is around it."""

    def __init__(self, annotations: Mapping[str, str] | None = None, **spec: Any) -> None:
        self.port = Port()
        self.sync = make_podautoscaler_controller(self.port, self.port).sync
        self.view = DictView()
        self.now = NOW
        target = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": f"{NAME}-deployment",
        }
        self.view.add(
            make(
                "autoscaling.internal.knative.dev/v1alpha1", "PodAutoscaler", NAME,
                namespace="default",
                metadata={"labels": LABELS,
                          "annotations": CLASS | METRIC | dict(annotations or {})},
                spec={"protocolType": "http1", "reachability": "Reachable",
                      "scaleTargetRef": target} | spec,
            )
        )  # fmt: skip
        self.view.add(
            make("apps/v1", "Deployment", f"{NAME}-deployment", namespace="default",
                 spec={"replicas": 1})
        )  # fmt: skip
        self.configure("config-deployment", {"queue-sidecar-image": "queue:1"})

    def configure(self, name: str, settings: Mapping[str, str]) -> None:
        self.view.add(
            make("v1", "ConfigMap", name, namespace="knative-serving", data=dict(settings))
        )

    def settle(self) -> Outcome:
        return settle(self.view, self.sync, KEY, self.now)

    def look(self) -> Outcome:
        outcome = self.sync(self.view, KEY, self.now)
        apply_outcome(self.view, outcome)
        return outcome

    def at(self, seconds: float) -> World:
        self.now = NOW + seconds
        return self

    def path_answers(self, *, ready: bool = True) -> None:
        """What the ServerlessService's own controller says."""
        path = self.path
        mode, old = path["spec"]["mode"], condition(path, "ActivatorEndpointsPopulated")
        proxying = {"type": "ActivatorEndpointsPopulated", "status": str(mode == "Proxy")}
        changed = old is None or old["status"] != proxying["status"]
        since = timestamp(self.now) if changed or old is None else old["lastTransitionTime"]
        happy = {"type": "Ready", "status": "True" if ready else "Unknown"}
        if not ready:
            happy |= {"reason": "NoHealthyBackends", "message": "K8s Service is not ready"}
        path["status"] = {
            "observedGeneration": path["metadata"]["generation"],
            "privateServiceName": f"{NAME}-private",
            "serviceName": NAME,
            "conditions": [
                proxying | {"lastTransitionTime": since},
                happy | {"lastTransitionTime": timestamp(self.now)},
            ],
        }

    def pods(self, ready: int, starting: int = 0) -> None:
        for address in [a for a in self.view.objects if a[0] == PODS]:
            del self.view.objects[address]
        for number in range(ready + starting):
            self.view.add(
                make("v1", "Pod", f"{NAME}-{number}", namespace="default",
                     metadata={"labels": {"serving.knative.dev/revision": NAME}},
                     spec={},
                     status={"phase": "Running" if number < ready else "Pending",
                             "conditions": [{"type": "Ready", "status": str(number < ready)}]})
            )  # fmt: skip

    def running(self, ready: int = 1) -> World:
        """With so many pods ready since time 0."""
        self.look()
        self.path_answers(ready=False)
        self.settle()
        self.pods(ready)
        self.path_answers()
        self.settle()
        self.path_answers()
        self.settle()
        return self

    def found(self, resource: Any, name: str = NAME) -> Object:
        return self.view.objects[resource, ("default", name)]

    @property
    def autoscaler(self) -> Object:
        return self.found(POD_AUTOSCALERS)

    @property
    def path(self) -> Object:
        return self.found(SERVERLESS_SERVICES)

    @property
    def replicas(self) -> int:
        replicas: int = self.found(DEPLOYMENTS, f"{NAME}-deployment")["spec"]["replicas"]
        return replicas

    def said(self, kind: str) -> tuple[str, str, str]:
        item = condition(self.autoscaler, kind)
        assert item is not None
        return item["status"], item.get("reason", ""), item.get("message", "")
