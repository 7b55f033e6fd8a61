"""The pod and container that logs, exec, attach and port-forward are about; Kubernetes' errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from knlab.embedded.builtin.controllers.pod_states import is_over
from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.kube.store import Change, Store
from knlab.embedded.pods.specs import container_names, status_of


def find_pod(store: Store, namespace: str, name: str) -> Object:
    """The Pod.

    Raises:
        NotFound: there is none.
    """
    pod = store.get(PODS, (namespace, name))
    if pod is None:
        raise NotFound.of(PODS, name)
    return pod


def chosen_container(pod: Object, wanted: str) -> str:
    """The container `wanted`, or the only one if that is empty (`validateContainer` upstream).

    Raises:
        BadRequest: no such container, or several to choose from.
    """
    name, spec = pod["metadata"]["name"], pod["spec"]
    names = container_names(spec)
    if wanted:
        if wanted not in names:
            raise BadRequest(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(spec["containers"]) == 1:
        return str(spec["containers"][0]["name"])
    raise BadRequest(
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
    )


def check_host(pod: Object) -> None:
    """Refuse a pod that no kubelet has.

    Raises:
        BadRequest: it is not bound to a node.
    """
    if not pod["spec"].get("nodeName"):
        raise BadRequest(f"pod {pod['metadata']['name']} does not have a host assigned")


def running_instance(pod: Object, container: str) -> str | None:
    """The id of the instance of `container` that runs in `pod`; None if none does."""
    status = status_of(pod, container)
    if "running" in (status.get("state") or {}):
        return str(status.get("containerID", ""))
    return None


@contextmanager
def until_end(store: Store, pod: Object, container: str) -> Iterator[asyncio.Event]:
    """An event that is set when the instance of `container` that runs now ends."""
    instance = running_instance(pod, container)
    with _until(store, pod, lambda now: running_instance(now, container) != instance) as ended:
        yield ended


@contextmanager
def until_over(store: Store, pod: Object) -> Iterator[asyncio.Event]:
    """An event that is set when `pod` has run to its end or is deleted."""
    with _until(store, pod, is_over) as over:
        yield over


@contextmanager
def _until(store: Store, pod: Object, holds: Callable[[Object], bool]) -> Iterator[asyncio.Event]:
    uid = pod["metadata"]["uid"]
    found = asyncio.Event()

    def heard(change: Change) -> None:
        now = change.object
        if now["metadata"]["uid"] == uid and (change.type == "DELETED" or holds(now)):
            found.set()

    with store.listening(heard, PODS):
        current = store.get(PODS, key_of(pod))
        if current is None or current["metadata"]["uid"] != uid or holds(current):
            found.set()
        yield found
