"""Merging what is applied, taking fields out, and what does not fit the types."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.field_merge import merged, problems, without
from knlab.embedded.kube.field_types import Definitions

ITEM = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "image": {"type": "string"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {
        "size": {"type": "integer"},
        "on": {"type": "boolean"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "selector": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "x-kubernetes-map-type": "atomic",
        },
        "args": {"type": "array", "items": ITEM},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "items": {
            "type": "array",
            "items": ITEM,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    },
}
KEYLESS = (
    ".items: element 0: associative list with keys has an element that omits all key fields"
    ' ["name"]'
    " (and doesn't have default values for any key fields)"
)
NO_KEYS = ".tags: element 0: associative list without keys has an element that's"
KIND = Definitions({}).read(SCHEMA)


def named(*names: str) -> dict[str, Any]:
    return {"items": [{"name": name} for name in names]}


@pytest.mark.parametrize(
    ("live", "applied", "result"),
    [
        ({"size": 1, "on": True}, {"size": 2}, {"size": 2, "on": True}),
        ({"labels": {"a": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1", "b": "2"}}),
        ({"labels": {"a": "1"}}, {"labels": None}, {"labels": {"a": "1"}}),
        ({"labels": {"a": "1"}}, {"labels": {}}, {"labels": {"a": "1"}}),
        ({"labels": {}}, {"labels": None}, {"labels": None}),
        ({"selector": {"a": "1"}}, {"selector": {"b": "2"}}, {"selector": {"b": "2"}}),
        ({"args": [{"name": "a"}]}, {"args": []}, {"args": []}),
        ({"tags": ["a", "b"]}, {"tags": ["c", "a"]}, {"tags": ["c", "a", "b"]}),
        (
            {"items": [{"name": "a", "image": "x"}]},
            {"items": [{"name": "a", "env": {"E": "1"}}]},
            {"items": [{"name": "a", "image": "x", "env": {"E": "1"}}]},
        ),
    ],
    ids=str,
)
def test_merging(live: dict[str, Any], applied: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(KIND, live, applied) == result


@pytest.mark.parametrize(
    ("live", "applied", "result"),
    [
        (["web"], ["side", "web"], ["side", "web"]),
        (["a", "x", "b"], ["b", "a"], ["x", "b", "a"]),
        (["x", "y"], ["p"], ["x", "y", "p"]),
        (["x", "b"], ["p", "b"], ["x", "p", "b"]),
        (["a", "a", "b"], ["b"], ["a", "a", "b"]),
        ([], ["a"], ["a"]),
        (["a"], [], ["a"]),
    ],
)
def test_order_of_merged_lists(live: list[str], applied: list[str], result: list[str]) -> None:
    found = merged(KIND, named(*live), named(*applied))
    assert [item["name"] for item in found["items"]] == result


@pytest.mark.parametrize(
    ("value", "fields", "left"),
    [
        ({"size": 1, "on": True}, {"f:size": {}}, {"on": True}),
        ({"labels": {"a": "1"}}, {"f:labels": {".": {}, "f:a": {}}}, None),
        ({"labels": {"a": "1"}}, {"f:labels": {"f:a": {}}}, {"labels": None}),
        ({"labels": {"a": "1", "b": "2"}}, {"f:labels": {"f:a": {}}}, {"labels": {"b": "2"}}),
        ({"tags": ["a", "b"]}, {"f:tags": {'v:"a"': {}}}, {"tags": ["b"]}),
        ({"selector": {"a": "1"}}, {"f:selector": {"f:a": {}}}, {"selector": None}),
        ({"args": [{"name": "a"}]}, {"f:args": {"i:0": {}}}, {"args": None}),
        (named("a", "b"), {"f:items": {'k:{"name":"a"}': {}}}, named("b")),
        (
            {"items": [{"name": "a", "image": "x"}]},
            {"f:items": {'k:{"name":"a"}': {"f:image": {}}}},
            named("a"),
        ),
    ],
    ids=str,
)
def test_taking_fields_out(value: Any, fields: Any, left: Any) -> None:
    assert without(KIND, value, fields) == left


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            {"size": "x"},
            ".size: expected numeric (int or float), got string",
        ),
        ({"size": True}, ".size: expected numeric (int or float), got bool"),
        ({"on": "x"}, ".on: expected boolean, got &{x}"),
        (
            {"labels": {"a": 1}},
            ".labels.a: expected string, got &value.valueUnstructured{Value:1}",
        ),
        ({"labels": []}, ".labels: expected map, got &{[]}"),
        ({"tags": {"b": 1, "a": None}}, ".tags: expected list, got &{map[a:<nil> b:1]}"),
        ({"more": 1}, ".more: field not declared in schema"),
        ({"args": [{"foo": 1}]}, ".args[0].foo: field not declared in schema"),
        (
            {"items": [{"name": "a", "foo": 1}]},
            '.items[name="a"].foo: field not declared in schema',
        ),
        (named("a", "a"), '.items: duplicate entries for key [name="a"]'),
        (
            {"items": [None]},
            ".items: element 0: associative list with keys may not have a null element",
        ),
        (
            {"items": ["x"]},
            ".items: element 0: associative list with keys may not have non-map elements",
        ),
        (
            {"items": [{"image": "x"}]},
            KEYLESS,
        ),
        (
            {"tags": [{}]},
            f"{NO_KEYS} a map type",
        ),
        (
            {"tags": [None]},
            f"{NO_KEYS} an explicit null",
        ),
    ],
    ids=lambda case: str(case)[:40],
)
def test_problems(value: dict[str, Any], found: str) -> None:
    assert problems(KIND, value) == [found]


def test_what_fits_has_no_problems() -> None:
    fitting = {"size": 1.5, "on": None, "labels": None, "items": [], "args": [{"name": "a"}]}
    assert problems(KIND, fitting) == []
