"""Empty maps and lists that are left out, and those that mean something."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.field_types import Definitions
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.omissions import leave_out_empty

STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
LIST = {"type": "array", "items": {"$ref": "x.Item"}}
KIND = Definitions(
    {
        "x.Kind": {"type": "object", "properties": {"spec": {"$ref": "x.Spec", "default": {}}}},
        "x.Spec": {
            "type": "object",
            "required": ["needed"],
            "properties": {
                "labels": STRINGS,
                "items": LIST,
                "needed": LIST,
                "pointer": {"$ref": "x.Item"},
                "switch": {"$ref": "x.Nothing"},
                "raw": {"x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "x.Nothing": {"type": "object"},
        "x.Item": {"type": "object", "properties": {"labels": STRINGS}},
    }
)["x.Kind"]


def shortened(obj: Object, *, typed: bool = True) -> Object:
    whole: Object = {"metadata": {}} | obj
    leave_out_empty(KIND, whole, typed=typed)
    return whole


@pytest.mark.parametrize(
    ("spec", "left"),
    [
        ({"labels": {}}, {}),
        ({"labels": {"a": ""}}, {"labels": {"a": ""}}),
        ({"items": []}, {}),
        ({"items": [{"labels": {}}]}, {"items": [{}]}),
        ({"needed": []}, {"needed": []}),
        ({"pointer": {}}, {"pointer": {}}),
        ({"pointer": {"labels": {}}}, {"pointer": {}}),
        ({"switch": {}}, {"switch": {}}),
        ({"raw": {"a": {}, "b": []}}, {"raw": {"a": {}, "b": []}}),
        ({"unknown": {}}, {"unknown": {}}),
    ],
    ids=str,
)
def test_structures(spec: dict[str, Any], left: dict[str, Any]) -> None:
    assert shortened({"spec": spec})["spec"] == left


@pytest.mark.parametrize("typed", [True, False])
def test_metadata_of_every_object(*, typed: bool) -> None:
    metadata = {"name": "a", "labels": {}, "annotations": {}, "finalizers": [], "generation": 0}
    found = shortened({"metadata": metadata}, typed=typed)["metadata"]
    assert found == {"name": "a", "generation": 0}


def test_other_parts_of_custom_resources_stay() -> None:
    assert shortened({"spec": {"labels": {}}}, typed=False)["spec"] == {"labels": {}}
