"""ReplicaSets: as many pods as wanted, made from one template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from knlab.embedded.builtin.controllers.conditions import (
    status_write,
    with_condition,
    without_condition,
)
from knlab.embedded.builtin.controllers.pod_states import (
    available_in,
    is_active,
    is_ready,
    phase,
    ready_since,
)
from knlab.embedded.builtin.hashes import suffix
from knlab.embedded.builtin.kinds import PODS, REPLICA_SETS
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Note,
    Outcome,
    View,
    create,
    delete,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import (
    Key,
    Object,
    condition,
    controller_of,
    copy_json,
    owner_reference,
)
from knlab.embedded.kube.selectors import select_labels

_BURST: Final = 500
_LONGEST_PREFIX: Final = 58
_PHASES: Final = {"Pending": 0, "Unknown": 1, "Running": 2}


def sync_replica_set(view: View, key: Key, now: float) -> Outcome:
    """The pods that a ReplicaSet lacks or has too many of, and its status."""
    replica_set = view.find(REPLICA_SETS, *key)
    if replica_set is None:
        return NOTHING
    pods = _owned_pods(view, replica_set)
    active = [pod for pod in pods if is_active(pod)]
    status, again = _status(replica_set, active, now)
    if replica_set["metadata"].get("deletionTimestamp"):
        return Outcome(status_write(REPLICA_SETS, replica_set, status))
    missing = replica_set["spec"].get("replicas", 1) - len(active)
    if missing > 0:
        return _grown(replica_set, pods, status, again, now)
    doomed = sorted(active, key=_worth)[: min(-missing, _BURST)]
    _mark_failure(status, "", now)
    writes = [delete(PODS, pod) for pod in doomed]
    notes = [_note(replica_set, "SuccessfulDelete", "Deleted", pod) for pod in doomed]
    return Outcome((*writes, *status_write(REPLICA_SETS, replica_set, status)), tuple(notes), again)


def _grown(
    replica_set: Object, pods: Sequence[Object], status: Object, again: float | None, now: float
) -> Outcome:
    """New pods; if the API refuses one, none after it and a status that says so."""
    missing = replica_set["spec"].get("replicas", 1) - sum(map(is_active, pods))
    made = _new_pods(replica_set, {pod["metadata"]["name"] for pod in pods}, missing, now)
    notes = [_note(replica_set, "SuccessfulCreate", "Created", pod) for pod in made]

    def refused(done: int, words: str) -> Outcome:
        failed = copy_json(status)
        _mark_failure(failed, words, now)
        failure = Note(replica_set, "Warning", "FailedCreate", f"Error creating: {words}")
        written = status_write(REPLICA_SETS, replica_set, failed)
        return Outcome(written, (*notes[:done], failure), failed=words)

    writes = [
        replace(create(PODS, pod), refused=partial(refused, done)) for done, pod in enumerate(made)
    ]
    calm = copy_json(status)
    _mark_failure(calm, "", now)
    return Outcome((*writes, *status_write(REPLICA_SETS, replica_set, calm)), tuple(notes), again)


def pod_from(replica_set: Object, name: str) -> Object:
    """The pod `name` as the template of `replica_set` describes it."""
    template = copy_json(replica_set["spec"]["template"])
    metadata = {
        key: value
        for key, value in (template.get("metadata") or {}).items()
        if key in {"labels", "annotations", "finalizers"}
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata
        | {
            "generateName": f"{replica_set['metadata']['name']}-",
            "name": name,
            "namespace": replica_set["metadata"]["namespace"],
            "ownerReferences": [owner_reference(replica_set)],
        },
        "spec": template["spec"],
    }


def _owned_pods(view: View, replica_set: Object) -> list[Object]:
    uid = replica_set["metadata"]["uid"]
    selector: Mapping[str, Any] = replica_set["spec"]["selector"]
    others = select_labels(selector)
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    return [
        pod
        for pod in view.list(PODS, replica_set["metadata"]["namespace"], labels)
        if (controller_of(pod) or {}).get("uid") == uid and others.matches_object(pod)
    ]


def _new_pods(replica_set: Object, taken: set[str], missing: int, now: float) -> list[Object]:
    prefix = f"{replica_set['metadata']['name']}-"[:_LONGEST_PREFIX]
    made: list[Object] = []
    attempt = 0
    while len(made) < min(missing, _BURST):
        ending = suffix(replica_set["metadata"]["uid"], now, attempt)
        attempt += 1
        if prefix + ending not in taken:
            taken.add(prefix + ending)
            made.append(pod_from(replica_set, prefix + ending))
    return made


def _worth(pod: Object) -> tuple[bool, int, bool, float, int, float]:
    """What a pod is worth when some must go: the lowest first, as Kubernetes ranks them."""
    status = pod.get("status") or {}
    restarts = sum(item.get("restartCount", 0) for item in status.get("containerStatuses") or ())
    return (
        bool(pod["spec"].get("nodeName")),
        _PHASES.get(phase(pod), 1),
        is_ready(pod),
        -ready_since(pod) if is_ready(pod) else 0.0,
        -restarts,
        -_age_rank(pod),
    )


def _age_rank(pod: Object) -> float:
    digits = "".join(c for c in pod["metadata"].get("creationTimestamp", "") if c.isdigit())
    return float(digits or 0)


def _status(
    replica_set: Object, active: Sequence[Object], now: float
) -> tuple[Object, float | None]:
    """The status, and when a ready pod becomes available if that takes a while."""
    least = float(replica_set["spec"].get("minReadySeconds", 0))
    waits = [available_in(pod, least, now) for pod in active]
    wanted = replica_set["spec"]["template"].get("metadata", {}).get("labels") or {}
    counts = {
        "availableReplicas": sum(wait == 0 for wait in waits),
        "fullyLabeledReplicas": sum(
            (pod["metadata"].get("labels") or {}).items() >= wanted.items() for pod in active
        ),
        "observedGeneration": replica_set["metadata"].get("generation", 0),
        "readyReplicas": sum(map(is_ready, active)),
        "replicas": len(active),
    }
    status: Object = {k: v for k, v in counts.items() if v or k == "replicas"}
    if conditions := (replica_set.get("status") or {}).get("conditions"):
        status["conditions"] = conditions
    return status, min((wait for wait in waits if wait), default=None)


def _mark_failure(status: Object, problem: str, now: float) -> None:
    """Say in `status` why no pod could be created, if so; what it said first stays."""
    conditions: list[Object] = status.pop("conditions", [])
    if not problem:
        conditions = without_condition(conditions, "ReplicaFailure")
    elif not condition({"status": {"conditions": conditions}}, "ReplicaFailure"):
        failure = {
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
            "message": problem,
        }  # fmt: skip
        conditions = with_condition(conditions, failure, timestamp(now))
    if conditions:
        status["conditions"] = conditions


def _note(replica_set: Object, reason: str, done: str, pod: Object) -> Note:
    return Note(replica_set, "Normal", reason, f"{done} pod: {pod['metadata']['name']}")


REPLICA_SET: Final = Controller(
    name="replicaset-controller", parent=REPLICA_SETS, sync=sync_replica_set, owns=(PODS,)
)
"""Keeps pods for ReplicaSets."""
