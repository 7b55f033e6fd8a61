"""Deleting: grace, finalizers, preconditions, propagation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import Lifecycle, WriteOptions
from knlab.embedded.kube.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound
from knlab.embedded.kube.listing import Query
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.registry import Resource

MAPS = GroupResource("", "configmaps")
PODS = GroupResource("", "pods")
SPACES = GroupResource("", "namespaces")


def _grace(row: Resource, obj: Object, body: Mapping[str, Any]) -> int:
    if row.name != PODS or "nodeName" not in obj["spec"]:
        return 0
    return int(body.get("gracePeriodSeconds", 30))


def _doomed(row: Resource, obj: Object) -> None:
    if row.name == SPACES:
        if obj["metadata"]["name"] == "default":
            raise Forbidden('namespaces "default" is forbidden: this namespace may not be deleted')
        obj["status"] = {"phase": "Terminating"}


def _held(row: Resource, obj: Object) -> bool:
    return row.name == SPACES and bool(obj.get("spec", {}).get("finalizers"))


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle(grace=_grace, doomed=_doomed, held=_held)


def make(api: Api, name: str = "m", **metadata: Any) -> Object:
    fields = {"name": name, "namespace": "default", **metadata}
    return api.create(MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": fields}).object


def make_pod(api: Api, *, node: bool = True) -> Object:
    fields = {"name": "p", "namespace": "default"}
    spec = {"nodeName": "n"} if node else {}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": fields, "spec": spec}
    return api.create(PODS, pod).object


def test_what_nothing_keeps_goes_at_once(api: Api) -> None:
    made = make(api)
    deleted = api.delete(MAPS, "default", "m")
    assert deleted.gone
    assert deleted.object["metadata"]["uid"] == made["metadata"]["uid"]
    assert "deletionTimestamp" not in deleted.object["metadata"]
    assert api.find(MAPS, "default", "m") is None
    with pytest.raises(NotFound, match='configmaps "m" not found'):
        api.delete(MAPS, "default", "m")


def test_finalizers_keep_an_object_until_the_last_is_removed(api: Api) -> None:
    make(api, finalizers=["ex.com/a", "ex.com/b"])
    deleted = api.delete(MAPS, "default", "m")
    assert not deleted.gone
    fields = deleted.object["metadata"]
    assert fields["deletionTimestamp"] == "2023-11-14T22:13:20Z"
    assert fields["deletionGracePeriodSeconds"] == 0
    version = api.store.version
    assert not api.delete(MAPS, "default", "m").gone
    assert api.store.version == version
    one = api.get(MAPS, "default", "m")
    one["metadata"]["finalizers"] = ["ex.com/b"]
    kept = api.update(MAPS, one).object
    kept["metadata"]["finalizers"] = []
    last = api.update(MAPS, kept).object
    assert last["metadata"]["name"] == "m"
    assert api.find(MAPS, "default", "m") is None


def test_no_new_finalizers_while_terminating(api: Api) -> None:
    make(api, finalizers=["ex.com/a"])
    fields = api.delete(MAPS, "default", "m").object
    fields["metadata"]["finalizers"].append("ex.com/new")
    with pytest.raises(Invalid, match="no new finalizers can be added if the object is being del"):
        api.update(MAPS, fields)


def test_deletion_counts_as_a_change_where_there_is_a_generation(api: Api) -> None:
    assert make_pod(api)["metadata"]["generation"] == 1
    assert api.delete(PODS, "default", "p").object["metadata"]["generation"] == 2


def test_grace_can_only_get_shorter(api: Api, clock: ManualClock) -> None:
    make_pod(api)
    first = api.delete(PODS, "default", "p")
    assert not first.gone
    assert first.object["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:50Z"
    assert first.object["metadata"]["deletionGracePeriodSeconds"] == 30
    clock.advance(1)
    assert api.delete(PODS, "default", "p").object == first.object
    longer = api.delete(PODS, "default", "p", {"gracePeriodSeconds": 60}).object
    assert longer == first.object
    shorter = api.delete(PODS, "default", "p", {"gracePeriodSeconds": 10}).object
    assert shorter["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:30Z"
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 10
    assert api.delete(PODS, "default", "p", {"gracePeriodSeconds": 0}).gone


def test_an_update_does_not_end_the_grace(api: Api) -> None:
    make_pod(api)
    pod = api.delete(PODS, "default", "p").object
    pod["metadata"]["labels"] = {"a": "b"}
    labelled = api.update(PODS, pod).object
    api.update(PODS, labelled | {"status": {"phase": "Failed"}}, subresource="status")
    assert api.find(PODS, "default", "p") is not None


@pytest.mark.parametrize(("node", "body"), [(False, {}), (True, {"gracePeriodSeconds": 0})])
def test_no_grace_without_need(api: Api, node: bool, body: Object) -> None:
    make_pod(api, node=node)
    assert api.delete(PODS, "default", "p", body).gone


@pytest.mark.parametrize(
    ("body", "finalizers"),
    [
        ({"propagationPolicy": "Foreground"}, ["foregroundDeletion"]),
        ({"propagationPolicy": "Orphan"}, ["orphan"]),
        ({"orphanDependents": True}, ["orphan"]),
    ],
)
def test_propagation_is_left_to_the_garbage_collector(
    api: Api, body: Object, finalizers: list[str]
) -> None:
    make(api)
    deleted = api.delete(MAPS, "default", "m", body)
    assert not deleted.gone
    assert deleted.object["metadata"]["finalizers"] == finalizers
    assert api.delete(MAPS, "default", "m", {"propagationPolicy": "Background"}).gone


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"propagationPolicy": "Sideways"},
            (
                'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value:'
                ' "Sideways": supported values: "Foreground", "Background", "Orphan", "nil"'
            ),
        ),
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            (
                'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value:'
                ' "Orphan": orphanDependents and deletionPropagation cannot be both set'
            ),
        ),
    ],
)
def test_bad_options(api: Api, body: Object, message: str) -> None:
    make(api)
    with pytest.raises(Invalid) as caught:
        api.delete(MAPS, "default", "m", body)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("wanted", "called", "otherwise"),
    [
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ],
)
def test_preconditions(api: Api, wanted: str, called: str, otherwise: str) -> None:
    made = make(api)
    with pytest.raises(Conflict) as caught:
        api.delete(MAPS, "default", "m", {"preconditions": {wanted: "99"}})
    assert caught.value.message == (
        f'Operation cannot be fulfilled on ConfigMap "m": the {called} in the precondition (99)'
        f" does not match the {called} in record ({made['metadata'][wanted]}). The object might"
        f" have been {otherwise}"
    )
    actual = made["metadata"][wanted]
    assert api.delete(MAPS, "default", "m", {"preconditions": {wanted: actual}}).gone


@pytest.mark.parametrize("grace", ["5", 1.5, True, [1]])
def test_a_grace_period_is_a_whole_number(api: Api, grace: object) -> None:
    make(api)
    with pytest.raises(BadRequest, match=r"DeleteOptions.gracePeriodSeconds of type int64"):
        api.delete(MAPS, "default", "m", {"gracePeriodSeconds": grace})
    assert api.delete(MAPS, "default", "m", {"gracePeriodSeconds": -1}).gone


def test_dry_run_keeps_the_object(api: Api) -> None:
    make(api)
    assert api.delete(MAPS, "default", "m", {}, WriteOptions(dry_run=True)).gone
    assert api.find(MAPS, "default", "m") is not None


def test_collections(api: Api) -> None:
    for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
        make(api, name, labels={"color": color})
    deleted = api.delete_collection(MAPS, "default", Query(labels="color=red"))
    assert [each["metadata"]["name"] for each in deleted] == ["a", "c"]
    assert [each["metadata"]["name"] for each in api.list(MAPS)] == ["b"]


def test_a_kind_may_mark_hold_and_forbid(api: Api) -> None:
    with pytest.raises(Forbidden, match="this namespace may not be deleted"):
        api.delete(SPACES, "", "default")
    space = api.get(SPACES, "", "other")
    api.update(SPACES, space | {"spec": {"finalizers": ["kubernetes"]}})
    deleted = api.delete(SPACES, "", "other")
    assert not deleted.gone
    assert deleted.object["status"] == {"phase": "Terminating"}
    kept = api.get(SPACES, "", "other")
    api.update(SPACES, kept | {"spec": {}})
    assert api.find(SPACES, "", "other") is None
