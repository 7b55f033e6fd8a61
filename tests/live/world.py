"""Ways to look at a cluster without knowing which kind it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError
from kubernetes.watch import Watch

from knlab._clock import SystemClock
from knlab._exceptions import KnlabError
from knlab.cluster.cluster import Cluster
from knlab.cluster.kubernetes import POD_AUTOSCALER, REVISION, Kind
from knlab.cluster.service import Service
from knlab.cluster.waiting import wait_until

Object = dict[str, Any]
Measure = Callable[[str, float | None], None]
"""Notes a number under a name."""
Condition = tuple[str, str, str]
"""Status, reason, message."""

SERVERLESS_SERVICE = Kind("networking.internal.knative.dev/v1alpha1", "ServerlessService")
CLOCK = SystemClock()


def conditions(obj: Object) -> dict[str, Condition]:
    """The conditions of `obj` by type."""
    found = obj.get("status", {}).get("conditions") or ()
    return {
        each["type"]: (each["status"], each.get("reason", ""), each.get("message", ""))
        for each in found
    }


def manifest(name: str, /, *, image: str, **parts: Any) -> Object:
    """A Service with `parts`: `container`, `template` (its spec), `annotations`, `spec`."""
    container = {"image": image} | parts.get("container", {})
    template: Object = {"spec": {"containers": [container]} | parts.get("template", {})}
    if "annotations" in parts:
        template["metadata"] = {"annotations": parts["annotations"]}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": template} | parts.get("spec", {}),
    }


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API server said: the HTTP status, and its message or the object."""

    status: int
    body: Object

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and message."""
        return self.status, str(self.body.get("message", ""))


class Wire:
    """The API as kubectl uses it: strict about unknown fields."""

    def __init__(self, client: DynamicClient) -> None:
        self._client = client

    def __call__(
        self, method: str, name: str = "", body: Object | None = None, **query: str
    ) -> Reply:
        path = "/apis/serving.knative.dev/v1/namespaces/default/services"
        try:
            answer = self._client.request(
                method,
                f"{path}/{name}" if name else path,
                body=body,
                query_params=list({"fieldValidation": "Strict", **query}.items()),
                header_params={"Accept": "application/json"},
                content_type="application/json",
                serialize=False,
            )
        except DynamicApiError as refused:
            return Reply(refused.status, json.loads(refused.body))
        return Reply(answer.status, json.loads(answer.data))

    @contextmanager
    def following(self, name: str) -> Iterator[list[tuple[str, str]]]:
        """Every status and reason of Ready of the Service `name`, until it is True again."""
        kind = self._client.resources.get(api_version="serving.knative.dev/v1", kind="Service")
        since = kind.get(namespace="default").metadata.resourceVersion
        seen: list[tuple[str, str]] = []
        watcher = Watch()

        def follow() -> None:
            events = self._client.watch(
                kind, namespace="default", name=name, resource_version=since, watcher=watcher
            )
            for event in events:
                found = conditions(event["raw_object"]).get("Ready")
                if found is not None and (not seen or seen[-1] != found[:2]):
                    seen.append(found[:2])
                if found is not None and found[0] == "True" and len(seen) > 1:
                    return

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        yield seen
        thread.join(timeout=5)
        watcher.stop()


class World:
    """One cluster, seen through what the scenarios ask of it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def one(self, kind: Kind, name: str) -> Object:
        """The object called `name`."""
        return self.cluster.api.get(kind, name, "default")

    def of(self, service: Service, kind: Kind) -> list[Object]:
        """Everything of `kind` that carries the label of `service`."""
        return self.cluster.api.items(kind, "default", labels=service.selector)

    def mode(self, revision: str) -> str:
        """`Proxy` while the activator is in the path of `revision`, else `Serve`."""
        return str(self.one(SERVERLESS_SERVICE, revision)["spec"]["mode"])

    def scale(self, service: Service) -> dict[str, Any]:
        """What the autoscaler wants and what there is, for the first revision of `service`."""
        revision = f"{service.name}-00001"
        wanted = self.one(POD_AUTOSCALER, revision)
        pods = service.pods()
        stays = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        ready = [pod for pod in pods if conditions(pod).get("Ready", ("",))[0] == "True"]
        return {
            "desired": wanted.get("status", {}).get("desiredScale", -1),
            "active": conditions(wanted).get("Active", ("", "", ""))[0],
            "mode": self.mode(revision),
            "pods": len(stays),
            "terminating": len(pods) - len(stays),
            "ready": len(ready),
        }

    def wait_for(self, what: str, look: Callable[[], bool], *, timeout: float = 60) -> None:
        """Return once `look` says yes."""
        wait_until(what, lambda: True if look() else None, timeout=timeout)


@dataclass(slots=True)
class Diary:
    """What `look` sees, each change with its time, while a `with` block runs."""

    look: Callable[[], Mapping[str, Any]]
    entries: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            try:
                seen = dict(self.look())
            except KnlabError:
                continue
            if not self.entries or self.entries[-1][1] != seen:
                self.entries.append((CLOCK.monotonic(), seen))

    def first(self, *, since: float = 0.0, **wanted: Any) -> float | None:
        """When all of `wanted` first held at or after `since`, on the monotonic clock."""
        for begin, seen in self.entries:
            if begin >= since and all(seen[key] == value for key, value in wanted.items()):
                return begin
        return None

    def wait_for(self, *, since: float, timeout: float = 60, **wanted: Any) -> float:
        """As `first`, and waits for it."""
        return wait_until(
            f"{wanted}",
            lambda: self.first(since=since, **wanted),
            timeout=timeout,
            last_seen=lambda: str(self.entries[-1][1]) if self.entries else "nothing",
        )

    def highest(self, name: str) -> int:
        """The largest value of `name`."""
        return max(int(seen[name]) for _, seen in self.entries)


def revision_conditions(world: World, service: Service) -> dict[str, Condition]:
    """The conditions of the first revision of `service`."""
    return conditions(world.one(REVISION, f"{service.name}-00001"))
