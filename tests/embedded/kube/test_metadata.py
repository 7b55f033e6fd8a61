"""What a request's path says against what its body says."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.metadata import carry_over, check_address, timestamp, update_causes
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


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ("2023-11-14T22:13:20+00:00", False),  # as Python's clients write what they read
        ("2023-11-14T23:13:20+01:00", False),
        ("2023-11-14T22:13:21Z", True),
        ("yesterday", True),
        (7, True),
    ],
)
def test_a_time_may_be_spelled_otherwise_but_not_changed(given: object, refused: bool) -> None:
    old = {"metadata": {"name": "m", "creationTimestamp": "2023-11-14T22:13:20Z"}}
    new: Object = {"metadata": {"name": "m", "creationTimestamp": given}}
    carry_over(MAPS, old, new)
    assert [cause.field for cause in update_causes(old, new)] == (
        ["metadata.creationTimestamp"] if refused else []
    )
    assert (new == old) is not refused
