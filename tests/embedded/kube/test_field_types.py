"""Field types from structural schemas and from definitions that refer to each other."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.field_types import (
    BOOLEAN,
    DEDUCED,
    NUMBER,
    OBJECT_META,
    STRING,
    UNTYPED,
    Definitions,
    FieldType,
    ListType,
    MapType,
    object_type,
)

READ = Definitions({}).read


def map_of(kind: FieldType) -> MapType:
    assert kind.map is not None
    return kind.map


def list_of(kind: FieldType) -> ListType:
    assert kind.list is not None
    return kind.list


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, STRING),
        ({"type": "string", "format": "byte"}, STRING),
        ({"type": "string", "format": "date-time"}, UNTYPED),
        ({"type": "integer"}, NUMBER),
        ({"type": "number"}, NUMBER),
        ({"type": "boolean"}, BOOLEAN),
    ],
)
def test_scalars(schema: dict[str, Any], expected: FieldType) -> None:
    assert READ(schema) is expected


@pytest.mark.parametrize(
    ("schema", "others"),
    [
        ({}, DEDUCED),
        ({"properties": {"a": {"type": "string"}}}, None),
        ({"properties": {"a": {}}, "x-kubernetes-preserve-unknown-fields": True}, DEDUCED),
        ({"additionalProperties": True}, DEDUCED),
        ({"additionalProperties": False}, None),
        ({"additionalProperties": {"type": "string"}}, STRING),
    ],
)
def test_keys_that_are_not_declared(schema: dict[str, Any], others: FieldType | None) -> None:
    assert map_of(READ({"type": "object", **schema})).others is others


def test_what_keeps_unknown_fields_does_so_at_any_depth() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "object", "properties": {"c": {}}}}}
    outer = {"type": "object", "properties": {"a": inner}}
    kind = map_of(READ(outer | {"x-kubernetes-preserve-unknown-fields": True}))
    assert map_of(map_of(kind.fields["a"]).fields["b"]).others is DEDUCED


def test_an_untyped_field_may_be_anything() -> None:
    kind = READ({"x-kubernetes-int-or-string": True})
    assert kind.scalar == "untyped"
    assert map_of(kind).others is DEDUCED
    assert list_of(kind).kind == "atomic"


@pytest.mark.parametrize(
    ("extensions", "kind", "keys"),
    [
        ({}, "atomic", ()),
        ({"x-kubernetes-list-type": "atomic"}, "atomic", ()),
        ({"x-kubernetes-list-type": "set"}, "set", ()),
        (
            {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "port"]},
            "map",
            ("name", "port"),
        ),
    ],
)
def test_lists(extensions: dict[str, Any], kind: str, keys: tuple[str, ...]) -> None:
    port = {"type": "integer", "default": 80}
    items = {"type": "object", "properties": {"name": {"type": "string"}, "port": port}}
    found = list_of(READ({"type": "array", "items": items, **extensions}))
    assert (found.kind, found.keys) == (kind, keys)
    assert found.defaults == ({"port": 80} if keys else {})


@pytest.mark.parametrize(
    ("extensions", "merge_key"),
    [
        ({}, None),
        ({"x-kubernetes-patch-strategy": "merge"}, ""),
        (
            {
                "x-kubernetes-patch-strategy": "merge,retainKeys",
                "x-kubernetes-patch-merge-key": "name",
            },
            "name",
        ),
        ({"x-kubernetes-patch-strategy": "replace"}, None),
    ],
)
def test_how_strategic_merges_treat_a_list(
    extensions: dict[str, Any], merge_key: str | None
) -> None:
    schema = {"type": "array", "items": {"type": "string"}, **extensions}
    assert list_of(READ(schema)).merge_key == merge_key


def test_every_object_has_the_same_metadata() -> None:
    described = {"type": "object", "properties": {"metadata": {"type": "object"}}}
    for schema in (None, described):
        kind = map_of(object_type(schema))
        assert kind.fields["metadata"] is OBJECT_META
        assert kind.fields["kind"] is STRING


DEFINITIONS = Definitions(
    {
        "x.Outer": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "inner": {"$ref": "x.Inner", "default": {}},
                "pointer": {"$ref": "x.Inner"},
                "whole": {"$ref": "x.Inner", "x-kubernetes-map-type": "atomic"},
                "items": {"type": "array", "items": {"type": "string"}},
                "name": {"type": "string", "default": ""},
                "protocol": {"type": "string", "default": "TCP"},
                "since": {"$ref": "meta.Time"},
            },
        },
        "x.Inner": {"type": "object", "properties": {"a": {"type": "string"}}},
    },
    {"meta.Time": UNTYPED},
)


def test_definitions_are_made_once_and_may_be_atomic_in_one_place() -> None:
    fields = map_of(DEFINITIONS["x.Outer"]).fields
    assert fields["pointer"] is DEFINITIONS["x.Inner"]
    assert map_of(fields["whole"]).atomic
    assert not map_of(fields["pointer"]).atomic


def test_zero_values_of_structures_count_as_being_there() -> None:
    assert map_of(DEFINITIONS["x.Outer"]).always == {
        "inner": {},
        "items": None,
        "name": "",
        "since": None,
    }


def test_defaults_of_custom_resources_are_no_zero_values() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object", "default": {}}}}
    assert map_of(READ(schema)).always == {}
