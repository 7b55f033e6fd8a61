"""Kinds with two versions: from the stored one to the other that is served, and back.

`autoscaling/v1` keeps what it has no fields for in annotations, as Kubernetes does;
`events.k8s.io/v1` has other names for the fields of a core Event.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from knlab.embedded.builtin.defaults.cluster import default_event
from knlab.embedded.builtin.defaults.workloads import default_autoscaler
from knlab.embedded.builtin.validation.workloads import validate_autoscaler
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object, annotations_of, copy_json, json_text
from knlab.embedded.kube.registry import Column, Conversion, Strategy

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
METRICS: Final = _PREFIX + "metrics"
CONDITIONS: Final = _PREFIX + "conditions"
CURRENT_METRICS: Final = _PREFIX + "current-metrics"
BEHAVIOR: Final = _PREFIX + "behavior"
_OWN: Final = (METRICS, CONDITIONS, CURRENT_METRICS, BEHAVIOR)

_BEHAVIOR_NAMES: Final = {
    "scaleUp": "ScaleUp", "scaleDown": "ScaleDown", "tolerance": "Tolerance",
    "stabilizationWindowSeconds": "StabilizationWindowSeconds", "selectPolicy": "SelectPolicy",
    "policies": "Policies", "type": "Type", "value": "Value", "periodSeconds": "PeriodSeconds",
}  # fmt: skip
"""The behaviour is annotated with the field names of Kubernetes' internal types."""
_EVENT_NAMES: Final = {
    "involvedObject": "regarding", "message": "note", "reportingComponent": "reportingController",
    "source": "deprecatedSource", "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp", "count": "deprecatedCount",
}  # fmt: skip
"""Fields of a core Event by their names in events.k8s.io/v1."""


def autoscaler_as_v1(stored: Object) -> Object:
    """An `autoscaling/v2` HorizontalPodAutoscaler as `autoscaling/v1` shows it."""
    spec, status = dict(stored.get("spec") or {}), dict(stored.get("status") or {})
    annotations = annotations_of(stored)
    metrics = list(spec.pop("metrics", None) or ())
    place = next((n for n, metric in enumerate(metrics) if _cpu_percent(metric) is not None), None)
    if place is not None:
        spec["targetCPUUtilizationPercentage"] = _cpu_percent(metrics.pop(place))
    if metrics:
        annotations[METRICS] = json_text([_metric_as_v1(metric) for metric in metrics])
    if behavior := spec.pop("behavior", None):
        annotations[BEHAVIOR] = json_text(_behavior_as_v1(behavior))
    if conditions := status.pop("conditions", None):
        annotations[CONDITIONS] = json_text(conditions)
    current = list(status.pop("currentMetrics", None) or ())
    if current:
        annotations[CURRENT_METRICS] = json_text([_current_as_v1(metric) for metric in current])
    seen = (_current_cpu(metric) for metric in current)
    cpu = next((percent for percent in seen if percent is not None), None)
    if cpu is not None:
        status["currentCPUUtilizationPercentage"] = cpu
    return _with(stored, annotations, spec, {"currentReplicas": 0, "desiredReplicas": 0} | status)


def autoscaler_from_v1(shown: Object) -> Object:
    """An `autoscaling/v1` HorizontalPodAutoscaler as `autoscaling/v2`."""
    spec, status = dict(shown.get("spec") or {}), dict(shown.get("status") or {})
    annotations = annotations_of(shown)
    said = {name: _parsed(annotations.pop(name)) for name in _OWN if name in annotations}
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = [_metric_from_v1(metric) for metric in said.get(METRICS) or ()]
    if percent is not None:
        metrics.insert(0, _cpu_metric(percent))
    if metrics:
        spec["metrics"] = metrics
    if behavior := said.get(BEHAVIOR):
        spec["behavior"] = _behavior_from_v1(behavior)
    status.pop("currentCPUUtilizationPercentage", None)
    if conditions := said.get(CONDITIONS):
        status["conditions"] = conditions
    if current := said.get(CURRENT_METRICS):
        status["currentMetrics"] = [_current_from_v1(metric) for metric in current]
    return _with(shown, annotations, spec, status)


def _default_v1(new: Object, old: Object | None) -> Object:
    """An `autoscaling/v1` object with the defaults of v2, and the status that clients left out."""
    if old is not None:
        kept = annotations_of(old)
        said = {name: kept[name] for name in (CONDITIONS, CURRENT_METRICS) if name in kept}
        if said:
            new["metadata"]["annotations"] = annotations_of(new) | said
    head = {name: new[name] for name in ("apiVersion", "kind")}
    return autoscaler_as_v1(default_autoscaler(autoscaler_from_v1(copy_json(new)), None)) | head


def _validate_v1(new: Object, old: Object | None) -> list[Cause]:
    return validate_autoscaler(autoscaler_from_v1(new), old and autoscaler_from_v1(old))


def event_as_v1(stored: Object) -> Object:
    """A core Event as `events.k8s.io/v1` shows it."""
    shown = {_EVENT_NAMES.get(name, name): value for name, value in stored.items()}
    if not shown.get("reportingInstance"):
        shown.pop("reportingInstance", None)
    for name in ("deprecatedFirstTimestamp", "deprecatedLastTimestamp"):
        shown.setdefault(name, None)
    return shown


def event_from_v1(shown: Object) -> Object:
    """An `events.k8s.io/v1` Event as a core Event."""
    core = {name: value for value, name in _EVENT_NAMES.items()}
    return {core.get(name, name): value for name, value in shown.items()}


def _default_event_v1(new: Object, _old: Object | None) -> Object:
    head = {name: new[name] for name in ("apiVersion", "kind")}
    return event_as_v1(default_event(event_from_v1(new), None)) | head


def _validate_event_v1(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a new Event; the newer version asks for more than the core one."""
    if old is not None:
        return []
    needed = ("action", "eventTime", "reason", "reportingController", "reportingInstance")
    found = [
        Cause(name, "Required value", "FieldValueRequired") for name in needed if not new.get(name)
    ]
    if new.get("type") not in {"Normal", "Warning"}:
        wrong = f'Invalid value: "{new.get("type", "")}": has invalid value: '
        found.append(Cause("type", f"{wrong}{new.get('type', '')}"))
    return found


AUTOSCALER_V1: Final = Conversion(shown=autoscaler_as_v1, stored=autoscaler_from_v1)
AUTOSCALER_V1_STRATEGY: Final = Strategy(_default_v1, _validate_v1)
EVENT_V1: Final = Conversion(shown=event_as_v1, stored=event_from_v1)
EVENT_V1_STRATEGY: Final = Strategy(_default_event_v1, _validate_event_v1)


def columns_of(stored: tuple[Column, ...], conversion: Conversion) -> tuple[Column, ...]:
    """The columns of the stored version for rows of the other one."""
    return tuple(replace(column, cell=_of_stored(column, conversion)) for column in stored)


def _of_stored(column: Column, conversion: Conversion) -> Callable[[Object, float], Any]:
    def cell(obj: Object, now: float) -> Any:
        return column.cell(conversion.stored(obj), now) if column.cell else None

    return cell


def event_fields_v1(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Field selectors of core Events as those of `events.k8s.io/v1`."""
    return tuple(
        ".".join((_EVENT_NAMES.get(first, first), *rest))
        for first, *rest in (field.split(".") for field in fields)
    )


def _with(obj: Object, annotations: dict[str, str], spec: Object, status: Object) -> Object:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    return {**obj, "metadata": metadata, "spec": spec, **({"status": status} if status else {})}


def _parsed(text: str) -> Any:
    """What an annotation says; None if it is no JSON (Kubernetes ignores it then, too)."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _cpu_percent(metric: Object) -> int | None:
    """The target that `autoscaling/v1` has a field for."""
    source: Object = metric.get("resource") or {}
    if metric.get("type") != "Resource" or source.get("name") != "cpu":
        return None
    percent: int | None = (source.get("target") or {}).get("averageUtilization")
    return percent


def _current_cpu(metric: Object) -> int | None:
    source: Object = metric.get("resource") or {}
    if metric.get("type") != "Resource" or source.get("name") != "cpu":
        return None
    percent: int | None = (source.get("current") or {}).get("averageUtilization")
    return percent


def _cpu_metric(percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


_SOURCES: Final = {
    "Resource": "resource", "ContainerResource": "containerResource", "Pods": "pods",
    "Object": "object", "External": "external",
}  # fmt: skip
_TARGETS: Final[Mapping[str, Mapping[str, str]]] = {
    "Object": {"value": "targetValue", "averageValue": "averageValue"},
    "External": {"value": "targetValue", "averageValue": "targetAverageValue"},
    "": {"averageUtilization": "targetAverageUtilization", "averageValue": "targetAverageValue"},
}
"""By the type of metric: the fields of a v2 target and their names in v1's annotation."""
_CURRENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "Object": {"value": "currentValue", "averageValue": "averageValue"},
    "External": {"value": "currentValue", "averageValue": "currentAverageValue"},
    "": {
        "averageUtilization": "currentAverageUtilization",
        "averageValue": "currentAverageValue",
    },
}
_TYPES: Final = {"averageUtilization": "Utilization", "averageValue": "AverageValue"}


def _metric_as_v1(metric: Object) -> Object:
    return _flat(metric, "target", _TARGETS)


def _current_as_v1(metric: Object) -> Object:
    return _flat(metric, "current", _CURRENTS)


def _flat(metric: Object, part: str, names: Mapping[str, Mapping[str, str]]) -> Object:
    kind = metric["type"]
    source: Object = metric.get(_SOURCES.get(kind, "")) or {}
    chosen = names.get(kind, names[""])
    flat: Object = {}
    if "describedObject" in source:
        flat["target"] = source["describedObject"]
    if "name" in source:
        flat["name"] = source["name"]
    if named := source.get("metric"):
        flat["metricName"] = named["name"]
        if "selector" in named:
            flat["metricSelector" if kind == "External" else "selector"] = named["selector"]
    values: Object = source.get(part) or {}
    flat |= {chosen[name]: value for name, value in values.items() if name in chosen}
    if "container" in source:
        flat["container"] = source["container"]
    return {"type": kind, _SOURCES.get(kind, ""): flat}


def _metric_from_v1(flat: Object) -> Object:
    values = _nested(flat, "target", _TARGETS)
    source = values[_SOURCES.get(flat["type"], "")]
    target: Object = source["target"]
    kind = next((_TYPES[name] for name in _TYPES if name in target), "Value")
    source["target"] = {"type": kind, **target}
    return values


def _current_from_v1(flat: Object) -> Object:
    return _nested(flat, "current", _CURRENTS)


def _nested(flat: Object, part: str, names: Mapping[str, Mapping[str, str]]) -> Object:
    kind = flat["type"]
    place = _SOURCES.get(kind, "")
    said: Object = flat.get(place) or {}
    chosen = names.get(kind, names[""])
    source: Object = {name: said[name] for name in ("name", "container") if name in said}
    if "target" in said:
        source["describedObject"] = said["target"]
    if "metricName" in said:
        source["metric"] = {"name": said["metricName"]}
        selector = said.get("metricSelector", said.get("selector"))
        if selector is not None:
            source["metric"]["selector"] = selector
    source[part] = {name: said[old] for name, old in chosen.items() if old in said}
    return {"type": kind, place: source}


def _behavior_as_v1(behavior: Object) -> Object:
    return {
        _BEHAVIOR_NAMES[way]: _renamed(behavior[way], _BEHAVIOR_NAMES) | {"Tolerance": tolerance}
        for way in ("scaleUp", "scaleDown")
        if way in behavior
        for tolerance in (behavior[way].get("tolerance"),)
    }


def _behavior_from_v1(behavior: Object) -> Object:
    back = {said: name for name, said in _BEHAVIOR_NAMES.items()}
    found: Object = _renamed(behavior, back)
    for rules in found.values():
        if isinstance(rules, dict) and rules.get("tolerance") is None:
            rules.pop("tolerance", None)
    return found


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value
