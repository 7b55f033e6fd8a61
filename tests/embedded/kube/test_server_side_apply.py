"""Applying an object: what becomes of it, and who owns it then."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from knlab.embedded.kube.errors import Conflict
from knlab.embedded.kube.field_sets import FieldSet
from knlab.embedded.kube.field_types import object_type
from knlab.embedded.kube.managed_fields import Entries, Writer
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.kube.server_side_apply import LAST_APPLIED, Application, apply

SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "data": {"type": "object", "additionalProperties": {"type": "string"}},
                "items": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "image": {"type": "string"}},
                    },
                },
            },
        }
    },
}
KIND = object_type(SCHEMA)
NOW = "2024-01-01T00:00:00Z"


def thing(annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    metadata: Object = {"name": "a"}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"apiVersion": "ex.com/v1", "kind": "Thing", "metadata": metadata, "spec": spec}


class World:
    """One object and its managers."""

    def __init__(self, live: Object | None = None, entries: Entries | None = None) -> None:
        self.live = live or {"apiVersion": "ex.com/v1", "kind": "Thing"}
        self.entries = entries or []

    def apply(self, manager: str, wanted: Object, *, force: bool = False) -> Object:
        """The spec after `manager` has applied `wanted`."""
        before = copy_json([self.live, self.entries, wanted])
        writer = Writer(manager, "ex.com/v1", "", NOW)
        application = Application(KIND, self.live, self.entries, wanted, wanted, writer, force)
        live, self.entries = apply(application)
        assert before[2] == wanted
        self.live = live
        spec: Object = live["spec"]
        return spec

    def owners(self) -> dict[str, FieldSet]:
        """What each manager owns below spec."""
        return {each["manager"]: each["fieldsV1"]["f:spec"] for each in self.entries}


def test_a_new_object_belongs_to_whoever_applied_it() -> None:
    world = World()
    assert world.apply("a", thing(size=1, data={"x": "1"})) == {"size": 1, "data": {"x": "1"}}
    assert world.owners() == {"a": {"f:size": {}, "f:data": {"f:x": {}}}}


def test_fields_that_are_not_applied_any_more_go() -> None:
    world = World()
    world.apply("a", thing(size=1, data={"x": "1", "y": "2"}))
    assert world.apply("a", thing(data={"x": "1"})) == {"data": {"x": "1"}}
    assert world.owners() == {"a": {"f:data": {"f:x": {}}}}


def test_what_somebody_else_owns_stays() -> None:
    world = World()
    world.apply("a", thing(data={"x": "1", "y": "2"}))
    world.apply("b", thing(data={"y": "2"}))
    assert world.apply("a", thing(data={"x": "1"})) == {"data": {"x": "1", "y": "2"}}
    assert world.owners() == {"a": {"f:data": {"f:x": {}}}, "b": {"f:data": {"f:y": {}}}}


def test_what_nobody_owns_stays_unless_it_is_inside_of_what_goes() -> None:
    world = World()
    world.apply("a", thing(items=[{"name": "one"}, {"name": "two"}], size=1))
    defaulted: Any = world.live["spec"]
    for item in defaulted["items"]:
        item["image"] = "default"
    assert world.apply("a", thing(items=[{"name": "one"}], size=1)) == {
        "items": [{"name": "one", "image": "default"}],
        "size": 1,
    }


def test_another_value_is_a_conflict_unless_forced() -> None:
    world = World()
    world.apply("a", thing(size=1, data={"x": "1"}))
    with pytest.raises(Conflict, match=r'conflict with "a": \.spec\.size'):
        world.apply("b", thing(size=2))
    assert world.apply("b", thing(size=2), force=True) == {"size": 2, "data": {"x": "1"}}
    assert world.owners() == {"a": {"f:data": {"f:x": {}}}, "b": {"f:size": {}}}


def test_the_last_owner_takes_a_map_along() -> None:
    world = World()
    world.apply("a", thing(data={"x": "1"}, size=1))
    assert world.apply("a", thing(size=1)).get("data") is None


def test_items_keep_their_parts_by_key() -> None:
    world = World()
    world.apply("a", thing(items=[{"name": "web", "image": "1"}]))
    side = {"name": "side", "image": "2"}
    assert world.apply("b", thing(items=[side, {"name": "web"}])) == {
        "items": [side, {"name": "web", "image": "1"}]
    }
    assert world.apply("b", thing()) == {"items": [{"name": "web", "image": "1"}]}


def test_an_object_without_owners_gets_one_for_what_it_has() -> None:
    world = World(thing(size=1, data={"x": "1"}))
    with pytest.raises(Conflict, match=r'"before-first-apply" using ex\.com/v1: \.spec\.size'):
        world.apply("a", thing(size=2))
    world.apply("a", thing(size=2), force=True)
    assert world.owners() == {
        "a": {"f:size": {}},
        "before-first-apply": {".": {}, "f:data": {".": {}, "f:x": {}}},
    }


def client_side(**spec: Any) -> World:
    """An object that client-side apply has made."""
    text = '{"apiVersion":"ex.com/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"size":1}}'
    fields: FieldSet = {"f:size": {}, "f:data": {".": {}, "f:x": {}}}
    entry = {
        "manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "ex.com/v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": fields}, "time": NOW,
    }  # fmt: skip
    return World(thing({LAST_APPLIED: text}, **spec), [entry])


def test_kubectl_takes_over_what_its_client_side_apply_set() -> None:
    world = client_side(size=1)
    assert world.apply("kubectl", thing(size=2)) == {"size": 2}
    assert world.live["metadata"]["annotations"][LAST_APPLIED] == (
        '{"apiVersion":"ex.com/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"size":2}}\n'
    )


@pytest.mark.parametrize(
    ("manager", "live", "wanted"),
    [
        pytest.param("other", {"size": 1}, {"size": 2}, id="another manager"),
        pytest.param("kubectl", {"size": 7}, {"size": 2}, id="changed since"),
        pytest.param("kubectl", {"data": {"x": "1"}}, {"data": {"x": "2"}}, id="set otherwise"),
    ],
)
def test_but_nothing_else(manager: str, live: Any, wanted: Any) -> None:
    with pytest.raises(Conflict):
        client_side(**live).apply(manager, thing(**wanted))


@pytest.mark.parametrize("annotations", [None, {}, {LAST_APPLIED: "{}"}])
def test_kubectl_says_again_what_it_applied(annotations: dict[str, str] | None) -> None:
    live = thing(annotations={LAST_APPLIED: "{}"}, size=1)
    wanted = thing(size=2)
    wanted["metadata"]["annotations"] = annotations
    world = World(live)
    world.apply("kubectl", wanted, force=True)
    said = orjson.loads(world.live["metadata"]["annotations"][LAST_APPLIED])
    kept: Object = {} if annotations is None else {"annotations": {}}
    assert said["metadata"] == {"name": "a"} | kept
