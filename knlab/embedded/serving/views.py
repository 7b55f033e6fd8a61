"""What the rules ask of Knative's objects: readiness, ports, protocol, routing state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from knlab.embedded.kube.objects import Object, condition, controller_of
from knlab.embedded.serving import keys

DEFAULT_USER_PORT: Final = 8080
H2C: Final = "h2c"
HTTP1: Final = "http1"


def is_observed(obj: Object) -> bool:
    """Whether the status of `obj` speaks of its newest generation."""
    seen = (obj.get("status") or {}).get("observedGeneration", 0)
    return bool(seen == obj["metadata"].get("generation", 0))


def ready_status(obj: Object) -> str:
    """Status of Ready: "True", "False" or "Unknown" (also if it is missing)."""
    found = condition(obj, "Ready")
    return found["status"] if found else "Unknown"


def is_ready(obj: Object) -> bool:
    """Whether `obj` is Ready at its newest generation."""
    return is_observed(obj) and ready_status(obj) == "True"


def is_failed(obj: Object) -> bool:
    """Whether `obj` has failed at its newest generation."""
    return is_observed(obj) and ready_status(obj) == "False"


def is_controlled_by(obj: Object, owner: Object) -> bool:
    """Whether `owner` is the controlling owner of `obj`."""
    reference = controller_of(obj)
    return reference is not None and reference["uid"] == owner["metadata"].get("uid")


def serving_container(spec: Object) -> Object:
    """The container of a revision spec that takes the requests: the one with ports, or the only."""
    containers: list[Object] = spec.get("containers") or [{}]
    if len(containers) == 1:
        return containers[0]
    return next((item for item in containers if item.get("ports")), containers[0])


def user_port(spec: Object) -> int:
    """The port on which the program of a revision spec must listen."""
    ports = serving_container(spec).get("ports") or [{}]
    return int(ports[0].get("containerPort") or DEFAULT_USER_PORT)


def protocol(spec: Object) -> str:
    """`h2c` if the port of a revision spec is named so, else `http1`."""
    ports = serving_container(spec).get("ports") or [{}]
    return H2C if ports[0].get("name") == H2C else HTTP1


def routing_state(revision: Object) -> str:
    """`active`, `reserve`, `pending`, or empty if the label is missing."""
    return keys.labels_of(revision).get(keys.ROUTING_STATE, "")


def configuration_of(revision: Object) -> str:
    """The name of the Configuration that owns `revision`; empty without one."""
    owner = controller_of(revision)
    return owner["name"] if owner is not None and owner["kind"] == "Configuration" else ""


def comma_set(text: str) -> set[str]:
    """The words of a comma-separated annotation."""
    return set(text.split(",")) if text else set()


def ready_addresses(endpoints: Object | None) -> list[str]:
    """IP addresses of all ready endpoints, in order."""
    subsets: Iterable[Any] = (endpoints or {}).get("subsets") or ()
    return [item["ip"] for subset in subsets for item in subset.get("addresses") or ()]
