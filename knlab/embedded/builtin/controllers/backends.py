"""Which pods stand behind a Service, and on which of their ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from knlab.embedded.builtin.controllers.pod_states import is_over, is_ready, is_terminating
from knlab.embedded.builtin.kinds import PODS, SERVICES
from knlab.embedded.kube.controller import Controller, KeysOf, Outcome, View
from knlab.embedded.kube.objects import GroupResource, Key, Object

SyncService: TypeAlias = Callable[[View, Key, Object | None, float], Outcome]
"""(cluster, key of the Service, the Service or None if it is gone, now) → what to write."""
Ports: TypeAlias = tuple[tuple[str, int, str, str], ...]
"""(name of the Service's port, number in the pod, protocol, appProtocol) each."""
Term: TypeAlias = tuple[str, str, str]
"""Namespace, and the name and value of a label."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One pod behind a Service."""

    pod: Object
    ports: Ports
    ready: bool
    serving: bool
    terminating: bool

    @property
    def address(self) -> str:
        """The pod's IP."""
        return str(self.pod["status"]["podIP"])

    def reference(self) -> Object:
        """The `targetRef` of an endpoint."""
        metadata = self.pod["metadata"]
        return {
            "kind": "Pod",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        }


class SelectorIndex:
    """Which Services select a pod, as far as syncs have seen Services.

    A Service that no sync has seen yet is about to be looked at anyway.
    """

    def __init__(self) -> None:
        self._selectors: dict[Term, dict[Key, Mapping[str, str]]] = {}
        """Each by one of its terms: a pod that does not fulfil this one need not be compared."""
        self._terms: dict[Key, Term] = {}

    def learn(self, key: Key, service: Object | None) -> None:
        """Remember what the Service at `key` selects now; None if it is gone."""
        self._forget(key)
        if service is not None and selects(service):
            selector: Mapping[str, str] = service["spec"]["selector"]
            terms = ((key[0], *term) for term in selector.items())
            rarest = min(terms, key=lambda term: len(self._selectors.get(term, ())))
            self._terms[key] = rarest
            self._selectors.setdefault(rarest, {})[key] = selector

    def _forget(self, key: Key) -> None:
        term = self._terms.pop(key, None)
        if term is not None:
            del self._selectors[term][key]
            if not self._selectors[term]:
                del self._selectors[term]

    def keys_selecting(self, pod: Object) -> list[Key]:
        """The keys of the Services that select `pod`."""
        labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
        namespace = pod["metadata"]["namespace"]
        return [
            key
            for term in labels.items()
            for key, selector in self._selectors.get((namespace, *term), {}).items()
            if labels.items() >= selector.items()
        ]


def selecting_controller(
    name: str,
    sync_service: SyncService,
    *,
    owns: tuple[GroupResource, ...] = (),
    watches: Mapping[GroupResource, KeysOf] | None = None,
) -> Controller:
    """A control loop over Services that also looks when a pod changes that a Service selects."""
    index = SelectorIndex()

    def sync(view: View, key: Key, now: float) -> Outcome:
        service = view.find(SERVICES, *key)
        index.learn(key, service)
        return sync_service(view, key, service, now)

    selected: Mapping[GroupResource, KeysOf] = {PODS: index.keys_selecting}
    return Controller(
        name=name, parent=SERVICES, sync=sync, owns=owns, watches={**selected, **(watches or {})}
    )


def backends_of(view: View, service: Object) -> list[Backend]:
    """The pods that `service` selects and that have an address, by address and name."""
    pods = view.list(PODS, service["metadata"]["namespace"], service["spec"]["selector"])
    patient = bool(service["spec"].get("publishNotReadyAddresses"))
    found = [
        Backend(
            pod=pod,
            ports=_ports(service, pod),
            ready=patient or (is_ready(pod) and not is_terminating(pod)),
            serving=is_ready(pod),
            terminating=is_terminating(pod),
        )
        for pod in pods
        if (pod.get("status") or {}).get("podIP") and not is_over(pod)
    ]
    return sorted(found, key=lambda item: (item.address, item.pod["metadata"]["name"]))


def selects(service: Object) -> bool:
    """Whether `service` chooses its pods by labels."""
    return bool(service["spec"].get("selector")) and service["spec"]["type"] != "ExternalName"


def _ports(service: Object, pod: Object) -> Ports:
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(port["targetPort"], port.get("protocol", "TCP"), pod)
        if number:
            name, protocol = port.get("name", ""), port.get("protocol", "TCP")
            found.append((name, number, protocol, port.get("appProtocol", "")))
    return tuple(found)


def _number(target: Any, protocol: str, pod: Object) -> int | None:
    """The number of port `target` in `pod`; None if no container has a port of that name."""
    if isinstance(target, int) or str(target).isdigit():
        return int(target)
    return next(
        (
            int(port["containerPort"])
            for container in pod["spec"]["containers"]
            for port in container.get("ports") or ()
            if port.get("name") == target and port.get("protocol", "TCP") == protocol
        ),
        None,
    )


def described(ports: Ports) -> list[Object]:
    """`ports` as Endpoints and EndpointSlices list them."""
    return [
        {"name": name, "port": number, "protocol": protocol}
        | ({"appProtocol": application} if application else {})
        for name, number, protocol, application in ports
    ]


def grouped(backends: Iterable[Backend]) -> dict[Ports, list[Backend]]:
    """`backends` by the ports they have: pods may give different numbers to one name."""
    groups: dict[Ports, list[Backend]] = {}
    for backend in backends:
        groups.setdefault(backend.ports, []).append(backend)
    return groups
