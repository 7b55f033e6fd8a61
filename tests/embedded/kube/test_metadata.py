"""What a request says of the metadata against what the path says, and what the server does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.metadata import (
    beside_status,
    carry_over,
    causes,
    check_address,
    timestamp,
    update_causes,
    warnings,
)
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap")
SPACES = Resource(group="", version="v1", plural="spaces", kind="Space", namespaced=False)


@pytest.mark.parametrize(
    ("row", "metadata", "expected"),
    [
        (MAPS, {}, {"name": "m", "namespace": "default"}),
        (MAPS, {"name": "m", "namespace": "default"}, {"name": "m", "namespace": "default"}),
        (SPACES, {"namespace": "x"}, {"name": "m"}),
    ],
)
def test_the_path_fills_in(row: Resource, metadata: Object, expected: Object) -> None:
    obj = {"metadata": metadata}
    check_address(row, obj, "default" if row.namespaced else "", "m")
    assert obj["metadata"] == expected


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"name": "zz"}, r"the name of the object \(zz\) does not match the name on the URL \(m\)"),
        ({"namespace": "other"}, "the namespace of the provided object does not match the names"),
        ([], "cannot unmarshal"),
    ],
)
def test_the_body_may_not_say_otherwise(metadata: Object, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        check_address(MAPS, {"metadata": metadata}, "default", "m")


def test_times_have_no_fractions() -> None:
    assert timestamp(1_700_000_000.9) == "2023-11-14T22:13:20Z"


_BORN = {"name": "m", "creationTimestamp": "2023-11-14T22:13:20Z"}
_DYING = _BORN | {"deletionTimestamp": "2023-11-14T22:14:00Z", "deletionGracePeriodSeconds": 30}


@pytest.mark.parametrize(
    ("before", "given", "refused"),
    [
        (_BORN, {"creationTimestamp": "2020-01-01T00:00:00Z"}, ()),
        (_BORN, {"creationTimestamp": None}, ()),
        (_BORN, {"deletionTimestamp": "2020-01-01T00:00:00Z"}, ("deletionTimestamp",)),
        (_BORN, {"deletionGracePeriodSeconds": 5}, ("deletionGracePeriodSeconds",)),
        (_DYING, {"deletionTimestamp": "2020-01-01T00:00:00Z"}, ()),
        (_DYING, {"deletionTimestamp": None, "deletionGracePeriodSeconds": None}, ()),
        (_DYING, {"deletionGracePeriodSeconds": 5}, ("deletionGracePeriodSeconds",)),
    ],
)
def test_times_are_the_servers(before: Object, given: Object, refused: tuple[str, ...]) -> None:
    old, new = {"metadata": before}, {"metadata": before | given}
    carry_over(MAPS, old, new)
    found = [cause.field for cause in update_causes(old, new)]
    assert found == [f"metadata.{name}" for name in refused]
    assert (new == old) is not bool(refused)


@pytest.mark.parametrize(
    ("keeps", "expected"),
    [
        ((), {"labels": {"a": "2"}, "finalizers": ["x.y/z"]}),
        (("labels",), {"labels": {"a": "1"}, "finalizers": ["x.y/z"]}),
        (("labels", "finalizers"), {"labels": {"a": "1"}}),
    ],
)
def test_a_write_of_the_status_changes_some_metadata(
    keeps: tuple[str, ...], expected: Object
) -> None:
    row = replace(MAPS, status_keeps=keeps, has_status=True)
    old = {"metadata": _BORN | {"labels": {"a": "1"}, "generation": 3}, "status": {"x": 1}}
    said = _BORN | {"labels": {"a": "2"}, "finalizers": ["x.y/z"], "generation": 7}
    new = {"metadata": said, "status": {"x": 2}}
    assert beside_status(row, old, new) == _BORN | {"generation": 3} | expected
    assert new == {"metadata": said, "status": {"x": 2}}


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ([], ["foo"], ["name to avoid"]),
        ([], ["ex.com"], ["name including a path (/) to avoid"]),
        ([], ["orphan", "foregroundDeletion", "kubernetes", "ex.com/a"], []),
        (["foo"], ["foo", "bar"], ["name to avoid"]),
    ],
)
def test_finalizers_of_custom_resources_should_have_a_domain(
    before: list[str], after: list[str], ends: list[str]
) -> None:
    old, new = ({"metadata": {"finalizers": names}} for names in (before, after))
    found = warnings(replace(MAPS, strategic_merge=False), old, new)
    start, end = "prefer a domain-qualified finalizer", "accidental conflicts with other"
    named = [each for each in after if each not in before]
    assert found == [
        f'metadata.finalizers: "{name}": {start} {words} {end} finalizer writers'
        for name, words in zip(named, ends, strict=False)
    ]
    assert warnings(MAPS, old, new) == []


@pytest.mark.parametrize(
    ("prefix", "is_wrong"), [("a-", False), ("G-", False), ("a.", True), ("G_", True), ("", False)]
)
def test_a_prefix_of_names_is_checked_too(prefix: str, is_wrong: bool) -> None:
    obj = {"metadata": {"name": "a", "namespace": "b", "generateName": prefix}}
    assert [cause.field for cause in causes(MAPS, obj)] == ["metadata.generateName"] * is_wrong
