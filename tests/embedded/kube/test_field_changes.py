"""Which fields an object has, and which of them a write changes."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.field_changes import changes, every_field, owned_fields
from knlab.embedded.kube.field_types import Definitions

PORT = {
    "type": "object",
    "properties": {"port": {"type": "integer"}, "name": {"type": "string"}},
}
SPEC = {
    "type": "object",
    "properties": {
        "size": {"type": "integer"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "selector": {"type": "object", "x-kubernetes-map-type": "atomic"},
        "args": {"type": "array", "items": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "ports": {
            "type": "array",
            "items": PORT,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port"],
        },
        "any": {"x-kubernetes-preserve-unknown-fields": True},
    },
}
KIND = Definitions({}).read({"type": "object", "properties": {"spec": SPEC}})
EIGHTY = 'k:{"port":80}'


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({"size": 1}, {"f:size": {}}),
        ({"size": None}, {"f:size": {}}),
        ({"labels": {}}, {"f:labels": {}}),
        ({"labels": {"a": "b"}}, {"f:labels": {"f:a": {}}}),
        ({"selector": {"a": "b"}}, {"f:selector": {}}),
        ({"args": ["a"]}, {"f:args": {}}),
        ({"args": []}, {"f:args": {}}),
        ({"tags": ["a"]}, {"f:tags": {'v:"a"': {}}}),
        ({"tags": []}, {}),
        ({"ports": [{"port": 80}]}, {"f:ports": {EIGHTY: {".": {}, "f:port": {}}}}),
        ({"ports": [{"port": 80}] * 2}, {"f:ports": {EIGHTY: {}}}),
        ({"any": {"a": {"b": 1}}}, {"f:any": {"f:a": {".": {}, "f:b": {}}}}),
    ],
    ids=str,
)
def test_owned_fields(value: dict[str, Any], fields: dict[str, Any]) -> None:
    assert owned_fields(KIND, spec(**value)) == {"f:spec": fields}


def test_every_field_counts_what_is_above_and_empty_too() -> None:
    value = spec(labels={"a": "b"}, selector={"x": "y"}, ports=[{"port": 80}], args=["a"], tags=[])
    assert every_field(KIND, value) == {
        ".": {},
        "f:spec": {
            ".": {},
            "f:labels": {".": {}, "f:a": {}},
            "f:selector": {},
            "f:ports": {".": {}, EIGHTY: {".": {}, "f:port": {}}},
            "f:args": {},
            "f:tags": {},
        },
    }


@pytest.mark.parametrize(
    ("old", "new", "written", "removed"),
    [
        ({"size": 1}, {"size": 1}, {}, {}),
        ({"size": 1}, {"size": 2}, {"f:size": {}}, {}),
        ({}, {"labels": {"a": "b"}}, {"f:labels": {".": {}, "f:a": {}}}, {}),
        ({"labels": {}}, {"labels": {"a": "b"}}, {"f:labels": {"f:a": {}}}, {}),
        ({"labels": {"a": "b"}}, {"labels": {}}, {}, {"f:labels": {"f:a": {}}}),
        ({"labels": {"a": "b"}}, {"labels": None}, {}, {"f:labels": {"f:a": {}}}),
        ({"labels": {"a": "b"}}, {}, {}, {"f:labels": {".": {}, "f:a": {}}}),
        ({"selector": {"a": "b"}}, {"selector": {}}, {"f:selector": {}}, {}),
        ({"args": ["a"]}, {"args": ["b"]}, {"f:args": {}}, {}),
        ({"tags": ["a"]}, {"tags": ["b"]}, {"f:tags": {'v:"b"': {}}}, {"f:tags": {'v:"a"': {}}}),
        (
            {"ports": [{"port": 80, "name": "a"}]},
            {"ports": [{"port": 80, "name": "b"}]},
            {"f:ports": {EIGHTY: {"f:name": {}}}},
            {},
        ),
        (
            {"ports": [{"port": 80}]},
            {"ports": [{"port": 81}]},
            {"f:ports": {'k:{"port":81}': {".": {}, "f:port": {}}}},
            {"f:ports": {EIGHTY: {".": {}, "f:port": {}}}},
        ),
        ({"any": "text"}, {"any": {"a": 1}}, {"f:any": {".": {}, "f:a": {}}}, {}),
        ({"any": {"a": 1}}, {"any": [1]}, {"f:any": {}}, {"f:any": {"f:a": {}}}),
    ],
    ids=str,
)
def test_changes(
    old: dict[str, Any], new: dict[str, Any], written: dict[str, Any], removed: dict[str, Any]
) -> None:
    found = changes(KIND, spec(size=7) | spec(**old), spec(size=7) | spec(**new))
    assert found.written == ({"f:spec": written} if written else {})
    assert found.removed == ({"f:spec": removed} if removed else {})
    assert bool(found) == bool(written or removed)


def test_order_in_lists_with_keys_is_no_change() -> None:
    one, other = {"port": 80}, {"port": 81}
    assert not changes(KIND, spec(ports=[one, other]), spec(ports=[other, one]))


def test_zero_values_are_there_before_somebody_sets_them() -> None:
    definitions = Definitions(
        {
            "x.Kind": {"type": "object", "properties": {"spec": {"$ref": "x.Spec", "default": {}}}},
            "x.Spec": {
                "type": "object",
                "required": ["args"],
                "properties": {
                    "size": {"type": "integer", "default": 0},
                    "args": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    )
    kind = definitions["x.Kind"]
    assert changes(kind, {}, {"spec": {"size": 1}}).written == {"f:spec": {"f:size": {}}}
    assert not changes(kind, {}, {"spec": {"size": 0, "args": None}})
    assert not changes(kind, {"spec": {"size": 0}}, {})
