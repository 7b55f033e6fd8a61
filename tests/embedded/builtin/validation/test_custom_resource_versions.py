"""Versions of CustomResourceDefinitions: rules that nobody would check, fields to select by."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.validation.custom_resource_versions import (
    patterns_in,
    rules_in,
    selectable_fields,
)

RULES = {"x-kubernetes-validations": [{"rule": "self > 1"}]}
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "color": {"type": "string"},
                "size": {"type": "integer"},
                "on": {"type": "boolean"},
                "items": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}
NOWHERE = "is an invalid path: does not refer to a valid field"


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        (RULES, ""),
        ({"properties": {"spec": RULES}}, ".properties[spec]"),
        ({"properties": {"a": {"items": RULES}}}, ".properties[a].items"),
        ({"additionalProperties": RULES}, ".additionalProperties"),
        ({"allOf": [{}, RULES]}, ".allOf[1]"),
    ],
)
def test_rules_in_cel_are_refused_where_they_stand(schema: dict[str, Any], where: str) -> None:
    (cause,) = rules_in(schema, "s")
    assert cause.field == f"s{where}.x-kubernetes-validations"
    wrong = "this server does not evaluate validation rules written in CEL"
    assert cause.message == f"Forbidden: {wrong}"


def test_names_of_fields_are_not_rules() -> None:
    schema = {"properties": {"x-kubernetes-validations": {"type": "array", "default": [1]}}}
    assert list(rules_in(schema, "s")) == []
    assert list(rules_in({"x-kubernetes-validations": []}, "s")) == []


@pytest.mark.parametrize(
    ("paths", "causes"),
    [
        ([".spec.color", ".spec.size", ".spec.on"], []),
        (
            [".spec.items"],
            [
                (
                    'f[0].jsonPath: Invalid value: ".spec.items": must point to a field of type'
                    " string, boolean or integer. Enum string fields and strings with formats are"
                    " allowed."
                )
            ],
        ),
        ([".metadata.name"], [f'f[0].jsonPath: Invalid value: ".metadata.name": {NOWHERE}']),
        ([".spec.none"], [f'f[0].jsonPath: Invalid value: ".spec.none": {NOWHERE}']),
        ([".spec.color"] * 2, ['f[1].jsonPath: Duplicate value: ".spec.color"']),
        ([""], ["f[0].jsonPath: Required value"]),
        (
            ["spec.color"],
            [
                (
                    'f[0].jsonPath: Invalid value: "spec.color": is an invalid path: expected [ or'
                    " . but got: spec"
                )
            ],
        ),
        (
            [".spec['color']"],
            [
                (
                    "f[0].jsonPath: Invalid value: \".spec['color']\": is an invalid path: array"
                    " notation is not allowed"
                )
            ],
        ),
    ],
)
def test_selectable_fields(paths: list[str], causes: list[str]) -> None:
    version = {
        "schema": {"openAPIV3Schema": SCHEMA},
        "selectableFields": [{"jsonPath": path} for path in paths],
    }
    assert [str(cause) for cause in selectable_fields(version, "f")] == causes


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"pattern": "["}, "s"),
        ({"properties": {"a": {"items": {"pattern": "["}}}}, "s.properties[a].items"),
        ({"allOf": [{}, {"not": {"pattern": "["}}]}, "s.allOf[1].not"),
        ({"additionalProperties": {"pattern": "["}}, "s.additionalProperties"),
    ],
)
def test_patterns_must_be_regular_expressions(schema: dict[str, Any], where: str) -> None:
    (cause,) = patterns_in(schema, "s")
    assert str(cause) == (
        f'{where}.pattern: Invalid value: "[": must be a valid regular expression, but isn\'t:'
        " error parsing regexp: missing closing ]: `[`"
    )


@pytest.mark.parametrize("pattern", ["", "^a+$", r"\pL", r"\z", "[[:alpha:]]"])
def test_patterns_of_go_are_good(pattern: str) -> None:
    assert list(patterns_in({"pattern": pattern}, "s")) == []
