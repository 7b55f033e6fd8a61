"""A cluster in a dictionary: all serving controllers, the webhook, and a kubelet that obeys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from knlab.embedded.kube.admission import AdmissionReview
from knlab.embedded.kube.controller import Controller, Note, Outcome, Write
from knlab.embedded.kube.objects import (
    GroupResource,
    Key,
    Object,
    condition,
    controller_of,
    copy_json,
    key_of,
)
from knlab.embedded.serving.conditions import timestamp
from knlab.embedded.serving.controllers.configuration import configuration_controller
from knlab.embedded.serving.controllers.garbage import garbage_controller
from knlab.embedded.serving.controllers.ingress import ingress_controller
from knlab.embedded.serving.controllers.labeler import labeler_controller
from knlab.embedded.serving.controllers.podautoscaler import make_podautoscaler_controller
from knlab.embedded.serving.controllers.revision import ResolveError, revision_controller
from knlab.embedded.serving.controllers.route import route_controller
from knlab.embedded.serving.controllers.serverlessservice import serverless_service_controllers
from knlab.embedded.serving.controllers.service import service_controller
from knlab.embedded.serving.kinds import (
    CORE_SERVICES,
    DEPLOYMENTS,
    ENDPOINTS,
    PODS,
    SERVICES,
)
from knlab.embedded.serving.webhook import (
    DEFAULTING_PATH,
    VALIDATION_PATH,
    webhook_backend,
)
from knlab.kpa.autoscaler import DeciderStatus
from tests.factories import NOW, DictView, apply_outcome, make

USER = "admin"
NAMESPACE = "default"
CONFIG = {
    "config-deployment": {"queue-sidecar-image": "knative.dev/queue:x"},
    "config-network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
    "config-domain": {"example.com": ""},
}


class DeniedError(Exception):
    """The webhook refused; the text is what it says."""


class Port:
    """Deciders, activator probe and gateway, as they are told to be."""

    def __init__(self) -> None:
        self.desired: dict[Key, int] = {}
        self.excess = -111
        self.gateway_ready = True

    def status(self, key: Key) -> DeciderStatus | None:
        return DeciderStatus(self.desired.get(key, -1), self.excess)

    def on_decision(self, wake: Callable[[Key], None]) -> None: ...

    def answers(self, key: Key) -> bool:
        return True

    def request(self, key: Key) -> None: ...

    def on_answer(self, wake: Callable[[Key], None]) -> None: ...


class Cluster:
    """Everything that a Service needs to become Ready, in memory."""

    def __init__(self) -> None:
        self.now = NOW
        self.view = DictView()
        self.port = Port()
        self.notes: list[Note] = []
        self.reasons: list[tuple[str, str]] = []
        self.pod_ready = True
        self.failing_images: dict[str, str] = {}
        self.refusing: dict[tuple[str, GroupResource, str], str] = {}
        self.applied: Object = {}
        self.webhook = webhook_backend(self.view, lambda *_: None)
        self.controllers: list[Controller] = [
            service_controller(),
            route_controller(),
            labeler_controller(),
            configuration_controller(),
            revision_controller(self.resolve),
            make_podautoscaler_controller(self.port, self.port),
            *serverless_service_controllers(),
            ingress_controller(lambda _ingress: self.port.gateway_ready),
            garbage_controller(),
        ]
        for name, values in CONFIG.items():
            self.configure(name, values)
        ports = [{"name": "http", "port": 8012}, {"name": "https", "port": 8112}]
        subset = {"addresses": [{"ip": "10.0.0.1"}], "ports": ports}
        self.view.add(
            make("v1", "Endpoints", "activator-service", "knative-serving", subsets=[subset])
        )

    def resolve(self, image: str) -> str:
        if image in self.failing_images:
            raise ResolveError(self.failing_images[image])
        return f"{image.rpartition(':')[0]}@sha256:{'0' * 64}"

    # what a user does

    def configure(self, name: str, values: dict[str, str]) -> None:
        self.view.add(make("v1", "ConfigMap", name, "knative-serving", data=values))

    def apply(self, obj: Object) -> Object:
        """What `kubectl apply` does: fields that did not change since the last time stay."""
        old = self.view.find(SERVICES, *key_of(obj))
        last, self.applied = self.applied, copy_json(obj)
        changed = obj if old is None else merged(old, last, obj)
        self.perform(Write("create" if old is None else "update", SERVICES, copy_json(changed)))
        return self.get(SERVICES, obj["metadata"]["name"])

    def get(self, resource: GroupResource, name: str) -> Object:
        found = self.view.find(resource, NAMESPACE, name)
        assert found is not None, f"{resource} {name} is missing"
        return found

    def names(self, resource: GroupResource) -> list[str]:
        return [item["metadata"]["name"] for item in self.view.list(resource, NAMESPACE)]

    def events(self, kind: str) -> list[str]:
        return [
            f"{note.reason}: {note.message}"
            for note in self.notes
            if note.regarding["kind"] == kind
        ]

    # what the API server does

    def perform(self, write: Write) -> None:
        if write.verb in {"create", "update"}:
            write = replace(write, object=self.admit(write))
        words = self.refusing.get((write.verb, write.resource, key_of(write.object)[1]))
        if words is not None:
            raise DeniedError(words)
        apply_outcome(self.view, Outcome(writes=(write,)))

    def admit(self, write: Write) -> Object:
        obj = copy_json(write.object)
        old = self.view.find(write.resource, *key_of(obj))
        namespace, name = key_of(obj)
        review = AdmissionReview(
            path=DEFAULTING_PATH,
            operation="UPDATE" if old else "CREATE",
            resource=write.resource,
            subresource="",
            kind=obj["kind"],
            namespace=namespace,
            name=name,
            object=obj,
            old=old,
            user=USER,
            dry_run=False,
        )
        admitted = self.webhook(review).object or obj
        verdict = self.webhook(replace(review, path=VALIDATION_PATH, object=copy_json(admitted)))
        if verdict.denied:
            raise DeniedError(verdict.denied)
        return admitted

    # time

    def step(self) -> bool:
        """One look of every controller at every parent; whether anything was written."""
        before = self.view.version
        for controller in self.controllers:
            self._work(controller)
        return self.kubelet() or self.view.version != before

    def look(self, name: str) -> None:
        """One look of the controllers called `name` at every parent."""
        for controller in self.named(name):
            self._work(controller)

    def named(self, name: str) -> list[Controller]:
        return [each for each in self.controllers if each.name == name]

    def _work(self, controller: Controller) -> None:
        for parent in self.view.list(controller.parent):
            outcome = controller.sync(self.view, key_of(parent), self.now)
            self.notes.extend(self.carry_out(outcome).notes)
            self.remember()

    def carry_out(self, outcome: Outcome) -> Outcome:
        for write in outcome.writes:
            try:
                self.perform(write)
            except DeniedError as denied:
                assert write.refused is not None, f"{write} knows nothing of refusals"
                return self.carry_out(write.refused(str(denied)))
        return outcome

    def settle(self, rounds: int = 40) -> None:
        for _ in range(rounds):
            if not self.step():
                return
            self.now += 0.1
        raise AssertionError("never settles")

    def remember(self) -> None:
        for service in self.view.list(SERVICES, NAMESPACE):
            ready = condition(service, "Ready")
            entry = (ready["status"], ready.get("reason", "")) if ready is not None else ("", "")
            if not self.reasons or self.reasons[-1] != entry:
                self.reasons.append(entry)

    # what Kubernetes does below Knative

    def kubelet(self) -> bool:
        before = self.view.version
        self._collect_garbage()
        for deployment in self.view.list(DEPLOYMENTS, NAMESPACE):
            self._run_pods(deployment)
        for service in self.view.list(CORE_SERVICES, NAMESPACE):
            if service["spec"].get("selector"):
                self._select(service)
        return self.view.version != before

    def _collect_garbage(self) -> None:
        uids = {obj["metadata"]["uid"] for obj in self.view.objects.values()}
        for address, obj in list(self.view.objects.items()):
            owner = controller_of(obj)
            if owner is None or owner["uid"] in uids:
                continue
            self.view.next_version()
            if obj["metadata"].get("finalizers"):
                obj["metadata"].setdefault("deletionTimestamp", timestamp(self.now))
            else:
                del self.view.objects[address]

    def _run_pods(self, deployment: Object) -> None:
        template = deployment["spec"]["template"]
        wanted = deployment["spec"]["replicas"]
        name = deployment["metadata"]["name"]
        for index in range(max(wanted, 5)):
            key = (PODS, (NAMESPACE, f"{name}-{index}"))
            if index >= wanted and key in self.view.objects:
                del self.view.objects[key]
                self.view.next_version()
            if index < wanted and key not in self.view.objects:
                pod = make(
                    "v1", "Pod", f"{name}-{index}", NAMESPACE,
                    metadata={"labels": dict(template["metadata"]["labels"])},
                    spec=template["spec"],
                )  # fmt: skip
                ready = "True" if self.pod_ready else "False"
                pod["status"] = {
                    "phase": "Running",
                    "podIP": f"10.1.0.{len(self.view.objects)}",
                    "conditions": [{"type": "Ready", "status": ready}],
                }
                self.view.add(pod)
                self.view.next_version()
        running = wanted if self.pod_ready else 0
        status: Object = {"replicas": wanted, "observedGeneration": 1}
        if running:
            status |= {"readyReplicas": running, "availableReplicas": running}
        progressing = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
        status["conditions"] = [progressing]
        self._set_status(DEPLOYMENTS, deployment, status)

    def _set_status(self, resource: GroupResource, obj: Object, status: Any) -> None:
        kept = self.view.objects[resource, key_of(obj)]
        if kept.get("status") != status and not kept.get("frozen"):
            kept["status"] = status
            self.view.next_version()

    def _select(self, service: Object) -> None:
        namespace, name = key_of(service)
        pods = self.view.list(PODS, namespace, service["spec"]["selector"])
        ports = [
            {"name": port["name"], "port": port["targetPort"], "protocol": "TCP"}
            for port in service["spec"]["ports"]
            if isinstance(port["targetPort"], int)
        ]
        part = "addresses" if self.pod_ready else "notReadyAddresses"
        addresses = [{"ip": pod["status"]["podIP"]} for pod in pods]
        subsets = [{part: addresses, "ports": ports}] if pods else []
        kept = self.view.objects.get((ENDPOINTS, (namespace, name)))
        if kept is None or kept["subsets"] != subsets:
            labels = service["metadata"]["labels"]
            self.view.add(
                make("v1", "Endpoints", name, namespace,
                     metadata={"labels": labels}, subsets=subsets)
            )  # fmt: skip
            self.view.next_version()


def merged(live: Any, last: Any, new: Any) -> Any:
    """`live` with what changed between `last` and `new`; lists change as a whole."""
    if last == new:
        return live
    if not (isinstance(live, dict) and isinstance(last, dict) and isinstance(new, dict)):
        return new
    kept = {key: value for key, value in live.items() if key in new or key not in last}
    return kept | {key: merged(live.get(key), last.get(key), value) for key, value in new.items()}


def hello(image: str = "ghcr.io/knative/helloworld-go:latest", **template: Any) -> Object:
    """A Service `hello` as a user writes it; `template` is the template's metadata."""
    spec = {"containers": [{"image": image, "env": [{"name": "TARGET", "value": "World"}]}]}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": NAMESPACE},
        "spec": {"template": {"metadata": template, "spec": spec}},
    }


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def make_hello() -> Callable[..., Object]:
    return hello
