"""What a request's path says against what its body says."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.metadata import check_address, timestamp
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
