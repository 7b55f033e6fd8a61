"""Evicting pods: a deletion that first asks the PodDisruptionBudgets, as `kubectl drain` does."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.controllers.conditions import with_condition
from knlab.embedded.builtin.controllers.pod_states import is_ready, is_terminating, phase
from knlab.embedded.builtin.kinds import DISRUPTION_BUDGETS, PODS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest, InternalError, TooManyRequests
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.options import with_dry_run
from knlab.embedded.kube.selectors import select_labels

_VIOLATES: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL: Final = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not"
    " support."
)


def evict(api: Api, namespace: str, name: str, eviction: Object, options: WriteOptions) -> None:
    """Delete a pod as the Eviction says, if only for a dry run.

    Raises:
        NotFound: no such pod.
        BadRequest: the Eviction is about another one, or does not say about which.
        Invalid: it asks for something that a deletion cannot do.
        TooManyRequests: a budget does not allow it now.
        InternalError: several budgets cover the pod.
    """
    if eviction["metadata"].get("name") != name:
        raise BadRequest("name in URL does not match name in Eviction object")
    said: Object = eviction.get("deleteOptions") or {}
    options = with_dry_run(options, said)
    pod = api.get(PODS, namespace, name)
    if phase(pod) == "Running" and not is_terminating(pod):
        _ask_budgets(api, pod, options)
        _mark(api, pod, options)
    body = {key: value for key, value in said.items() if key not in {"apiVersion", "kind"}}
    api.delete(PODS, namespace, name, body, options)


def _ask_budgets(api: Api, pod: Object, options: WriteOptions) -> None:
    namespace = pod["metadata"]["namespace"]
    covering = [
        budget
        for budget in api.list(DISRUPTION_BUDGETS, namespace)
        if select_labels(budget["spec"].get("selector")).matches_object(pod)
    ]
    if len(covering) > 1:
        raise InternalError(_SEVERAL)
    for budget in covering:
        if not _may_go_anyway(budget, pod):
            _spend(api, budget, options)


def _may_go_anyway(budget: Object, pod: Object) -> bool:
    """Whether the pod is not ready, and the budget does not protect such pods now."""
    if is_ready(pod):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status: Object = budget.get("status") or {}
    desired = status.get("desiredHealthy", 0)
    return bool(desired > 0 and status.get("currentHealthy", 0) >= desired)


def _spend(api: Api, budget: Object, options: WriteOptions) -> None:
    """Take one disruption from `budget`; its control loop counts again when the pod goes."""
    name, status = budget["metadata"]["name"], dict(budget.get("status") or {})
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _refused(f"The disruption budget {name} is still being processed by the server.")
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        needed, there = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _refused(
            f"The disruption budget {name} needs {needed} healthy pods and has {there} currently"
        )
    status["disruptionsAllowed"] = allowed - 1
    api.update(DISRUPTION_BUDGETS, budget | {"status": status}, options, "status")


def _refused(why: str) -> TooManyRequests:
    return TooManyRequests(
        _VIOLATES, details={"causes": [{"reason": "DisruptionBudget", "message": why}]}
    )


def _mark(api: Api, pod: Object, options: WriteOptions) -> None:
    """Say in the pod's conditions that it goes because somebody evicts it."""
    target = {
        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting", "lastProbeTime": None,
    }  # fmt: skip
    status: Object = pod.get("status") or {}
    now = timestamp(api.clock.now())
    conditions = with_condition(status.get("conditions") or (), target, now)
    api.update(PODS, pod | {"status": {**status, "conditions": conditions}}, options, "status")
