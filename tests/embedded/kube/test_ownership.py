"""Owners of fields through the writes of the API."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import Conflict, NotFound
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.patch import json_patch, merge_patch

MAPS = GroupResource("", "configmaps")
DEPLOYMENTS = GroupResource("apps", "deployments")
WIDGETS = GroupResource("ex.com", "widgets")
ALICE, BOB = WriteOptions(field_manager="alice"), WriteOptions(field_manager="bob")


def config_map(**data: str) -> Object:
    metadata = {"name": "m", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(replicas: int) -> Object:
    metadata = {"name": "d", "namespace": "default"}
    spec = {"replicas": replicas}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def owners(obj: Object) -> list[tuple[str, ...]]:
    """Manager, operation, subresource and top-level fields of each entry."""
    return [
        (each["manager"], each["operation"], each.get("subresource", ""), *each["fieldsV1"])
        for each in obj["metadata"].get("managedFields", [])
    ]


def test_creates_updates_and_patches_are_noted(api: Api) -> None:
    made = api.create(MAPS, config_map(a="1"), ALICE).object
    assert made["metadata"]["managedFields"] == [
        {
            "manager": "alice",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2023-11-14T22:13:20Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
        }
    ]
    change = merge_patch({"metadata": {"labels": {"x": "y"}}})
    patched = api.patch(MAPS, "default", "m", change, BOB).object
    assert owners(patched) == [
        ("alice", "Update", "", "f:data"),
        ("bob", "Update", "", "f:metadata"),
    ]
    replaced = api.update(MAPS, config_map(a="2"), BOB).object
    assert owners(replaced) == [("alice", "Update", "", "f:data"), ("bob", "Update", "", "f:data")]


def test_a_write_that_changes_nothing_keeps_the_version(api: Api) -> None:
    made = api.create(MAPS, config_map(a="1"), ALICE).object
    assert api.update(MAPS, config_map(a="1"), BOB).object == made
    applied = api.apply(MAPS, "default", "m", config_map(a="1"), BOB).object
    again = api.apply(MAPS, "default", "m", config_map(a="1"), BOB).object
    assert again == applied
    assert applied["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]


def test_status_has_owners_of_its_own(api: Api) -> None:
    made = api.create(DEPLOYMENTS, deployment(1) | {"status": {"replicas": 9}}, ALICE).object
    assert owners(made) == [("alice", "Update", "", "f:spec")]
    status = made | {"status": {"replicas": 1}}
    written = api.update(DEPLOYMENTS, status, BOB, "status").object
    assert owners(written)[1] == ("bob", "Update", "status", "f:status")


def test_who_scales_owns_the_replicas(api: Api) -> None:
    api.create(DEPLOYMENTS, deployment(1), ALICE)
    api.scale(DEPLOYMENTS, "default", "d", 2, BOB)
    entries = api.get(DEPLOYMENTS, "default", "d")["metadata"]["managedFields"]
    scaled = next(each for each in entries if each["manager"] == "bob")
    assert scaled["subresource"] == "scale"
    assert scaled["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


def test_applying_a_scale_conflicts_with_the_owner_of_the_replicas(api: Api) -> None:
    api.create(DEPLOYMENTS, deployment(1), ALICE)
    scale: Any = {"kind": "Scale", "metadata": {"name": "d"}, "spec": {"replicas": 3}}
    with pytest.raises(Conflict, match=r'"alice" using autoscaling/v1: \.spec\.replicas'):
        api.apply(DEPLOYMENTS, "default", "d", scale, BOB, "scale")
    scaled = api.apply(DEPLOYMENTS, "default", "d", scale, BOB, "scale", force=True).object
    assert scaled["spec"] == {"replicas": 3}
    assert ("bob", "Apply", "scale", "f:spec") in owners(api.get(DEPLOYMENTS, "default", "d"))


def test_only_whole_objects_are_created_by_applying(api: Api) -> None:
    made = api.apply(MAPS, "default", "m", config_map(a="1"), ALICE)
    assert made.created
    assert not api.apply(MAPS, "default", "m", config_map(a="2"), ALICE).created
    for part in ("status", "scale"):
        with pytest.raises(NotFound):
            api.apply(DEPLOYMENTS, "default", "d", deployment(1), ALICE, part)


def test_defaults_of_a_custom_resource_belong_to_its_author_unless_it_is_applied(api: Api) -> None:
    widget: Object = {
        "apiVersion": "ex.com/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {"color": "red"},
    }
    fields = api.create(WIDGETS, widget, ALICE).object["metadata"]["managedFields"][0]["fieldsV1"]
    assert fields == {"f:spec": {".": {}, "f:color": {}, "f:size": {}}}
    widget["metadata"]["name"] = "v"
    applied = api.apply(WIDGETS, "default", "v", widget, ALICE).object
    assert applied["spec"] == {"color": "red", "size": 3}
    assert applied["metadata"]["managedFields"][0]["fieldsV1"] == {"f:spec": {"f:color": {}}}


def test_a_dry_run_keeps_no_owners(api: Api) -> None:
    api.create(MAPS, config_map(a="1"), ALICE)
    dry = WriteOptions(field_manager="bob", dry_run=True)
    assert len(owners(api.apply(MAPS, "default", "m", config_map(b="1"), dry).object)) == 2
    assert len(owners(api.get(MAPS, "default", "m"))) == 1


def test_patches_inside_of_the_entries_leave_what_is_stored_alone(api: Api) -> None:
    api.create(MAPS, config_map(a="1"), ALICE)
    before = api.store.items(MAPS)[0]["metadata"]["managedFields"][0]["fieldsV1"]
    add = {"op": "add", "path": "/metadata/managedFields/0/fieldsV1/f:more", "value": {}}
    api.patch(MAPS, "default", "m", json_patch([add]), BOB)
    assert before == {"f:data": {".": {}, "f:a": {}}}
    after = api.get(MAPS, "default", "m")["metadata"]["managedFields"][0]["fieldsV1"]
    assert after == before | {"f:more": {}}


def test_copies_share_what_nobody_changes(api: Api) -> None:
    made = api.create(MAPS, config_map(a="1"), ALICE).object
    found = api.get(MAPS, "default", "m")
    assert found == made
    one, other = (each["metadata"]["managedFields"][0] for each in (found, made))
    assert one is not other
    assert one["fieldsV1"] is other["fieldsV1"]
