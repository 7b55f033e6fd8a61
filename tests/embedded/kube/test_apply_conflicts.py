"""What somebody hears who applies what others own, or what does not fit."""

from __future__ import annotations

from typing import Any

from knlab.embedded.kube.apply_conflicts import conflict, misfit
from knlab.embedded.kube.field_sets import FieldSet


def entry(manager: str, operation: str = "Update", **others: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1"} | others


IMAGE: FieldSet = {
    "f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}, "f:replicas": {}}
}
REPLICAS: FieldSet = {"f:spec": {"f:replicas": {}}}


def test_one_conflict() -> None:
    found = conflict([(entry("kubectl", "Apply"), REPLICAS)])
    assert found.message == (
        'Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas'
    )
    assert found.status()["details"] == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl"',
                "field": ".spec.replicas",
            }
        ]
    }


def test_several_conflicts_are_listed_by_manager() -> None:
    scaler = entry("scaler", subresource="scale")
    found = conflict([(scaler, REPLICAS), (entry("editor"), IMAGE)])
    assert found.message.splitlines() == [
        'Apply failed with 3 conflicts: conflicts with "editor" using apps/v1:',
        "- .spec.replicas",
        '- .spec.containers[name="web"].image',
        'conflicts with "scaler" with subresource "scale" using apps/v1:',
        "- .spec.replicas",
    ]
    assert (found.code, len(found.status()["details"]["causes"])) == (409, 3)


def test_misfits_are_told_without_a_reason() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
    one = misfit(obj, [".x: wrong"])
    assert one.message == (
        "failed to create typed patch object (b/a; /v1, Kind=ConfigMap): .x: wrong"
    )
    assert one.status().keys() == {
        "kind", "apiVersion", "metadata", "status", "message", "code",
    }  # fmt: skip
    several = misfit({"apiVersion": "apps/v1", "kind": "D"}, [".x: wrong", ".y: too"])
    assert several.message == (
        "failed to create typed patch object (/; apps/v1, Kind=D): errors:\n  .x: wrong\n  .y: too"
    )
