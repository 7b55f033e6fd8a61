"""Sets of fields: their algebra, their order, the spelling of keys."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.field_sets import (
    FieldSet,
    at,
    difference,
    has,
    intersection,
    item_key,
    parsed,
    path_text,
    paths,
    union,
    with_named_fields,
)
from knlab.embedded.kube.field_types import Definitions, ListType

A: FieldSet = {"f:a": {}}
A_B: FieldSet = {"f:a": {"f:b": {}}}
BOTH: FieldSet = {"f:a": {".": {}, "f:b": {}}}
C: FieldSet = {"f:c": {}}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (A, {}, A),
        (A, C, {"f:a": {}, "f:c": {}}),
        (A, A, A),
        (A, A_B, BOTH),
        (A_B, A, BOTH),
        (A_B, BOTH, BOTH),
        (A_B, {"f:a": {"f:c": {}}}, {"f:a": {"f:b": {}, "f:c": {}}}),
    ],
)
def test_union(one: FieldSet, other: FieldSet, expected: FieldSet) -> None:
    assert union(one, other) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (A, A, {}),
        (A, C, A),
        (A, A_B, A),
        (A_B, A, A_B),
        (BOTH, A, A_B),
        (BOTH, A_B, A),
        (BOTH, BOTH, {}),
        (A_B, BOTH, {}),
        ({"f:a": {"f:b": {}, "f:c": {}}}, BOTH, {"f:a": {"f:c": {}}}),
    ],
)
def test_difference(one: FieldSet, other: FieldSet, expected: FieldSet) -> None:
    assert difference(one, other) == expected


def test_a_difference_that_takes_nothing_is_the_set_itself() -> None:
    assert difference(BOTH, C) is BOTH
    assert difference(A_B, A) is A_B


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(A, A, A), (A, C, {}), (A, A_B, {}), (BOTH, A, A), (BOTH, A_B, A_B), (BOTH, BOTH, BOTH)],
)
def test_intersection(one: FieldSet, other: FieldSet, expected: FieldSet) -> None:
    assert intersection(one, other) == expected


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        (A, ("f:a",), True),
        (A_B, ("f:a",), False),
        (BOTH, ("f:a",), True),
        (BOTH, ("f:a", "f:b"), True),
        (BOTH, ("f:a", "f:c"), False),
    ],
)
def test_membership(fields: FieldSet, path: tuple[str, ...], *, expected: bool) -> None:
    assert has(fields, path) is expected


def test_one_field_as_a_set() -> None:
    assert at(["f:spec", "f:replicas"]) == {"f:spec": {"f:replicas": {}}}


def test_members_of_a_level_come_before_what_is_below_them() -> None:
    web: FieldSet = {".": {}, "f:image": {}}
    eighty, many = 'k:{"port":80}', 'k:{"port":8080}'
    fields: FieldSet = {
        "f:list": {many: {}, 'k:{"port":443}': {}, eighty: {}},
        "f:containers": {'k:{"name":"web"}': web},
        "f:set": {'v:"b"': {}, 'v:"a"': {}},
        "f:z": {},
    }
    assert [path_text(path) for path in paths(fields)] == [
        ".z",
        '.containers[name="web"]',
        '.containers[name="web"].image',
        ".list[port=80]",
        ".list[port=443]",
        ".list[port=8080]",
        '.set[="a"]',
        '.set[="b"]',
    ]


PORTS = ListType(
    items=Definitions({}).read({"type": "object"}),
    kind="map",
    keys=("port", "protocol"),
    defaults={"protocol": "TCP"},
)
SET = ListType(items=Definitions({}).read({"type": "string"}), kind="set")


@pytest.mark.parametrize(
    ("kind", "item", "key"),
    [
        (PORTS, {"protocol": "UDP", "port": 53}, 'k:{"port":53,"protocol":"UDP"}'),
        (PORTS, {"port": 80}, 'k:{"port":80,"protocol":"TCP"}'),
        (PORTS, None, None),
        (PORTS, "80", None),
        (SET, "x", 'v:"x"'),
        (SET, 7, "v:7"),
        (SET, {}, None),
        (SET, None, None),
    ],
)
def test_keys_of_items(kind: ListType, item: Any, key: str | None) -> None:
    assert item_key(kind, item) == key


def test_an_item_without_any_of_its_keys_has_none() -> None:
    named = ListType(items=PORTS.items, kind="map", keys=("name",))
    assert item_key(named, {"image": "x"}) is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"f:a": {".": {}, "f:b": {}}}, BOTH),
        ({'k:{"b": 1, "a": 2}': {}}, {'k:{"a":2,"b":1}': {}}),
        ({'v: "x"': {}}, {'v:"x"': {}}),
        ({"q:unknown": {}, "f:a": {}}, A),
        ({"f:a": []}, None),
        ({"nothing": {}}, None),
        ({"k:[1]": {}}, None),
        ({"v:{": {}}, None),
        ("text", None),
    ],
)
def test_reading_what_clients_send(sent: Any, read: FieldSet | None) -> None:
    assert parsed(sent) == read


def test_declared_fields_above_members_become_members() -> None:
    labels = {"type": "object", "additionalProperties": {"type": "object"}}
    spec = {"type": "object", "properties": {"labels": labels}}
    kind = Definitions({}).read({"type": "object", "properties": {"spec": spec}})
    below: FieldSet = {"f:spec": {"f:labels": {"f:x": {"f:y": {}}}}}
    assert with_named_fields(below, kind) == {
        "f:spec": {".": {}, "f:labels": {".": {}, "f:x": {"f:y": {}}}}
    }
