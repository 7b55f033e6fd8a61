"""Strategic merge patches: the cases that kubectl sends."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.field_types import Definitions
from knlab.embedded.kube.objects import copy_json
from knlab.embedded.kube.patch import PatchRefusedError
from knlab.embedded.kube.strategic_merge import strategically_merged


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
    return strategically_merged(copy_json(start), copy_json(patch), KIND)


def names(result: dict[str, Any]) -> list[str]:
    return [each["name"] for each in result["spec"]["containers"]]


def test_containers_merge_by_name() -> None:
    result = patched(pod(), {"spec": {"containers": [{"name": "log", "image": "c"}]}})
    assert result == {"spec": {"containers": [WEB, {"name": "log", "image": "c"}]}}


def test_what_a_patch_names_comes_first_unless_the_list_had_it_later() -> None:
    assert names(patched(pod(), {"spec": {"containers": [{"name": "new"}]}})) == [
        "new", "web", "log",
    ]  # fmt: skip
    assert names(patched(pod(), {"spec": {"containers": [{"name": "log"}]}})) == ["web", "log"]


def test_env_merges_by_name_and_args_are_replaced() -> None:
    change = {"name": "web", "env": [{"name": "Y", "value": "2"}], "args": ["3"]}
    web = patched(pod(), {"spec": {"containers": [change]}})["spec"]["containers"][0]
    assert web["env"] == [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]
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
        pytest.param({"$retainKeys": ["a", "b"], "b": 2}, {"a": 1, "b": 2}, id="retain keys"),
        pytest.param({"a": None}, {"c": 3}, id="null deletes"),
    ],
)
def test_patch_directives_in_maps(patch: dict[str, Any], expected: dict[str, Any]) -> None:
    assert patched({"m": {"a": 1, "c": 3}}, {"m": patch}) == {"m": expected}


_NAMED = [{"name": "web"}, {"name": "log"}]
_CONTAINERS = "[[map[name:web] map[name:log]] "


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"$patch": "x"}, "unknown patch type: x in map: map[$patch:x]"),
        ({"spec": {"$patch": "merge"}}, "unknown patch type: merge in map: map[$patch:merge]"),
        ({"spec": {"$patch": 1}}, "unknown patch type: %!s(int64=1) in map: map[$patch:1]"),
        ({"spec": {"containers": ["x"]}},
         f"list element types are not identical: {_CONTAINERS}[x]]"),
        ({"spec": {"containers": [{"name": "web"}, None]}},
         f"list element types are not identical: {_CONTAINERS}[map[name:web] <nil>]]"),
        ({"spec": {"containers": [{"image": 1.5}]}},
         "map: map[image:1.5] does not contain declared merge key: name"),
        ({"spec": {"containers": [{"$patch": "delete"}]}},
         "map: map[$patch:delete] does not contain declared merge key: name"),
        ({"spec": {"containers": [{"name": "web", "$patch": "x"}]}},
         "unknown patch type: x in map: map[$patch:x name:web]"),
        ({"spec": {"containers": [{"name": "web", "$patch": "merge"}]}},
         "merging lists cannot yet be specified in the patch"),
        ({"spec": {"$setElementOrder/containers": "x"}},
         "expected a []interface {}, but received a string"),
        ({"spec": {"$setElementOrder/containers": [], "containers": {}}},
         "expected a []interface {}, but received a map[string]interface {}"),
        ({"spec": {"$setElementOrder/containers": ["x"]}}, "value for key 0 is not a map"),
        ({"spec": {"$setElementOrder/containers": [{"image": "x"}]}},
         "map: map[image:x] does not contain declared merge key: name"),
        ({"spec": {"$setElementOrder/containers": [{"name": "web"}], "containers": ["x"]}},
         "expected a map[string]interface {}, but received a string"),
        ({"spec": {"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                   "containers": [{"name": "c"}]}},
         ("The order in patch list:\n[map[name:c]]\n doesn't match $setElementOrder list:\n"
         "[map[name:a] map[name:b]]\n")),
        ({"spec": {"$retainKeys": "x"}}, "invalid patch format of retainKeys"),
        ({"spec": {"$retainKeys": ["a"], "b": 1}}, "invalid patch format of retainKeys"),
    ],
)  # fmt: skip
def test_malformed_patches_are_refused_in_kubernetes_words(
    patch: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        patched({"spec": {"containers": _NAMED}}, patch)
    assert refused.value.message == message


def test_lists_of_lists_are_refused_without_saying_why() -> None:
    start = {"metadata": {"finalizers": [["a"]]}}
    with pytest.raises(PatchRefusedError):
        patched(start, {"metadata": {"finalizers": ["x"]}})


@pytest.mark.parametrize(
    ("patch", "left"),
    [
        ({"spec": {"$retainKeys": ["a"], "a": None}}, {"spec": {"a": None}}),
        ({"spec": {"$patch": "replace", "a": None}}, {"spec": {"a": None}}),
        ({"new": {"a": None, "b": {"$patch": "delete"}, "c": [{"d": None}]}},
         {"new": {"c": [{}]}}),
        ({"spec": {"$setElementOrder/containers": _NAMED, "containers": [{"name": "web"}]}},
         {"spec": {}}),
    ],
)  # fmt: skip
def test_what_is_left_of_a_patch(patch: dict[str, Any], left: dict[str, Any]) -> None:
    remaining = copy_json(patch)
    strategically_merged({"spec": {"containers": copy_json(_NAMED)}}, remaining, KIND)
    assert remaining == left


@pytest.mark.parametrize("value", ["x", 1, [1], {"a": 1}, True])
def test_another_type_replaces_what_was_there(value: Any) -> None:
    start = {"spec": {"containers": "x" if isinstance(value, list) else [{"name": "web"}]}}
    assert patched(start, {"spec": {"containers": value}}) == {"spec": {"containers": value}}


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
