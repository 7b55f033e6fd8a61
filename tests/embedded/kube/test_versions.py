"""Rows that differ from what is stored, rows with parts, rows whose dependents stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from knlab._clock import ManualClock
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.kube.listing import Query
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.registry import Conversion, Registry, Resource, Strategy
from knlab.embedded.kube.store import Store
from tests.embedded.kube.conftest import KINDS, ROWS, SPACES

LAMPS = GroupResource("ex.com", "lamps")


def shown(lamp: Object) -> Object:
    spec = lamp.get("spec") or {}
    return {**lamp, "spec": {"brightness": spec.get("watts", 0) * 10}}


def stored(lamp: Object) -> Object:
    spec = lamp.get("spec") or {}
    return {**lamp, "spec": {"watts": spec.get("brightness", 0) // 10}}


def moved(lamp: Object, new: Object) -> Object:
    if "room" not in new["spec"]:
        raise BadRequest("no room")
    lamp["spec"]["room"] = new["spec"]["room"]
    return lamp


def never(_new: Object, _old: Object | None) -> Object:
    raise AssertionError("a part is written past the kind's strategy")


V2 = Resource(
    group="ex.com", version="v2", plural="lamps", kind="Lamp", parts={"place": moved},
    orphan_warning="cables stay", field_selectors=("spec.watts",),
)  # fmt: skip
V1 = replace(
    V2, version="v1", conversion=Conversion(shown, stored), is_storage_version=False, parts={},
    field_selectors=("spec.brightness",),
)  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    store = Store(tmp_path / "store.sqlite")
    made = Api(store, Registry((*ROWS, V2, V1)), ManualClock(), kinds=KINDS)
    made.create(SPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    yield made
    store.close()


def lamp(version: str, **spec: object) -> Object:
    metadata = {"name": "desk", "namespace": "default"}
    return {"apiVersion": f"ex.com/{version}", "kind": "Lamp", "metadata": metadata, "spec": spec}


def test_each_version_shows_one_object_in_its_own_way(api: Api) -> None:
    made = api.create(V1, lamp("v1", brightness=600)).object
    assert (made["apiVersion"], made["spec"]) == ("ex.com/v1", {"brightness": 600})
    assert api.get(LAMPS, "default", "desk")["spec"] == {"watts": 60}
    assert api.get(V2, "default", "desk")["apiVersion"] == "ex.com/v2"
    assert api.peek(V1, "default", "desk")["spec"] == {"brightness": 600}
    (item,) = api.page(V1).items
    assert item["spec"] == {"brightness": 600}


def test_changes_through_one_version_arrive_in_the_other(api: Api) -> None:
    api.create(V2, lamp("v2", watts=5))
    api.update(V1, lamp("v1", brightness=70))
    assert api.get(V2, "default", "desk")["spec"] == {"watts": 7}
    api.patch(V1, "default", "desk", lambda obj: obj | {"spec": {"brightness": 90}})
    assert api.get(V2, "default", "desk")["spec"] == {"watts": 9}


def test_a_terminating_object_is_kept_in_the_stored_version(api: Api) -> None:
    made = lamp("v2", watts=5)
    made["metadata"]["finalizers"] = ["ex.com/mine"]
    api.create(V2, made)
    api.delete(V1, "default", "desk", {"propagationPolicy": "Background"})
    kept = api.get(LAMPS, "default", "desk")
    assert (kept["apiVersion"], kept["spec"]) == ("ex.com/v2", {"watts": 5})
    assert kept["metadata"]["deletionTimestamp"]


def test_fields_are_selected_as_the_version_names_them(api: Api) -> None:
    api.create(V2, lamp("v2", watts=5))
    assert len(api.page(V1, None, Query(fields="spec.brightness=50")).items) == 1
    assert len(api.page(V2, None, Query(fields="spec.watts=5")).items) == 1
    assert api.page(V1, None, Query(fields="spec.brightness=5")).items == []


def test_a_part_writes_what_it_takes_and_counts_no_generation(api: Api) -> None:
    api.create(V2, lamp("v2", watts=5))
    strict = replace(V2, strategy=Strategy(default=never))
    api.registry.add(strict)
    written = api.update(strict, lamp("v2", watts=99, room="attic"), subresource="place").object
    assert written["spec"] == {"watts": 5, "room": "attic"}
    assert written["metadata"]["generation"] == 1


def test_a_part_may_refuse(api: Api) -> None:
    api.create(V2, lamp("v2", watts=5))
    with pytest.raises(BadRequest, match="no room"):
        api.update(V2, lamp("v2"), subresource="place")
    with pytest.raises(NotFound):
        api.update(V2, lamp("v2") | {"metadata": {"name": "no", "namespace": "default"}},
                   subresource="place")  # fmt: skip


def test_dependents_stay_unless_somebody_says_otherwise(api: Api) -> None:
    api.create(V2, lamp("v2"))
    deleted = api.delete(V2, "default", "desk")
    assert deleted.warnings == ("cables stay",)
    assert deleted.object["metadata"]["finalizers"] == ["orphan"]


@pytest.mark.parametrize("said", [{"propagationPolicy": "Background"}, {"orphanDependents": False}])
def test_and_go_if_they_do(api: Api, said: Object) -> None:
    api.create(V2, lamp("v2"))
    deleted = api.delete(V2, "default", "desk", said)
    assert deleted.gone
    assert deleted.warnings == ()


@pytest.mark.parametrize(("counts", "generation"), [(False, 1), (True, 2)])
def test_some_kinds_count_changes_of_annotations(api: Api, counts: bool, generation: int) -> None:
    row = replace(V2, counts_annotations=counts)
    api.registry.add(row)
    made = api.create(row, lamp("v2", watts=5)).object
    made["metadata"]["annotations"] = {"a": "b"}
    assert api.update(row, made).object["metadata"]["generation"] == generation
    assert api.update(row, api.get(row, "default", "desk")).object["metadata"]["generation"] == (
        generation
    )
