"""Endpoints of the Services that select pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knlab.embedded.builtin.controllers.backends import (
    Backend,
    backends_of,
    described,
    grouped,
    selecting_controller,
    selects,
)
from knlab.embedded.builtin.kinds import ENDPOINTS
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    create,
    delete,
    update,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Key, Object, key_of

MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
CHANGED: Final = "endpoints.kubernetes.io/last-change-trigger-time"
HEADLESS: Final = "service.kubernetes.io/headless"

_SELF: Final = "endpoint-controller"


def endpoints_controller() -> Controller:
    """Keeps Endpoints for Services with a selector."""
    return selecting_controller(
        _SELF, sync_endpoints, watches={ENDPOINTS: lambda endpoints: [key_of(endpoints)]}
    )


def sync_endpoints(view: View, key: Key, service: Object | None, now: float) -> Outcome:
    """The Endpoints that `service` (None: it is gone) should have."""
    present = view.find(ENDPOINTS, *key)
    if service is None:
        return Outcome((delete(ENDPOINTS, present),)) if present and _is_ours(present) else NOTHING
    if not selects(service):
        return NOTHING
    subsets = [
        _subset(service, described(ports), backends)
        for ports, backends in grouped(_listed(view, service)).items()
    ]
    labels = _labels(service)
    if present is None:
        metadata = {"name": key[1], "namespace": key[0], "labels": labels}
        made: Object = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
        return Outcome((create(ENDPOINTS, _filled(made, subsets, now)),))
    if (present.get("subsets") or []) == subsets and _labels_of(present) == labels:
        return NOTHING
    present["metadata"]["labels"] = labels
    return Outcome((update(ENDPOINTS, _filled(present, subsets, now)),))


def _listed(view: View, service: Object) -> list[Backend]:
    """Terminating pods leave at once, unless the Service wants pods whatever their state."""
    patient = service["spec"].get("publishNotReadyAddresses")
    found = [item for item in backends_of(view, service) if patient or not item.terminating]
    headless = service["spec"].get("clusterIP") == "None"
    return [item for item in found if item.ports or (headless and not service["spec"].get("ports"))]


def _subset(service: Object, ports: list[Object], backends: list[Backend]) -> Object:
    subset: Object = {}
    for field, ready in (("addresses", True), ("notReadyAddresses", False)):
        listed = [_address(service, item) for item in backends if item.ready is ready]
        if listed:
            subset[field] = listed
    named = [{key: value for key, value in port.items() if value != ""} for port in ports]
    return subset | ({"ports": named} if ports else {})


def _address(service: Object, backend: Backend) -> Object:
    address = {"ip": backend.address, "targetRef": backend.reference()}
    spec = backend.pod["spec"]
    if node := spec.get("nodeName"):
        address["nodeName"] = node
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        address["hostname"] = spec["hostname"]
    return address


def _filled(endpoints: Object, subsets: list[Object], now: float) -> Object:
    metadata = endpoints["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), CHANGED: timestamp(now)}
    filled = endpoints | {"subsets": subsets}
    return filled if subsets else {k: v for k, v in filled.items() if k != "subsets"}


def _labels(service: Object) -> dict[str, str]:
    labels = {**(service["metadata"].get("labels") or {}), MANAGED_BY: _SELF}
    return labels | ({HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {})


def _labels_of(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def _is_ours(endpoints: Object) -> bool:
    return _labels_of(endpoints).get(MANAGED_BY) == _SELF
