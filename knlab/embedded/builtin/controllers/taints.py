"""Taints of nodes: who may not come, who must go, and the taint of a cordoned node."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from knlab.embedded.builtin.controllers.pod_states import is_terminating
from knlab.embedded.builtin.kinds import NODES, PODS
from knlab.embedded.kube.ages import parse_time
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Note,
    Outcome,
    View,
    Write,
    delete,
    update,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Key, Object

UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_LOOK_AGAIN: Final = 1.0
"""Seconds after which a node that lets pods stay only for a while is looked at again."""


def is_repelled(pod: Object, node: Object, effects: Collection[str]) -> bool:
    """Whether a taint of `node` with one of `effects` is not tolerated by `pod`."""
    return any(not _tolerating(pod, taint) for taint in _taints(node, effects))


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether `toleration` covers `taint`."""
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("value", "") == taint.get("value", ""))


def seconds_left(pod: Object, node: Object, now: float) -> float | None:
    """Seconds that the pod may stay on `node`; None: for ever.

    A taint counts from the time in it, or from when the pod began to tolerate it.
    """
    ends = []
    for taint in _taints(node, ("NoExecute",)):
        tolerations = _tolerating(pod, taint)
        limits = [item.get("tolerationSeconds") for item in tolerations]
        spans = [limit for limit in limits if limit is not None]
        if not tolerations:
            return 0.0
        if spans:
            since = parse_time(taint.get("timeAdded") or "") or now
            ends.append(since + min(spans) - now)
    return max(0.0, min(ends)) if ends else None


def _taints(node: Object, effects: Collection[str]) -> Iterable[Object]:
    return (item for item in node["spec"].get("taints") or () if item.get("effect") in effects)


def _tolerating(pod: Object, taint: Object) -> list[Object]:
    listed: Iterable[Object] = pod["spec"].get("tolerations") or ()
    return [item for item in listed if tolerates(item, taint)]


def sync_taints(view: View, key: Key, now: float) -> Outcome:
    """The taint that follows from spec.unschedulable; times in taints that make pods go."""
    node = view.find(NODES, *key)
    if node is None:
        return NOTHING
    moment = timestamp(now)
    before: list[Object] = node["spec"].get("taints") or []
    cordoned = bool(node["spec"].get("unschedulable"))
    taints = [
        {**taint, "timeAdded": moment}
        if taint.get("effect") == "NoExecute" and not taint.get("timeAdded")
        else taint
        for taint in before
        if cordoned or taint["key"] != UNSCHEDULABLE
    ]
    if cordoned and all(taint["key"] != UNSCHEDULABLE for taint in taints):
        taints.append({"key": UNSCHEDULABLE, "effect": "NoSchedule", "timeAdded": moment})
    if taints == before:
        return NOTHING
    spec = {name: value for name, value in node["spec"].items() if name != "taints"}
    return Outcome((update(NODES, node | {"spec": spec | ({"taints": taints} if taints else {})}),))


def sync_evictions(view: View, key: Key, now: float) -> Outcome:
    """The pods that a NoExecute taint of their node makes go."""
    node = view.find(NODES, *key)
    if node is None or not any(_taints(node, ("NoExecute",))):
        return NOTHING
    writes: list[Write] = []
    notes: list[Note] = []
    for pod in view.list(PODS):
        if pod["spec"].get("nodeName") != key[1] or is_terminating(pod):
            continue
        if seconds_left(pod, node, now) == 0.0:
            address = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            message = f"Marking for deletion Pod {address}"
            notes.append(Note(pod, "Normal", "TaintManagerEviction", message))
            writes.append(delete(PODS, pod))
    return Outcome(tuple(writes), tuple(notes), _LOOK_AGAIN)


NODE_TAINTS: Final = Controller(name="node-controller", parent=NODES, sync=sync_taints)
"""Keeps the taints of nodes."""

TAINT_EVICTION: Final = Controller(
    name="taint-eviction-controller", parent=NODES, sync=sync_evictions
)
"""Deletes pods that do not tolerate their node."""
