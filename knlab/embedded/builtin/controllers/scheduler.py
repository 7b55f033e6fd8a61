"""The scheduler: gives each pod a node that fits, or says why none does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from knlab.embedded.builtin.bindings import bound_pod
from knlab.embedded.builtin.controllers.conditions import with_condition
from knlab.embedded.builtin.controllers.pod_states import is_over
from knlab.embedded.builtin.controllers.taints import UNSCHEDULABLE, is_repelled
from knlab.embedded.builtin.kinds import NODES, PODS
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Note,
    Outcome,
    View,
    update_part,
    update_status,
)
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Key, Object, condition
from knlab.embedded.kube.quantities import find_quantity

NAME: Final = "default-scheduler"

_LOOK_AGAIN: Final = 1.0
"""Seconds after which a pod that fits nowhere is looked at again: others may have gone."""
_CORDONED: Final = {"spec": {"taints": [{"key": UNSCHEDULABLE, "effect": "NoSchedule"}]}}
_ROOM: Final = ("Insufficient", "Too many")
_HELPLESS: Final = "Preemption is not helpful for scheduling"
_NO_CLAIMS: Final = "no new claims to deallocate"
"""What the scheduler says of resource claims, whether or not there are any."""
_NO_VICTIMS: Final = "No preemption victims found for incoming pod"


def sync_scheduling(view: View, key: Key, now: float) -> Outcome:
    """A node for a pod that has none."""
    pod = view.find(PODS, *key)
    if pod is None or pod["spec"].get("nodeName") or is_over(pod):
        return NOTHING
    if "deletionTimestamp" in pod["metadata"] or pod["spec"].get("schedulerName", NAME) != NAME:
        return NOTHING
    if pod["spec"].get("schedulingGates"):
        return NOTHING
    nodes = view.list(NODES)
    refusals = {node["metadata"]["name"]: _refusals(view, pod, node) for node in nodes}
    fitting = [name for name, reasons in refusals.items() if not reasons]
    if fitting:
        return _bound(pod, fitting[0], now)
    roomy = sum(
        not _shortages(pod, node, [])
        and all(reason.startswith(_ROOM) for reason in refusals[node["metadata"]["name"]])
        for node in nodes
    )
    return _unschedulable(pod, _explanation(refusals.values(), roomy), now)


def requests_of(spec: Mapping[str, Any]) -> dict[str, Decimal]:
    """What a pod asks of a node: its containers together, or its largest init container."""
    total: dict[str, Decimal] = {}
    for container in spec.get("containers") or ():
        for name, amount in _requests(container).items():
            total[name] = total.get(name, Decimal(0)) + amount
    for container in spec.get("initContainers") or ():
        for name, amount in _requests(container).items():
            total[name] = max(total.get(name, Decimal(0)), amount)
    return total


def _requests(container: Mapping[str, Any]) -> dict[str, Decimal]:
    asked: Mapping[str, Any] = (container.get("resources") or {}).get("requests") or {}
    return {name: find_quantity(amount) or Decimal(0) for name, amount in asked.items()}


def _node_of(pod: Object) -> Iterable[str]:
    name = pod["spec"].get("nodeName")
    return (name,) if name else ()


_BY_NODE: Final = Index(PODS, _node_of)


def _refusals(view: View, pod: Object, node: Object) -> list[str]:
    """Why `pod` does not fit on `node`; the first filter that refuses speaks, as in Kubernetes."""
    if node["spec"].get("unschedulable") and is_repelled(pod, _CORDONED, ("NoSchedule",)):
        return ["node(s) were unschedulable"]
    if is_repelled(pod, node, ("NoSchedule", "NoExecute")):
        return ["node(s) had untolerated taint(s)"]
    selector: Mapping[str, str] = pod["spec"].get("nodeSelector") or {}
    labels: Mapping[str, str] = node["metadata"].get("labels") or {}
    if not labels.items() >= selector.items():
        return ["node(s) didn't match Pod's node affinity/selector"]
    return _shortages(pod, node, view.having(_BY_NODE, node["metadata"]["name"]))


def _shortages(pod: Object, node: Object, present: Iterable[Object]) -> list[str]:
    room: Mapping[str, Any] = (node.get("status") or {}).get("allocatable") or {}
    living = [item for item in present if not is_over(item)]
    found = []
    if len(living) + 1 > int(room.get("pods", 110)):
        found.append("Too many pods")
    used: dict[str, Decimal] = {}
    for item in living:
        for name, amount in requests_of(item["spec"]).items():
            used[name] = used.get(name, Decimal(0)) + amount
    for name, amount in requests_of(pod["spec"]).items():
        limit = find_quantity(room.get(name, "0")) or Decimal(0)
        if amount and used.get(name, Decimal(0)) + amount > limit:
            found.append(f"Insufficient {name}")
    return found


def _bound(pod: Object, node: str, now: float) -> Outcome:
    address = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    return Outcome(
        (update_part(PODS, bound_pod(pod, node, now), "binding"),),
        (Note(pod, "Normal", "Scheduled", f"Successfully assigned {address} to {node}"),),
    )


def _unschedulable(pod: Object, message: str, now: float) -> Outcome:
    old = condition(pod, "PodScheduled") or {}
    if old.get("message") == message:
        return Outcome(again_after=_LOOK_AGAIN)
    unmet = {"status": "False", "reason": "Unschedulable", "message": message}
    status = {**(pod.get("status") or {}), "conditions": _conditions(pod, unmet, now)}
    return Outcome(
        (update_status(PODS, {**pod, "status": status}),),
        (Note(pod, "Warning", "FailedScheduling", message),),
        _LOOK_AGAIN,
    )


def _explanation(refusals: Collection[list[str]], roomy: int) -> str:
    """What to tell; on `roomy` of the nodes there would be room if other pods went."""
    if not refusals:
        return "no nodes available to schedule pods"
    total = len(refusals)
    reasons = Counter(reason for listed in refusals for reason in listed)
    words = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    tries = [f"{total - roomy} {_HELPLESS}"] if total > roomy else []
    tries += [f"{roomy} {_NO_VICTIMS}"] if roomy else []
    return (
        f"0/{total} nodes are available: {words}. {_NO_CLAIMS}, preemption: 0/{total} nodes are"
        f" available: {', '.join(tries)}."
    )


def _conditions(pod: Object, scheduled: Mapping[str, str], now: float) -> list[Object]:
    generation = pod["metadata"].get("generation", 1)
    new = {
        "type": "PodScheduled", "lastProbeTime": None, "observedGeneration": generation, **scheduled
    }  # fmt: skip
    return with_condition((pod.get("status") or {}).get("conditions") or (), new, timestamp(now))


SCHEDULER: Final = Controller(
    name=NAME, manager="kube-scheduler", parent=PODS, sync=sync_scheduling, resync_on=(NODES,)
)
"""Assigns pods to nodes."""
