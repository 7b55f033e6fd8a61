"""PodDisruptionBudgets: how many of the pods they cover may be missing right now."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from knlab.embedded.builtin.controllers.conditions import status_write, with_condition
from knlab.embedded.builtin.controllers.pod_states import is_active, is_ready
from knlab.embedded.builtin.kinds import DISRUPTION_BUDGETS, PODS, REPLICA_SETS
from knlab.embedded.kube.controller import NOTHING, Controller, Note, Outcome, View
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Key, Object, controller_of
from knlab.embedded.kube.selectors import select_labels


def sync_disruption_budget(view: View, key: Key, now: float) -> Outcome:
    """The status of a PodDisruptionBudget."""
    budget = view.find(DISRUPTION_BUDGETS, *key)
    if budget is None:
        return NOTHING
    selector = select_labels(budget["spec"].get("selector"))
    exact = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
    pods = [pod for pod in view.list(PODS, key[0], exact) if selector.matches_object(pod)]
    status = _status(view, budget, pods, now)
    writes = status_write(DISRUPTION_BUDGETS, budget, status)
    alone = writes and not pods
    notes = (Note(budget, "Normal", "NoPods", "No matching pods found"),) if alone else ()
    return Outcome(writes, notes)


def _status(view: View, budget: Object, pods: Sequence[Object], now: float) -> Object:
    expected, desired = _expectation(view, budget, pods)
    healthy = sum(is_ready(pod) and is_active(pod) for pod in pods)
    allowed = max(0, healthy - desired) if expected else 0
    found = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
        "observedGeneration": budget["metadata"].get("generation", 0),
    }
    conditions = (budget.get("status") or {}).get("conditions") or ()
    return {
        "conditions": with_condition(conditions, found, timestamp(now)),
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"].get("generation", 0),
    }


def _expectation(view: View, budget: Object, pods: Sequence[Object]) -> tuple[int, int]:
    """How many pods there should be, and how many of them must be healthy."""
    spec = budget["spec"]
    least, most_missing = spec.get("minAvailable"), spec.get("maxUnavailable")
    if isinstance(least, int):
        return len(pods), least
    expected = _replicas(view, budget["metadata"]["namespace"], pods)
    if least is not None:
        return expected, ceil(expected * int(str(least).rstrip("%")) / 100)
    if most_missing is None:
        return expected, 1
    if isinstance(most_missing, int):
        return expected, max(0, expected - most_missing)
    missing = ceil(expected * int(str(most_missing).rstrip("%")) / 100)
    return expected, max(0, expected - missing)


def _replicas(view: View, namespace: str, pods: Sequence[Object]) -> int:
    """The replicas that the owners of `pods` want together."""
    owners = {owner["name"]: owner["kind"] for pod in pods if (owner := controller_of(pod))}
    sets = [
        view.find(REPLICA_SETS, namespace, name)
        for name, kind in owners.items()
        if kind == "ReplicaSet"
    ]
    return sum(item["spec"].get("replicas", 1) for item in sets if item)


DISRUPTION: Final = Controller(
    name="controllermanager",
    parent=DISRUPTION_BUDGETS,
    sync=sync_disruption_budget,
    resync_on=(PODS,),
)
"""Keeps the status of PodDisruptionBudgets."""
