"""Events: recorded once, counted after that."""

from __future__ import annotations

import random

import pytest

from knlab._clock import ManualClock
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Note
from knlab.embedded.kube.events import LIFETIME
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.registry import Registry
from knlab.embedded.kube.store import Store

from .conftest import KINDS, ROWS

EVENTS = GroupResource("", "events")
POD: Object = {
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "p", "namespace": "default", "uid": "u1", "resourceVersion": "5"},
}  # fmt: skip


def note(message: str = "Started it", regarding: Object = POD) -> Note:
    return Note(regarding, "Normal", "Started", message)


def test_an_event_says_everything_about_what_happened(api: Api) -> None:
    api.record(note(), "kubelet")
    (event,) = api.list(EVENTS)
    fields = event.pop("metadata")
    assert fields["name"] == f"p.{int(1_700_000_000e9):x}"
    assert fields["namespace"] == "default"
    assert fields["uid"]
    assert event == {
        "apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": "Started",
        "message": "Started it", "count": 1, "eventTime": None,
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p", "uid": "u1",
                           "apiVersion": "v1", "resourceVersion": "5"},
        "source": {"component": "kubelet"}, "reportingComponent": "kubelet",
        "reportingInstance": "", "firstTimestamp": "2023-11-14T22:13:20Z",
        "lastTimestamp": "2023-11-14T22:13:20Z",
    }  # fmt: skip


def test_the_same_again_counts_up(api: Api, clock: ManualClock) -> None:
    api.record(note(), "kubelet")
    clock.advance(5)
    api.record(note(), "kubelet")
    (event,) = api.list(EVENTS)
    assert event["count"] == 2
    assert event["firstTimestamp"] == "2023-11-14T22:13:20Z"
    assert event["lastTimestamp"] == "2023-11-14T22:13:25Z"


def test_an_event_belongs_to_the_program_of_its_source(api: Api, clock: ManualClock) -> None:
    api.record(note(), "pod-controller", "manager")
    clock.advance(5)
    api.record(note(), "pod-controller", "manager")
    (entry,) = api.list(EVENTS)[0]["metadata"]["managedFields"]
    assert (entry["manager"], entry["time"]) == ("manager", "2023-11-14T22:13:25Z")
    assert {"f:count", "f:lastTimestamp", "f:reason"} <= entry["fieldsV1"].keys()


def test_something_else_is_another_event(api: Api) -> None:
    other = POD | {"metadata": {**POD["metadata"], "uid": "u2"}}
    api.record(note(), "kubelet")
    api.record(note("other"), "kubelet")
    api.record(note(), "scheduler")
    api.record(note(regarding=other), "kubelet")
    assert len({event["metadata"]["name"] for event in api.list(EVENTS)}) == 4


@pytest.mark.parametrize("namespace", ["missing", "other"])
def test_nothing_is_recorded_where_nothing_can_be(api: Api, namespace: str) -> None:
    spaces = GroupResource("", "namespaces")
    space = api.get(spaces, "", "other")
    space["metadata"]["finalizers"] = ["ex.com/wait"]
    api.update(spaces, space)
    api.delete(spaces, "", "other")
    regarding = POD | {"metadata": {**POD["metadata"], "namespace": namespace}}
    api.record(note(regarding=regarding), "kubelet")
    assert api.list(EVENTS) == []


def test_cluster_scoped_objects_have_their_events_in_default(api: Api) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    api.record(note(regarding=node), "kubelet")
    (event,) = api.list(EVENTS, "default")
    assert "namespace" not in event["involvedObject"]


def test_old_events_are_forgotten_when_new_ones_come(api: Api, clock: ManualClock) -> None:
    api.record(note("old"), "kubelet")
    clock.advance(LIFETIME / 2)
    api.record(note("newer"), "kubelet")
    clock.advance(LIFETIME / 2 + 1)
    api.record(note("newest"), "kubelet")
    assert [event["message"] for event in api.list(EVENTS)] == ["newer", "newest"]


def test_counting_continues_after_a_restart(api: Api, store: Store, clock: ManualClock) -> None:
    api.record(note(), "kubelet")
    again = Api(store, Registry(ROWS), clock, kinds=KINDS, randomness=random.Random(2))
    again.record(note(), "kubelet")
    assert [event["count"] for event in again.list(EVENTS)] == [2]


def test_without_a_kind_for_events_nothing_happens(api: Api) -> None:
    row = api.registry.storage_row(EVENTS)
    assert row is not None
    api.registry.remove(row)
    api.record(note(), "kubelet")
    assert api.store.items(EVENTS) == []


def test_from_the_tenth_message_on_similar_events_are_one(api: Api, clock: ManualClock) -> None:
    for number in range(1, 13):
        api.record(note(f"message {number}"), "kubelet")
        clock.advance(1)
    found = {event["message"]: event for event in api.list(EVENTS)}
    assert found.keys() == {
        *(f"message {number}" for number in range(1, 10)),
        "(combined from similar events): message 12",
    }
    combined = found["(combined from similar events): message 12"]
    assert combined["count"] == 3
    assert combined["firstTimestamp"] == "2023-11-14T22:13:29Z"
    assert combined["lastTimestamp"] == "2023-11-14T22:13:31Z"


def test_what_an_object_has_no_budget_for_is_counted_only(api: Api, clock: ManualClock) -> None:
    for _ in range(30):
        api.record(note(), "kubelet")
    assert [event["count"] for event in api.list(EVENTS)] == [25]
    clock.advance(301)
    api.record(note(), "kubelet")
    assert [event["count"] for event in api.list(EVENTS)] == [31]


def test_an_event_that_somebody_deleted_comes_back_with_its_count(api: Api) -> None:
    api.record(note(), "kubelet")
    (event,) = api.list(EVENTS)
    api.delete(EVENTS, "default", event["metadata"]["name"])
    api.record(note(), "kubelet")
    assert [event["count"] for event in api.list(EVENTS)] == [2]
