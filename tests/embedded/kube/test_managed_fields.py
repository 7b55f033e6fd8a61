"""managedFields through writes: entries, times, the cap, what clients send."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.field_changes import Changes
from knlab.embedded.kube.field_sets import FieldSet
from knlab.embedded.kube.managed_fields import (
    MOST_UPDATERS,
    Entries,
    Writer,
    applied,
    chosen,
    conflicts,
    field_taken,
    owned,
    read,
    same_but_times,
    updated,
)
from knlab.embedded.kube.objects import copy_json

SOON, LATER = "2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z"
ME = Writer("me", "v1", "", LATER)
DATA: FieldSet = {"f:data": {"f:a": {}}}
MORE: FieldSet = {"f:data": {"f:b": {}}}
ALL: FieldSet = {"f:data": {"f:a": {}, "f:b": {}}}


def entry(manager: str, fields: FieldSet, **others: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": SOON,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    } | others


def writes(fields: FieldSet) -> Changes:
    return Changes(fields, {})


def shown(entries: Entries) -> list[tuple[str, str, FieldSet]]:
    return [(each["manager"], each.get("time", ""), each["fieldsV1"]) for each in entries]


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ([], writes(DATA), [("me", LATER, DATA)]),
        ([entry("me", MORE)], writes(DATA), [("me", LATER, ALL)]),
        ([entry("other", ALL)], writes(DATA), [("other", SOON, MORE), ("me", LATER, DATA)]),
        ([entry("other", DATA)], writes(DATA), [("me", LATER, DATA)]),
        ([entry("other", ALL)], Changes({}, DATA), [("other", SOON, MORE)]),
        ([entry("me", ALL)], Changes({}, DATA), [("me", SOON, MORE)]),
        ([entry("me", DATA)], Changes({}, DATA), []),
        ([entry("me", ALL)], Changes(DATA, MORE), [("me", LATER, DATA)]),
        ([entry("other", ALL)], writes({"f:metadata": {"f:uid": {}}}), [("other", SOON, ALL)]),
        ([entry("other", ALL)], Changes({}, {}), [("other", SOON, ALL)]),
    ],
    ids=str,
)
def test_updates(before: Entries, changes: Changes, after: Any) -> None:
    given = copy_json(before)
    assert shown(updated(before, changes, ME)) == after
    assert before == given


@pytest.mark.parametrize(
    "others",
    [{"operation": "Apply"}, {"subresource": "status"}, {"apiVersion": "v2"}, {"manager": "you"}],
    ids=str,
)
def test_what_tells_entries_apart(others: dict[str, str]) -> None:
    assert len(updated([entry("me", MORE) | others], writes(DATA), ME)) == 2


def test_what_belongs_to_nobody() -> None:
    metadata: FieldSet = {".": {}, "f:name": {}, "f:uid": {}, "f:labels": {".": {}, "f:a": {}}}
    fields = {"f:apiVersion": {}, "f:kind": {}, "f:metadata": metadata, "f:spec": {}}
    assert owned(fields) == {
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        "f:spec": {},
    }
    assert owned({"f:metadata": {"f:name": {}}}) == {}


def test_entries_are_sorted_by_operation_time_and_manager() -> None:
    before = [
        entry("z", {"f:1": {}}, operation="Apply"),
        entry("b", {"f:2": {}}, time=LATER),
        entry("c", {"f:3": {}}),
        entry("a", {"f:4": {}}, time=LATER),
    ]
    managers = [each["manager"] for each in updated(before, writes(DATA), ME)]
    assert managers == ["z", "c", "a", "b", "me"]


def test_the_oldest_updates_of_a_version_become_one_entry() -> None:
    entries: Entries = []
    for number in range(MOST_UPDATERS + 3):
        writer = Writer(f"m{number:02}", "v1", "", f"2024-01-01T00:00:{number:02}Z")
        entries = updated(entries, writes({f"f:{number}": {}}), writer)
    assert len(entries) == MOST_UPDATERS
    oldest = entries[0]
    assert (oldest["manager"], oldest["time"]) == ("ancient-changes", "2024-01-01T00:00:03Z")
    assert oldest["fieldsV1"] == {"f:0": {}, "f:1": {}, "f:2": {}, "f:3": {}}


def test_appliers_do_not_count_for_the_cap() -> None:
    appliers = [entry(f"a{each}", {f"f:{each}": {}}, operation="Apply") for each in range(20)]
    assert len(updated(appliers, writes(DATA), ME)) == 21


MINE = entry("me", ALL, operation="Apply")


@pytest.mark.parametrize(
    ("before", "fields", "changes", "unchanged", "after"),
    [
        ([], DATA, writes(DATA), False, [("me", LATER, DATA)]),
        ([MINE], DATA, Changes({}, MORE), False, [("me", LATER, DATA)]),
        ([MINE], ALL, Changes({}, {}), True, [("me", SOON, ALL)]),
        ([entry("you", ALL)], DATA, Changes({}, {}), True, [("me", "", DATA), ("you", SOON, ALL)]),
        (
            [entry("you", ALL)],
            DATA,
            writes(DATA),
            False,
            [("me", LATER, DATA), ("you", SOON, MORE)],
        ),
        ([MINE], {}, Changes({}, ALL), False, []),
    ],
    ids=str,
)
def test_applying(
    before: Entries, fields: FieldSet, changes: Changes, *, unchanged: bool, after: Any
) -> None:
    assert shown(applied(before, fields, changes, ME, unchanged=unchanged)) == after


def test_conflicts_are_fields_of_others_that_would_change() -> None:
    you = entry("you", ALL, operation="Apply")
    assert conflicts([MINE, you], writes(DATA), ME) == [(you, DATA)]
    assert conflicts([MINE, you], writes({"f:other": {}}), ME) == []


REPLICAS: FieldSet = {"f:spec": {"f:replicas": {}}}
SCALER = Writer("scaler", "apps/v1", "scale", LATER)


@pytest.mark.parametrize(
    ("before", "kept", "after"),
    [
        ([entry("you", REPLICAS)], True, [("scaler", "", REPLICAS)]),
        ([entry("you", REPLICAS)], False, []),
        ([entry("you", DATA)], True, [("you", SOON, DATA)]),
        ([], True, []),
    ],
)
def test_a_field_changed_through_a_subresource(before: Entries, *, kept: bool, after: Any) -> None:
    path = ("f:spec", "f:replicas")
    assert shown(field_taken(before, path, SCALER, kept=kept)) == after


STORED = [entry("stored", DATA)]


@pytest.mark.parametrize(
    ("given", "managers"),
    [
        (None, ["stored"]),
        ([], []),
        ([{}], []),
        (STORED, ["stored"]),
        ([entry("sent", DATA)], ["sent"]),
        ([entry("sent", DATA), {}], ["stored"]),
        ([entry("sent", DATA, operation="Delete")], ["stored"]),
        ([entry("sent", DATA, fieldsType="FieldsV2")], ["stored"]),
        ([entry("sent", DATA, apiVersion="")], ["stored"]),
        ([entry("sent", DATA, time="yesterday")], ["stored"]),
        ([entry("sent", {"nonsense": {}})], ["stored"]),
        ("text", ["stored"]),
    ],
    ids=str,
)
def test_clients_may_change_or_clear_the_entries(given: Any, managers: list[str]) -> None:
    assert [each["manager"] for each in chosen(given, STORED)] == managers


def test_times_are_read_in_any_spelling() -> None:
    found = read([entry("sent", DATA, time="2024-01-01T01:00:01.5+01:00")])
    assert found is not None
    assert found[0]["time"] == SOON


def test_entries_may_differ_in_times_only() -> None:
    assert same_but_times([entry("a", DATA)], [entry("a", DATA, time=LATER)])
    assert not same_but_times([entry("a", DATA)], [entry("a", MORE)])
    assert not same_but_times([entry("a", DATA)], [])
