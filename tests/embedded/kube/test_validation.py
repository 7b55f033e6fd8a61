"""Validation against a schema, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.validation import validate


@pytest.mark.parametrize(
    ("rules", "value", "message"),
    [
        (
            {"type": "integer", "maximum": 9},
            10,
            "spec.n: Invalid value: 10: spec.n in body should be less than or equal to 9",
        ),
        (
            {"type": "integer", "minimum": 1},
            0,
            "spec.n: Invalid value: 0: spec.n in body should be greater than or equal to 1",
        ),
        (
            {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
            1,
            "spec.n: Invalid value: 1: spec.n in body should be greater than 1",
        ),
        (
            {"type": "number", "multipleOf": 2},
            3,
            "spec.n: Invalid value: 3: spec.n in body should be a multiple of 2",
        ),
        (
            {"type": "string", "enum": ["A", "B"]},
            "C",
            'spec.n: Unsupported value: "C": supported values: "A", "B"',
        ),
        (
            {"type": "array", "maxItems": 3},
            [1, 2, 3, 4],
            "spec.n: Too many: 4: must have at most 3 items",
        ),
        (
            {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "integer"}},
            {"a": 1, "b": 2},
            "spec.n: Too many: 2: must have at most 1 item",
        ),
        (
            {"type": "string", "format": "date"},
            "x",
            'spec.n: Invalid value: "x": spec.n in body must be of type date: "x"',
        ),
        (
            {"type": "string", "format": "duration"},
            "x",
            'spec.n: Invalid value: "x": spec.n in body must be of type duration: "x"',
        ),
        (
            {"type": "string", "format": "uri"},
            "x",
            'spec.n: Invalid value: "x": spec.n in body must be of type uri: "x"',
        ),
        (
            {"type": "string", "format": "email"},
            "x",
            'spec.n: Invalid value: "x": spec.n in body must be of type email: "x"',
        ),
        (
            {"type": "array", "minItems": 1},
            [],
            "spec.n: Invalid value: 0: spec.n in body should have at least 1 items",
        ),
        (
            {"type": "string", "maxLength": 5},
            "123456",
            "spec.n: Too long: may not be more than 5 bytes",
        ),
        (
            {"type": "string", "minLength": 2},
            "1",
            'spec.n: Invalid value: "1": spec.n in body should be at least 2 chars long',
        ),
        (
            {"type": "string", "pattern": "^a+$"},
            "b",
            "spec.n: Invalid value: \"b\": spec.n in body should match '^a+$'",
        ),
        (
            {"type": "boolean"},
            "yes",
            'spec.n: Invalid value: "string": spec.n in body must be of type boolean: "string"',
        ),
        (
            {"type": "integer"},
            True,
            'spec.n: Invalid value: "boolean": spec.n in body must be of type integer: "boolean"',
        ),
        (
            {"type": "array"},
            None,
            'spec.n: Invalid value: "null": spec.n in body must be of type array: "null"',
        ),
        ({"type": "object", "required": ["a"]}, {}, "spec.n.a: Required value"),
        (
            {"type": "array", "items": {"type": "string"}},
            ["a", 1],
            (
                'spec.n[1]: Invalid value: "integer": spec.n[1] in body must be of type string:'
                ' "integer"'
            ),
        ),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"k": 1},
            (
                'spec.n.k: Invalid value: "integer": spec.n.k in body must be of type string:'
                ' "integer"'
            ),
        ),
        (
            {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
            [{"k": "a"}, {"k": "a", "x": 1}],
            'spec.n[1]: Duplicate value: {"k":"a"}',
        ),
        (
            {"type": "array", "x-kubernetes-list-type": "set"},
            ["a", "b", "a"],
            'spec.n[2]: Duplicate value: "a"',
        ),
        (
            {"type": "string", "format": "date-time"},
            "today",
            'spec.n: Invalid value: "today": spec.n in body must be of type date-time: "today"',
        ),
        (
            {"x-kubernetes-int-or-string": True},
            [1],
            (
                'spec.n: Invalid value: "array": spec.n in body must be of type integer,string:'
                ' "array"'
            ),
        ),
        (
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": 1, "b": 1},
            (
                '<nil>: Invalid value: "": "spec.n" must validate one and only one schema'
                " (oneOf). Found 2 valid alternatives"
            ),
        ),
        (
            {"not": {"type": "string"}},
            "x",
            '<nil>: Invalid value: "": "spec.n" must not validate the schema (not)',
        ),
    ],
)
def test_messages(rules: dict[str, Any], value: Any, message: str) -> None:
    schema = {"properties": {"spec": {"properties": {"n": rules}}}}
    assert [str(cause) for cause in validate(schema, {"spec": {"n": value}})] == [message]


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ({"type": "number"}, 1),
        ({"type": "integer"}, 2.0),
        ({"type": "string", "nullable": True}, None),
        ({"x-kubernetes-int-or-string": True}, "50%"),
        ({"x-kubernetes-int-or-string": True}, 50),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "x"),
        ({"type": "string", "format": "date-time"}, "2023-11-14T22:13:20Z"),
        ({"type": "string", "format": "invented"}, "x"),
        ({"type": "object"}, {"unknown": 1}),
        ({"type": "array", "x-kubernetes-list-type": "atomic"}, [1, 1]),
        ({}, {"anything": [1]}),
    ],
)
def test_values_that_are_fine(rules: dict[str, Any], value: Any) -> None:
    assert validate({"properties": {"n": rules}}, {"n": value}) == []


def test_any_of_tells_what_came_closest() -> None:
    rules = {"anyOf": [{"required": ["a", "b"]}, {"required": ["c"]}]}
    assert [str(cause) for cause in validate({"properties": {"s": rules}}, {"s": {}})] == [
        '<nil>: Invalid value: "": "s" must validate at least one schema (anyOf)',
        "s.c: Required value",
    ]
