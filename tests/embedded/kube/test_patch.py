"""JSON patch and merge patch."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.errors import BadRequest, RequestEntityTooLarge
from knlab.embedded.kube.objects import copy_json
from knlab.embedded.kube.patch import PatchRefusedError, json_patch, merge_patch

START = {"a": {"b": 1, "c/d": 2, "t~": 3}, "l": [1, 2, 3], "n": None}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        pytest.param(
            {"op": "add", "path": "/a/x", "value": 5},
            {"a": {"b": 1, "c/d": 2, "t~": 3, "x": 5}},
            id="add a key",
        ),
        pytest.param({"op": "add", "path": "/a", "value": 5}, {"a": 5}, id="add replaces a key"),
        pytest.param(
            {"op": "add", "path": "/l/1", "value": 9},
            {"l": [1, 9, 2, 3]},
            id="add inserts into a list",
        ),
        pytest.param(
            {"op": "add", "path": "/l/-", "value": 9},
            {"l": [1, 2, 3, 9]},
            id="add appends to a list",
        ),
        pytest.param(
            {"op": "remove", "path": "/a/c~1d"}, {"a": {"b": 1, "t~": 3}}, id="~1 is a slash"
        ),
        pytest.param(
            {"op": "remove", "path": "/a/t~0"}, {"a": {"b": 1, "c/d": 2}}, id="~0 is a tilde"
        ),
        pytest.param({"op": "remove", "path": "/l/0"}, {"l": [2, 3]}, id="remove from a list"),
        pytest.param(
            {"op": "replace", "path": "/l/0", "value": 7}, {"l": [7, 2, 3]}, id="replace in a list"
        ),
        pytest.param(
            {"op": "replace", "path": "/new", "value": 7},
            {"new": 7},
            id="replace of a missing key adds it",
        ),
        pytest.param(
            {"op": "move", "from": "/a/b", "path": "/m"},
            {"a": {"c/d": 2, "t~": 3}, "m": 1},
            id="move",
        ),
        pytest.param({"op": "copy", "from": "/l", "path": "/k"}, {"k": [1, 2, 3]}, id="copy"),
        pytest.param({"op": "test", "path": "/a/b", "value": 1}, {}, id="test that holds"),
        pytest.param({"op": "test", "path": "/n", "value": None}, {}, id="test for null"),
        pytest.param(
            {"op": "test", "path": "/missing", "value": None}, {}, id="a missing key tests as null"
        ),
    ],
)
def test_json_patch(operation: dict[str, Any], expected: dict[str, Any]) -> None:
    assert json_patch([operation])(copy_json(START)) == {**START, **expected}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a/b", "value": 2},
        {"op": "test", "path": "/a/b", "value": True},
        {"op": "remove", "path": "/missing"},
        {"op": "remove", "path": "/l/3"},
        {"op": "add", "path": "/missing/x", "value": 1},
        {"op": "add", "path": "/l/9", "value": 1},
        {"op": "add", "path": "/l/x", "value": 1},
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "replace", "path": "/missing/x", "value": 1},
        {"op": "replace", "path": "", "value": 1},
        {"op": "move", "from": "/a", "path": "/a/b"},
        {"op": "copy", "from": "/missing", "path": "/a"},
    ],
)
def test_json_patches_that_do_not_fit(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchRefusedError) as caught:
        json_patch([operation])(copy_json(START))
    status = caught.value.status()
    assert status["message"] == "the server rejected our request due to an error in our request"
    assert (status["code"], status["reason"], status["details"]) == (422, "Invalid", {})


def test_operations_are_applied_in_order() -> None:
    operations = [
        {"op": "add", "path": "/x", "value": {}},
        {"op": "add", "path": "/x/y", "value": 1},
        {"op": "move", "from": "/x/y", "path": "/z"},
    ]
    assert json_patch(operations)({}) == {"x": {}, "z": 1}


@pytest.mark.parametrize("body", [{}, "x", [1]])
def test_json_patch_bodies_must_be_lists_of_operations(body: Any) -> None:
    with pytest.raises(BadRequest):
        json_patch(body)


@pytest.mark.parametrize("body", [[{"op": "grow"}], [{}]])
def test_operations_that_do_not_exist_are_refused_when_they_are_applied(body: Any) -> None:
    with pytest.raises(PatchRefusedError):
        json_patch(body)({})


@pytest.mark.parametrize(
    ("start", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "x"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_merge_patch_as_in_the_appendix_of_rfc_7386(
    start: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = copy_json(start)
    assert merge_patch(patch)(start) == expected
    assert start == before


@pytest.mark.parametrize("body", [[], [1], "x", None])
def test_merge_patch_bodies_must_be_objects(body: Any) -> None:
    with pytest.raises(BadRequest):
        merge_patch(body)


def test_copies_have_a_limit_together() -> None:
    doubling = [{"op": "copy", "from": "/d", "path": f"/d/k{step}"} for step in range(40)]
    with pytest.raises(PatchRefusedError):
        json_patch(doubling)({"d": {"text": "x" * 1000}})
    fits = json_patch(doubling[:10])({"d": {"text": "x" * 1000}})
    assert set(fits["d"]) == {"text", *(f"k{step}" for step in range(10))}


def test_a_patch_has_ten_thousand_operations_at_most() -> None:
    operation = {"op": "test", "path": "/a", "value": 1}
    assert json_patch([operation] * 10_000)({"a": 1}) == {"a": 1}
    with pytest.raises(RequestEntityTooLarge, match="JSON patch is 10000, got 10001"):
        json_patch([operation] * 10_001)
