"""Both versions of one object; the samples are what a real server shows (see tests/data/real)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knlab.embedded.builtin import conversions
from knlab.embedded.builtin.columns import EVENT_COLUMNS
from knlab.embedded.builtin.conversions import (
    AUTOSCALER_V1_STRATEGY,
    EVENT_V1_STRATEGY,
    autoscaler_as_v1,
    autoscaler_from_v1,
    event_as_v1,
    event_fields_v1,
    event_from_v1,
)
from knlab.embedded.kube.objects import Object, copy_json

PREFIX = "autoscaling.alpha.kubernetes.io/"
REAL = Path(__file__).parents[2] / "data/real"
V1, V2, CORE, NEW = (
    json.loads((REAL / f"{name}.json").read_text())
    for name in ("hpa-v1", "hpa-v2", "event-core", "event-v1")
)


def content(obj: Object) -> Object:
    """`obj` with the texts of its annotations parsed: the order of keys in them is free."""
    copied: Object = copy_json(obj)
    annotations = copied["metadata"].get("annotations") or {}
    for name in (key for key in annotations if key.startswith(PREFIX)):
        annotations[name] = json.loads(annotations[name])
    status = copied.get("status") or {}
    if status.get("currentMetrics", "") is None:
        del status["currentMetrics"]
    copied["apiVersion"] = ""
    return copied


def test_an_autoscaler_is_shown_in_v1_as_a_real_server_shows_it() -> None:
    assert content(autoscaler_as_v1(V2)) == content(V1)


def test_and_comes_back_from_v1_as_it_was() -> None:
    back = content(autoscaler_from_v1(V1))
    back["status"].pop("currentReplicas")
    assert back == content(V2)


def test_what_v1_shows_of_current_values_comes_back() -> None:
    current = {"averageUtilization": 12, "averageValue": "24m"}
    seen = {"type": "Resource", "resource": {"name": "cpu", "current": current}}
    obj = {**V2, "status": {"currentMetrics": [seen], "currentReplicas": 2, "desiredReplicas": 2}}
    shown = autoscaler_as_v1(obj)
    assert shown["status"]["currentCPUUtilizationPercentage"] == 12
    assert autoscaler_from_v1(shown)["status"]["currentMetrics"] == [seen]


def test_an_annotation_that_is_no_json_is_dropped() -> None:
    obj = {
        "metadata": {"annotations": {f"{PREFIX}metrics": "{", "mine": "kept"}},
        "spec": {"maxReplicas": 2},
    }
    assert autoscaler_from_v1(obj) == {
        "metadata": {"annotations": {"mine": "kept"}}, "spec": {"maxReplicas": 2},
    }  # fmt: skip


def v1(**spec: object) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": target, **spec},
    }


def test_v1_has_the_defaults_of_v2() -> None:
    made = AUTOSCALER_V1_STRATEGY.default(v1(), None)
    assert made["apiVersion"] == "autoscaling/v1"
    assert made["spec"]["minReplicas"] == 1
    assert made["spec"]["targetCPUUtilizationPercentage"] == 80


def test_a_client_of_v1_that_drops_the_annotations_does_not_drop_the_conditions() -> None:
    new = AUTOSCALER_V1_STRATEGY.default(v1(maxReplicas=7), copy_json(V1))
    assert autoscaler_from_v1(new)["status"]["conditions"] == V2["status"]["conditions"]


def test_v1_is_held_to_the_rules_of_v2() -> None:
    causes = AUTOSCALER_V1_STRATEGY.validate(v1(maxReplicas=0), None)
    assert [cause.field for cause in causes][:1] == ["spec.maxReplicas"]


def test_an_event_has_other_names_in_each_version() -> None:
    assert content(event_as_v1(CORE)) == content(NEW)
    assert content(event_from_v1(NEW)) == content(CORE)


def test_a_new_event_gets_what_the_core_version_must_have() -> None:
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {}, "note": "hello"}
    made = EVENT_V1_STRATEGY.default(event, None)
    assert made["apiVersion"] == "events.k8s.io/v1"
    assert made["deprecatedSource"] == {}
    assert made["eventTime"] is None


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ("eventTime", "Required value"),
        ("action", "Required value"),
        ("reportingController", "Required value"),
        ("type", 'Invalid value: "": has invalid value: '),
    ],
)
def test_the_newer_version_asks_for_more(missing: str, text: str) -> None:
    event = {key: value for key, value in NEW.items() if key != missing}
    (cause,) = EVENT_V1_STRATEGY.validate(event, None)
    assert (cause.field, cause.message) == (missing, text)
    assert EVENT_V1_STRATEGY.validate(event, NEW) == []
    assert EVENT_V1_STRATEGY.validate(NEW, None) == []


def test_selectable_fields_have_the_names_of_the_version() -> None:
    fields = ("involvedObject.name", "reason", "reportingComponent", "type")
    assert event_fields_v1(fields) == ("regarding.name", "reason", "reportingController", "type")


def test_columns_of_the_stored_version_serve_the_other() -> None:
    made = conversions.columns_of(EVENT_COLUMNS, conversions.EVENT_V1)
    cells = [column.cell(NEW, 0.0) for column in made if column.cell]
    assert cells == [column.cell(CORE, 0.0) for column in EVENT_COLUMNS if column.cell]
