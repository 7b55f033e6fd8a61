"""Replacing and patching: what the server keeps, counts and refuses."""

from __future__ import annotations

import pytest

from knlab._clock import ManualClock
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest, Conflict, Invalid, NotFound, StatusError
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.patch import merge_patch
from tests.embedded.kube.samples import (
    DEPLOYMENTS,
    MAPS,
    WIDGETS,
    config_map,
    deployment,
    refused,
    widget,
)


def test_update_checks_the_version(api: Api) -> None:
    first = api.create(MAPS, config_map(data={"a": "1"})).object
    second = api.update(MAPS, first | {"data": {"a": "2"}}).object
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert refused(Conflict, api.update, MAPS, first | {"data": {}}) == (
        'Operation cannot be fulfilled on configmaps "m1": the object has been modified;'
        " please apply your changes to the latest version and try again"
    )
    blind = api.update(MAPS, config_map(data={"a": "3"})).object
    assert blind["data"] == {"a": "3"}
    assert blind["metadata"]["uid"] == first["metadata"]["uid"]


def test_custom_resources_cannot_be_replaced_blindly(api: Api) -> None:
    api.create(WIDGETS, widget())
    assert refused(Invalid, api.update, WIDGETS, widget()) == (
        'widgets.ex.com "w1" is invalid: metadata.resourceVersion: Invalid value: 0: must be'
        " specified for an update"
    )


def test_a_write_that_changes_nothing_is_none(api: Api) -> None:
    made = api.create(WIDGETS, widget(spec={"size": 1})).object
    version = api.store.version
    assert api.update(WIDGETS, made).object == made
    assert api.patch(WIDGETS, "default", "w1", merge_patch({"spec": {"size": 1}})).object == made
    assert api.update(WIDGETS, made, subresource="status").object == made
    assert api.store.version == version


@pytest.mark.parametrize(
    ("change", "generation"),
    [
        pytest.param({"spec": {"replicas": 2}}, 2, id="a change of the spec counts"),
        pytest.param({"metadata": {"labels": {"a": "b"}}}, 1, id="labels do not"),
        pytest.param({"status": {"replicas": 2}}, 1, id="the status is another path"),
        pytest.param({"metadata": {"generation": 7}, "spec": {"x": 1}}, 2, id="not the client's"),
    ],
)
def test_generation(api: Api, change: Object, generation: int) -> None:
    api.create(DEPLOYMENTS, deployment(replicas=1))
    written = api.patch(DEPLOYMENTS, "default", "d1", merge_patch(change)).object
    assert written["metadata"]["generation"] == generation
    assert "status" not in written


def test_status_has_its_own_path(api: Api) -> None:
    made = api.create(DEPLOYMENTS, deployment(replicas=1)).object
    made["spec"]["replicas"] = 5
    made["metadata"]["labels"] = {"yes": "yes"}
    made["status"] = {"replicas": 1}
    written = api.update(DEPLOYMENTS, made, subresource="status").object
    assert written["status"] == {"replicas": 1}
    assert written["spec"] == {"replicas": 1}
    assert written["metadata"]["labels"] == {"yes": "yes"}
    assert written["metadata"]["generation"] == 1
    replaced = api.update(DEPLOYMENTS, deployment(replicas=2)).object
    assert replaced["status"] == {"replicas": 1}
    assert replaced["metadata"]["generation"] == 2


def test_status_of_a_kind_without_one_is_not_found(api: Api) -> None:
    made = api.create(MAPS, config_map()).object
    message = refused(NotFound, api.update, MAPS, made, WriteOptions(), "status")
    assert message == 'configmaps "m1" not found'


def test_the_servers_fields_survive_an_update_without_them(api: Api, clock: ManualClock) -> None:
    made = api.create(MAPS, config_map()).object
    clock.advance(100)
    updated = api.update(MAPS, config_map(data={"a": "b"})).object
    for field in ("uid", "creationTimestamp"):
        assert updated["metadata"][field] == made["metadata"][field]


def test_a_replacement_for_another_object_is_a_conflict(api: Api) -> None:
    uid = api.create(MAPS, config_map()).object["metadata"]["uid"]
    message = refused(Conflict, api.update, MAPS, config_map(metadata={"uid": "other"}))
    assert f"UID in precondition: other, UID in object meta: {uid}" in message


@pytest.mark.parametrize(
    ("patch", "kind", "message"),
    [
        (
            {"metadata": {"uid": "x"}},
            Invalid,
            'metadata.uid: Invalid value: "x": field is immutable',
        ),
        (
            {"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}},
            Invalid,
            "metadata.deletionTimestamp: Invalid value",
        ),
        (
            {"metadata": {"name": "zz"}},
            BadRequest,
            "the name of the object (zz) does not match the name on the URL (m1)",
        ),
        (
            {"metadata": {"namespace": "other"}},
            BadRequest,
            "the namespace of the provided object does not match",
        ),
        ({"metadata": {"resourceVersion": "1"}}, Conflict, "the object has been modified"),
        ({"kind": "Other"}, BadRequest, "does not match the expected kind"),
    ],
)
def test_patch_refuses(api: Api, patch: Object, kind: type[StatusError], message: str) -> None:
    api.create(MAPS, config_map())
    change = merge_patch(patch)
    assert message in refused(kind, api.patch, MAPS, "default", "m1", change)


def test_writes_to_missing_objects_are_not_found(api: Api) -> None:
    message = 'configmaps "m1" not found'
    assert refused(NotFound, api.update, MAPS, config_map()) == message
    assert refused(NotFound, api.patch, MAPS, "default", "m1", merge_patch({})) == message
