"""What is refused in Deployments, ReplicaSets, and the budgets and autoscalers of pods."""

from __future__ import annotations

import re
from typing import Any

from knlab.embedded.builtin.validation.causes import (
    forbidden,
    immutable,
    invalid,
    not_negative,
    required,
    unsupported,
)
from knlab.embedded.builtin.validation.names import label_causes
from knlab.embedded.builtin.validation.pods import template_causes
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.selectors import select_labels


def validate_deployment(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a Deployment, or with changing `old` into it."""
    spec: Object = new.get("spec") or {}
    found = _replicated(spec)
    found += _strategy(spec.get("strategy") or {}, "spec.strategy")
    found += not_negative(spec, "spec", "revisionHistoryLimit")
    found += not_negative(spec, "spec", "progressDeadlineSeconds")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        found.append(
            invalid(
                "spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"
            )
        )
    return found + _selector_kept(new, old)


def validate_replica_set(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a ReplicaSet, or with changing `old` into it."""
    return _replicated(new.get("spec") or {}) + _selector_kept(new, old)


def validate_autoscaler(new: Object, _old: Object | None) -> list[Cause]:
    """What is wrong with a HorizontalPodAutoscaler."""
    spec: Object = new.get("spec") or {}
    target: Object = spec.get("scaleTargetRef") or {}
    found = [
        required(f"spec.scaleTargetRef.{name}") for name in ("kind", "name") if not target.get(name)
    ]
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if least < 1:
        found.append(invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        found.append(invalid("spec.maxReplicas", most, "must be greater than 0"))
    if most < least:
        wrong = "must be greater than or equal to `minReplicas`"
        found.append(invalid("spec.maxReplicas", most, wrong))
    return found


def validate_disruption_budget(new: Object, _old: Object | None) -> list[Cause]:
    """What is wrong with a PodDisruptionBudget."""
    spec: Object = new.get("spec") or {}
    found: list[Cause] = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        wrong = "minAvailable and maxUnavailable cannot be both set"
        found.append(invalid("spec", spec, wrong))
    for name in ("minAvailable", "maxUnavailable"):
        if spec.get(name) is not None:
            found += _amount(spec[name], f"spec.{name}")
    return found


def _replicated(spec: Object) -> list[Cause]:
    found = not_negative(spec, "spec", "replicas") + not_negative(spec, "spec", "minReadySeconds")
    template: Object = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    selector = spec.get("selector")
    wrong = "`selector` does not match template `labels`"
    if selector is None:
        found.append(required("spec.selector"))
        found.append(invalid("spec.template.metadata.labels", labels, wrong))
    elif not any(selector.get(part) for part in ("matchLabels", "matchExpressions")):
        found.append(invalid("spec.selector", selector, "empty selector is invalid for deployment"))
    else:
        found += label_causes(selector.get("matchLabels"), "spec.selector.matchLabels")
        if not select_labels(selector).matches(labels or {}):
            found.append(invalid("spec.template.metadata.labels", labels, wrong))
    found += template_causes(template, "spec.template")
    policy = (template.get("spec") or {}).get("restartPolicy", "Always")
    if policy != "Always":
        found.append(unsupported("spec.template.spec.restartPolicy", policy, ("Always",)))
    return found


def _selector_kept(new: Object, old: Object | None) -> list[Cause]:
    if old is None:
        return []
    now, before = ((obj.get("spec") or {}).get("selector") for obj in (new, old))
    return immutable("spec.selector", now, before)


def _strategy(strategy: Object, path: str) -> list[Cause]:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate") or {}
    if kind == "Recreate":
        wrong = "may not be specified when strategy `type` is 'Recreate'"
        return [forbidden(f"{path}.rollingUpdate", wrong)] if rolling else []
    if kind != "RollingUpdate":
        given = {"Type": kind, "RollingUpdate": strategy.get("rollingUpdate")}
        return [unsupported(path, given, ("Recreate", "RollingUpdate"))]
    surge, missing = (rolling.get(name) for name in ("maxSurge", "maxUnavailable"))
    here = f"{path}.rollingUpdate"
    found = _amount(missing, f"{here}.maxUnavailable") + _amount(surge, f"{here}.maxSurge")
    if _is_zero(surge) and _is_zero(missing):
        wrong = "may not be 0 when `maxSurge` is 0"
        found.append(invalid(f"{here}.maxUnavailable", missing, wrong))
    return found


def _amount(value: Any, path: str) -> list[Cause]:
    if isinstance(value, int):
        wrong = "must be greater than or equal to 0"
        return [] if value >= 0 else [invalid(path, value, wrong)]
    if re.fullmatch(r"[0-9]+%", str(value)):
        return []
    wrong = (
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or"
        " '93%', regex used for validation is '[0-9]+%')"
    )
    return [invalid(path, value, wrong)]


def _is_zero(value: Any) -> bool:
    return str(value).rstrip("%").strip("0") == ""
