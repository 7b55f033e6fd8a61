"""Assigning a pod to a node: the `binding` of pods, which schedulers write and never the spec."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.controllers.conditions import with_condition
from knlab.embedded.kube.errors import BadRequest, Conflict
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import GroupResource, Object

_BINDINGS: Final = GroupResource("", "pods/binding")
_PODS: Final = GroupResource("", "pods")


def assigned(pod: Object, bound: Object) -> Object:
    """`pod` with the node and the conditions of `bound`; changes `pod`.

    Raises:
        Conflict: it has a node already, or is being deleted.
    """
    name, there = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if there:
        raise Conflict.of(_BINDINGS, name, f'pod {name} is already assigned to node "{there}"')
    if "deletionTimestamp" in pod["metadata"]:
        why = f"pod {name} is being deleted, cannot be assigned to a host"
        raise Conflict.of(_BINDINGS, name, why)
    pod["spec"]["nodeName"] = bound["spec"]["nodeName"]
    conditions = (bound.get("status") or {}).get("conditions")
    pod.setdefault("status", {})["conditions"] = conditions
    return pod


def bound_pod(pod: Object, node: str, now: float) -> Object:
    """`pod` as a scheduler wants it: on `node`, with the condition that says so."""
    status: Object = pod.get("status") or {}
    found = {
        "type": "PodScheduled", "status": "True", "lastProbeTime": None,
        "observedGeneration": pod["metadata"].get("generation", 1),
    }  # fmt: skip
    others = [item for item in status.get("conditions") or () if item["type"] != "PodScheduled"]
    conditions = with_condition(others, found, timestamp(now))
    return {
        **pod,
        "spec": {**pod["spec"], "nodeName": node},
        "status": {**status, "conditions": conditions},
    }


def check_uid(binding: Object, pod: Object) -> None:
    """Refuse a Binding of another `pod` of the same name.

    Raises:
        Conflict: it says which one it means.
    """
    wanted, uid = binding["metadata"].get("uid"), pod["metadata"]["uid"]
    if wanted and wanted != uid:
        why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
        raise Conflict.of(_PODS, pod["metadata"]["name"], why)


def node_of(binding: Object) -> str:
    """The node that a Binding names.

    Raises:
        BadRequest: it names none, or something else.
    """
    target: Object = binding.get("target") or {}
    if target.get("kind", "") not in {"", "Node"}:
        raise BadRequest(
            f'target.kind: Unsupported value: "{target["kind"]}": supported values: "Node",'
            ' "<empty>"'
        )
    if not target.get("name"):
        raise BadRequest("target.name: Required value")
    return str(target["name"])
