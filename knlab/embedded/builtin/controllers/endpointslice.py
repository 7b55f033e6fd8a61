"""EndpointSlices: of Services that select pods, and copies of Endpoints that others keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knlab.embedded.builtin.controllers.backends import (
    Backend,
    backends_of,
    described,
    grouped,
    selecting_controller,
    selects,
)
from knlab.embedded.builtin.controllers.endpoints import CHANGED, HEADLESS, MANAGED_BY
from knlab.embedded.builtin.hashes import suffix
from knlab.embedded.builtin.kinds import ENDPOINT_SLICES, ENDPOINTS, SERVICES
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    Write,
    create,
    delete,
    update,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Key, Object, copy_json, key_of, owner_reference

SERVICE_NAME: Final = "kubernetes.io/service-name"
SLICE_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
SKIP_MIRROR: Final = "endpointslice.kubernetes.io/skip-mirror"

_SELF: Final = "endpointslice-controller.k8s.io"
_MIRROR: Final = "endpointslicemirroring-controller.k8s.io"
_LARGEST: Final = 100
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def slices_controller() -> Controller:
    """Keeps EndpointSlices for Services with a selector."""
    return selecting_controller("endpoint-slice-controller", sync_slices, owns=(ENDPOINT_SLICES,))


def sync_slices(view: View, key: Key, service: Object | None, now: float) -> Outcome:
    """The EndpointSlices that `service` (None: it is gone) should have."""
    present = _slices(view, key, _SELF)
    if service is None or not selects(service):
        return Outcome(tuple(delete(ENDPOINT_SLICES, item) for item in present))
    if service["metadata"].get("deletionTimestamp"):
        return NOTHING
    labels = {
        **(service["metadata"].get("labels") or {}), SLICE_MANAGED_BY: _SELF, SERVICE_NAME: key[1],
    }  # fmt: skip
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS] = ""
    contents = [
        _content([_endpoint(item) for item in part], described(ports))
        for ports, backends in grouped(backends_of(view, service)).items()
        for part in _parts(backends)
    ]
    return _reconciled(service, labels, {}, contents or [_content([], [])], present, now)


def sync_mirrored(view: View, key: Key, now: float) -> Outcome:
    """Copies, as EndpointSlices, of Endpoints of a Service without a selector."""
    endpoints = view.find(ENDPOINTS, *key)
    present = _slices(view, key, _MIRROR)
    if endpoints is None or not _is_mirrored(view, key, endpoints):
        return Outcome(tuple(delete(ENDPOINT_SLICES, item) for item in present))
    labels = {
        **(endpoints["metadata"].get("labels") or {}),
        SLICE_MANAGED_BY: _MIRROR,
        SERVICE_NAME: key[1],
    }
    annotations = {
        name: text
        for name, text in (endpoints["metadata"].get("annotations") or {}).items()
        if name != _APPLIED
    }
    contents = [
        _content(_copied_endpoints(subset), _copied_ports(subset))
        for subset in endpoints.get("subsets") or ()
    ]
    return _reconciled(endpoints, labels, annotations, contents, present, now)


def _slices(view: View, key: Key, manager: str) -> list[Object]:
    wanted = {SERVICE_NAME: key[1], SLICE_MANAGED_BY: manager}
    return view.list(ENDPOINT_SLICES, key[0], wanted)


def _is_mirrored(view: View, key: Key, endpoints: Object) -> bool:
    labels = endpoints["metadata"].get("labels") or {}
    if labels.get(SKIP_MIRROR) == "true" or MANAGED_BY in labels:
        return False
    service = view.find(SERVICES, *key)
    return service is not None and not selects(service)


def _parts(backends: list[Backend]) -> Iterable[list[Backend]]:
    return (backends[start : start + _LARGEST] for start in range(0, len(backends), _LARGEST))


def _content(endpoints: list[Object], ports: list[Object]) -> Object:
    return {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}


def _endpoint(backend: Backend) -> Object:
    conditions = {
        "ready": backend.ready, "serving": backend.serving, "terminating": backend.terminating,
    }  # fmt: skip
    endpoint: Object = {
        "addresses": [backend.address],
        "conditions": conditions,
        "targetRef": backend.reference(),
    }
    if node := backend.pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node
    return endpoint


def _copied_endpoints(subset: Object) -> list[Object]:
    found = []
    for field, ready in (("addresses", True), ("notReadyAddresses", False)):
        for address in subset.get(field) or ():
            endpoint = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
            kept = ("hostname", "nodeName", "targetRef")
            found.append(endpoint | {name: address[name] for name in kept if name in address})
    return found


def _copied_ports(subset: Object) -> list[Object]:
    return [{"name": "", "protocol": "TCP", **port} for port in subset.get("ports") or ()]


def _reconciled(
    owner: Object,
    labels: dict[str, str],
    annotations: dict[str, str],
    contents: list[Object],
    present: list[Object],
    now: float,
) -> Outcome:
    """Reuse the slices that are there, in order; create and delete the difference."""
    writes: list[Write] = []
    for place, content in enumerate(contents):
        if place >= len(present):
            slice_ = _new_slice(owner, labels, annotations, now, place)
            writes.append(create(ENDPOINT_SLICES, slice_ | content))
            continue
        old = present[place]
        new = copy_json(old) | content
        new["metadata"]["labels"] = labels
        kept = new["metadata"].get("annotations") or {}
        if annotations:
            kept = annotations
        if new != old or kept != (old["metadata"].get("annotations") or {}):
            stamp = {} if annotations else {CHANGED: timestamp(now)}
            new["metadata"]["annotations"] = {**kept, **stamp}
            writes.append(update(ENDPOINT_SLICES, new))
    writes += [delete(ENDPOINT_SLICES, extra) for extra in present[len(contents) :]]
    return Outcome(tuple(writes))


def _new_slice(
    owner: Object, labels: dict[str, str], annotations: dict[str, str], now: float, place: int
) -> Object:
    prefix = f"{owner['metadata']['name']}-"
    metadata: Object = {
        "generateName": prefix,
        "name": prefix + suffix(owner["metadata"]["uid"], now, place),
        "namespace": owner["metadata"]["namespace"],
        "labels": labels,
        "ownerReferences": [owner_reference(owner)],
    }
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}


MIRRORING: Final = Controller(
    name="endpoint-slice-mirroring-controller",
    parent=ENDPOINTS,
    sync=sync_mirrored,
    owns=(ENDPOINT_SLICES,),
    watches={SERVICES: lambda service: [key_of(service)]},
)
"""Copies Endpoints that no selector made into EndpointSlices."""
