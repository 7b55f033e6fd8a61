"""Cells of what runs pods (Deployments, ReplicaSets, Jobs, autoscalers) and of what bounds them."""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.kube.ages import format_age, parse_time
from knlab.embedded.kube.objects import Object, is_true

_NONE: Final = "<none>"
_METRICS_SHOWN: Final = 2


def ready_of_wanted(obj: Object, _now: float) -> str:
    """`READY` of a Deployment: ready replicas, of those the spec asks for."""
    ready = (obj.get("status") or {}).get("readyReplicas") or 0
    return f"{ready}/{obj['spec'].get('replicas') or 0}"


def container_names(obj: Object, _now: float) -> str:
    """`CONTAINERS` of a pod template."""
    return ",".join(container["name"] for container in _containers(obj))


def images(obj: Object, _now: float) -> str:
    """`IMAGES` of a pod template."""
    return ",".join(container.get("image", "") for container in _containers(obj))


def _containers(obj: Object) -> list[Object]:
    found: list[Object] = obj["spec"].get("template", {}).get("spec", {}).get("containers") or []
    return found


def selector(obj: Object, _now: float) -> str:
    """`SELECTOR`: the requirements of a label selector as `-l` would take them, sorted by key."""
    chosen = obj["spec"].get("selector") or {}
    labels: dict[str, str] = chosen.get("matchLabels") or {}
    requirements = [(key, f"{key}={value}") for key, value in labels.items()]
    requirements += [
        (expression["key"], _requirement(expression))
        for expression in chosen.get("matchExpressions") or ()
    ]
    return ",".join(text for _, text in sorted(requirements)) or _NONE


def _requirement(expression: Object) -> str:
    key, values = expression["key"], ",".join(sorted(expression.get("values") or ()))
    match expression["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return str(key)


def job_status(job: Object, _now: float) -> str:
    """`STATUS` of a Job: the condition that says most."""
    for kind in ("Complete", "Failed"):
        if is_true(job, kind):
            return kind
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if is_true(job, kind):
            return kind
    return "Running"


def completions(job: Object, _now: float) -> str:
    """`COMPLETIONS`: pods that succeeded, of those wanted."""
    succeeded = (job.get("status") or {}).get("succeeded") or 0
    wanted = job["spec"].get("completions")
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    parallel = job["spec"].get("parallelism") or 0
    return f"{succeeded}/1 of {parallel}" if parallel > 1 else f"{succeeded}/1"


def job_duration(job: Object, now: float) -> str:
    """`DURATION`: from the start to the completion, or to now; empty before the start."""
    status = job.get("status") or {}
    started = parse_time(status.get("startTime") or "")
    if started is None:
        return ""
    ended = parse_time(status.get("completionTime") or "")
    return format_age((now if ended is None else ended) - started)


def scale_target(autoscaler: Object, _now: float) -> str:
    """`REFERENCE`: what an autoscaler scales."""
    target = autoscaler["spec"]["scaleTargetRef"]
    return f"{target['kind']}/{target['name']}"


def targets(autoscaler: Object, _now: float) -> str:
    """`TARGETS`: current and wanted value of the first metrics."""
    spec, status = autoscaler["spec"], autoscaler.get("status") or {}
    wanted = spec.get("metrics") or _as_metrics(spec.get("targetCPUUtilizationPercentage"))
    seen = status.get("currentMetrics") or _as_current(
        status.get("currentCPUUtilizationPercentage")
    )
    texts = [
        _metric(metric, seen[index] if index < len(seen) else {})
        for index, metric in enumerate(wanted)
    ]
    shown, more = ", ".join(texts[:_METRICS_SHOWN]), len(texts) - _METRICS_SHOWN
    return f"{shown} + {more} more..." if more > 0 else shown or _NONE


def _as_metrics(cpu_percent: int | None) -> list[Object]:
    """autoscaling/v1's one target as a list of autoscaling/v2 metrics."""
    if cpu_percent is None:
        return []
    target = {"type": "Utilization", "averageUtilization": cpu_percent}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _as_current(cpu_percent: int | None) -> list[Object]:
    if cpu_percent is None:
        return []
    current = {"averageUtilization": cpu_percent}
    return [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]


def _metric(wanted: Object, seen: Object) -> str:
    source = wanted["type"][:1].lower() + wanted["type"][1:]
    metric = wanted.get(source)
    if metric is None:
        return "<unknown type>"
    current = (seen.get(source) or {}).get("current") or {}
    pair = f"{_value(current, '<unknown>')}/{_value(metric['target'], '<auto>')}"
    return f"{metric['name']}: {pair}" if "name" in metric else pair


def _value(values: Object, missing: str) -> str:
    if "averageUtilization" in values:
        return f"{values['averageUtilization']}%"
    found: Any = values.get("averageValue", values.get("value"))
    return missing if found is None else str(found)


def requests_used(quota: Object, _now: float) -> str:
    """`REQUEST` of a ResourceQuota: what is used of all that it limits, except limits."""
    return _used(quota, limits=False)


def limits_used(quota: Object, _now: float) -> str:
    """`LIMIT` of a ResourceQuota: how far containers' limits are used up."""
    return _used(quota, limits=True)


def _used(quota: Object, *, limits: bool) -> str:
    status = quota.get("status") or {}
    used: dict[str, str] = status.get("used") or {}
    return ", ".join(
        f"{name}: {used.get(name, '0')}/{hard}"
        for name, hard in sorted((status.get("hard") or {}).items())
        if name.startswith("limits.") == limits
    )
