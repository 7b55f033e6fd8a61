"""Strategic merge patches: the cases that kubectl sends."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.field_types import Definitions
from knlab.embedded.kube.objects import copy_json
from knlab.embedded.kube.strategic_merge import strategic_merge_patch


def _merging(key: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "array",
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": key,
        "items": {"type": "object", "properties": properties},
    }


_SET = {"type": "array", "x-kubernetes-patch-strategy": "merge", "items": {"type": "string"}}
_SPEC = {
    "containers": _merging("name", env=_merging("name"), ports=_merging("containerPort")),
    "ports": _merging("port"),
}
KIND = Definitions({}).read(
    {
        "type": "object",
        "properties": {
            "metadata": {
                "type": "object",
                "properties": {"finalizers": _SET, "ownerReferences": _merging("uid")},
            },
            "spec": {"type": "object", "properties": _SPEC},
            "status": {"type": "object", "properties": {"conditions": _merging("type")}},
        },
    }
)
WEB = {"name": "web", "image": "a", "env": [{"name": "X", "value": "1"}], "args": ["1", "2"]}
LOG = {"name": "log", "image": "b"}


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [WEB, LOG], **spec}}


def patched(start: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    before = copy_json(start)
    result = strategic_merge_patch(patch, KIND)(start)
    assert start == before
    return result


def names(result: dict[str, Any]) -> list[str]:
    return [each["name"] for each in result["spec"]["containers"]]


def test_containers_merge_by_name() -> None:
    result = patched(pod(), {"spec": {"containers": [{"name": "log", "image": "c"}]}})
    assert result == {"spec": {"containers": [WEB, {"name": "log", "image": "c"}]}}


def test_new_containers_are_appended_without_directives() -> None:
    new: dict[str, Any] = {"name": "new", "image": "x", "$setElementOrder/env": [], "tty": None}
    result = patched(pod(), {"spec": {"containers": [new]}})
    assert result["spec"]["containers"][2] == {"name": "new", "image": "x"}


def test_env_merges_by_name_and_args_are_replaced() -> None:
    change = {"name": "web", "env": [{"name": "Y", "value": "2"}], "args": ["3"]}
    web = patched(pod(), {"spec": {"containers": [change]}})["spec"]["containers"][0]
    assert web["env"] == [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]
    assert web["args"] == ["3"]


@pytest.mark.parametrize(
    ("holder", "key"), [("containers", "containerPort"), ("spec", "port")], ids=["pod", "service"]
)
def test_ports_merge_by_what_their_kind_says(holder: str, key: str) -> None:
    ports = {"ports": [{key: 80, "name": "http"}]}
    change = {"ports": [{key: 80, "name": "h2"}, {key: 81}]}
    merged = [{key: 80, "name": "h2"}, {key: 81}]
    if holder == "spec":
        assert patched({"spec": ports}, {"spec": change}) == {"spec": {"ports": merged}}
    else:
        start = {"spec": {"containers": [{"name": "a", **ports}]}}
        result = patched(start, {"spec": {"containers": [{"name": "a", **change}]}})
        assert result["spec"]["containers"][0]["ports"] == merged


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param([{"name": "web", "$patch": "delete"}], ["log"], id="delete one item"),
        pytest.param(
            [{"name": "no", "$patch": "delete"}], ["web", "log"], id="delete a missing one"
        ),
        pytest.param([{"$patch": "replace"}, {"name": "only"}], ["only"], id="replace the list"),
    ],
)
def test_patch_directives_in_lists(patch: list[Any], expected: list[str]) -> None:
    assert names(patched(pod(), {"spec": {"containers": patch}})) == expected


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param({"$patch": "replace", "b": 2}, {"b": 2}, id="replace a map"),
        pytest.param({"$patch": "delete"}, {}, id="delete a map"),
        pytest.param({"$patch": "merge", "b": 2}, {"a": 1, "c": 3, "b": 2}, id="merge a map"),
        pytest.param({"$retainKeys": ["a", "b"], "b": 2}, {"a": 1, "b": 2}, id="retain keys"),
        pytest.param({"a": None}, {"c": 3}, id="null deletes"),
    ],
)
def test_patch_directives_in_maps(patch: dict[str, Any], expected: dict[str, Any]) -> None:
    assert patched({"m": {"a": 1, "c": 3}}, {"m": patch}) == {"m": expected}


def test_unknown_directives_are_refused() -> None:
    with pytest.raises(BadRequest, match="unrecognized"):
        patched({"m": {}}, {"m": {"$patch": "explode"}})


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(BadRequest, match="does not contain declared merge key: name"):
        patched(pod(), {"spec": {"containers": [{"image": "x"}]}})


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["log", "web", "new"], ["log", "web", "new"]),
        (["new", "web", "log"], ["new", "web", "log"]),
        (["new", "log"], ["new", "web", "log"]),
        (["web", "new"], ["web", "new", "log"]),
    ],
)
def test_element_order(order: list[str], expected: list[str]) -> None:
    patch = {
        "$setElementOrder/containers": [{"name": name} for name in order],
        "containers": [{"name": "new"}],
    }
    assert names(patched(pod(), {"spec": patch})) == expected


def test_element_order_alone_only_reorders() -> None:
    order = {"$setElementOrder/containers": [{"name": "log"}, {"name": "web"}]}
    assert names(patched(pod(), {"spec": order})) == ["log", "web"]


def test_finalizers_merge_as_a_set() -> None:
    start = {"metadata": {"finalizers": ["a", "b"]}}
    assert patched(start, {"metadata": {"finalizers": ["b", "c"]}}) == {
        "metadata": {"finalizers": ["a", "b", "c"]}
    }
    removal = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert patched(start, removal) == {"metadata": {"finalizers": ["b"]}}


def test_conditions_merge_by_type_and_owners_by_uid() -> None:
    start = {
        "metadata": {"ownerReferences": [{"uid": "1", "name": "a"}]},
        "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "R"}]},
    }
    patch = {
        "metadata": {"ownerReferences": [{"uid": "1", "controller": True}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "New"}]},
    }
    assert patched(start, patch) == {
        "metadata": {"ownerReferences": [{"uid": "1", "name": "a", "controller": True}]},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "R"}, {"type": "New"}]
        },
    }


def test_maps_of_strings_merge_and_other_lists_are_replaced() -> None:
    start = {"spec": {"selector": {"a": "1"}, "tolerations": [{"key": "x"}]}}
    patch = {"spec": {"selector": {"b": "2"}, "tolerations": [{"key": "y"}]}}
    assert patched(start, patch) == {
        "spec": {"selector": {"a": "1", "b": "2"}, "tolerations": [{"key": "y"}]}
    }


@pytest.mark.parametrize("body", [[], "x"])
def test_bodies_must_be_objects(body: Any) -> None:
    with pytest.raises(BadRequest):
        strategic_merge_patch(body, KIND)
