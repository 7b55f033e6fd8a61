"""Structural schemas: pruning, nulls, defaults."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube import schema
from knlab.embedded.kube.objects import copy_json

OBJECT = {
    "type": "object",
    "properties": {
        "known": {"type": "string"},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
        "map": {
            "type": "object",
            "additionalProperties": {"type": "object", "properties": {"a": {}}},
        },
        "open": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"inner": {"type": "object", "properties": {"a": {}}}},
        },
        "free": {"type": "object", "additionalProperties": True},
        "template": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "properties": {"spec": {"type": "object"}},
        },
        "port": {"x-kubernetes-int-or-string": True},
    },
}
ROOT = {"type": "object", "properties": {"spec": OBJECT}}


@pytest.mark.parametrize(
    ("spec", "kept", "unknown"),
    [
        pytest.param({"known": "x"}, {"known": "x"}, [], id="known fields stay"),
        pytest.param({"x": 1, "known": "x"}, {"known": "x"}, ["spec.x"], id="unknown ones go"),
        pytest.param(
            {"list": [{"a": 1}, {"b": 2}]},
            {"list": [{"a": 1}, {}]},
            ["spec.list[1].b"],
            id="in lists, with the index",
        ),
        pytest.param(
            {"map": {"k": {"a": 1, "b": 2}}},
            {"map": {"k": {"a": 1}}},
            ["spec.map.k.b"],
            id="in maps, with the key",
        ),
        pytest.param(
            {"open": {"any": {"x": 1}, "inner": {"a": 1, "b": 1}}},
            {"open": {"any": {"x": 1}, "inner": {"a": 1}}},
            ["spec.open.inner.b"],
            id="preserved unless the schema knows better",
        ),
        pytest.param({"free": {"x": {"y": 1}}}, {"free": {"x": {"y": 1}}}, [], id="free maps"),
        pytest.param(
            {
                "template": {
                    "apiVersion": "v1",
                    "kind": "X",
                    "metadata": {"name": "a", "no": 1},
                    "z": 1,
                }
            },
            {"template": {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}}},
            ["spec.template.metadata.no", "spec.template.z"],
            id="embedded resources have a type and metadata",
        ),
        pytest.param({"port": "http"}, {"port": "http"}, [], id="int or string"),
    ],
)
def test_prune(spec: dict[str, Any], kept: dict[str, Any], unknown: list[str]) -> None:
    obj = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n"}, "spec": copy_json(spec)}
    assert schema.prune(ROOT, obj) == unknown
    assert obj["spec"] == kept
    assert obj["metadata"] == {"name": "n"}


def test_unknown_metadata_and_top_level_fields_are_pruned() -> None:
    obj = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n", "nom": "n"}, "speck": {}}
    assert schema.prune(ROOT, obj) == ["metadata.nom", "speck"]
    assert obj == {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n"}}


def test_nulls_mean_unset_unless_the_field_is_nullable() -> None:
    rules = {
        "properties": {
            "plain": {"type": "string"},
            "nullable": {"type": "string", "nullable": True},
            "map": {"additionalProperties": {"type": "string"}},
            "open": {"x-kubernetes-preserve-unknown-fields": True},
        }
    }
    obj = {"plain": None, "nullable": None, "map": {"a": None}, "open": {"x": None}}
    schema.drop_nulls(rules, obj)
    assert obj == {"nullable": None, "map": {}, "open": {"x": None}}


def test_without_a_schema_every_null_means_unset() -> None:
    obj = {"metadata": {"creationTimestamp": None, "name": "a"}, "l": [{"x": None}], "y": None}
    schema.drop_nulls(None, obj)
    assert obj == {"metadata": {"name": "a"}, "l": [{}]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({}, {"a": 1, "deep": {"b": [2]}}, id="missing"),
        pytest.param({"a": None}, {"a": 1, "deep": {"b": [2]}}, id="null"),
        pytest.param({"a": 5, "deep": {}}, {"a": 5, "deep": {"b": [2]}}, id="inside what is there"),
        pytest.param(
            {"items": [{}, {"c": 1}]},
            {"a": 1, "deep": {"b": [2]}, "items": [{"c": 3}, {"c": 1}]},
            id="in items of lists",
        ),
        pytest.param(
            {"n": None}, {"a": 1, "deep": {"b": [2]}, "n": None}, id="a nullable null is a value"
        ),
    ],
)
def test_defaults(value: dict[str, Any], expected: dict[str, Any]) -> None:
    rules = {
        "properties": {
            "a": {"type": "integer", "default": 1},
            "deep": {"default": {}, "properties": {"b": {"type": "array", "default": [2]}}},
            "items": {"type": "array", "items": {"properties": {"c": {"default": 3}}}},
            "n": {"type": "string", "nullable": True},
        }
    }
    before = copy_json(rules)
    schema.default(rules, value)
    assert value == expected
    assert rules == before
