"""What there is to know of a pod's spec and of its containers' statuses: pure."""

from __future__ import annotations

from knlab.embedded.builtin.defaults.pods import all_containers
from knlab.embedded.kube.objects import Object

containers_of = all_containers
"""The init containers and the containers of a pod spec."""


def container_names(spec: Object) -> list[str]:
    """The names of all containers of a pod spec, in the order that Kubernetes lists them."""
    everything = [*containers_of(spec), *(spec.get("ephemeralContainers") or ())]
    return [str(one["name"]) for one in everything]


def status_of(pod: Object, container: str) -> Object:
    """What the status of `pod` says of one container; empty if nothing."""
    status = pod.get("status") or {}
    listed = [
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    ]
    found: Object = next((one for one in listed if one.get("name") == container), {})
    return found
