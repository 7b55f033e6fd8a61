"""Decoding refuses values of a wrong type, written or patched, before anything else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knlab.embedded.kube.decoding import check_patched, check_written
from knlab.embedded.kube.errors import BadRequest, Invalid
from knlab.embedded.kube.messages import kind_struct
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

NOTES = Resource(
    group="", version="v1", plural="configmaps", kind="ConfigMap",
    structure=kind_struct("", "v1", "ConfigMap"),
)  # fmt: skip
WIDGETS = Resource(
    group="ex.com", version="v1", plural="widgets", kind="Widget", strategic_merge=False
)
REFUSED = '{0} in version "v1" cannot be handled as a {0}: '
BOOLEAN = "json: cannot unmarshal bool into Go struct field"
NUMBER = "json: cannot unmarshal number into Go struct field"


@pytest.mark.parametrize(
    ("row", "obj", "is_scale", "complaint"),
    [
        (NOTES, {"data": {"a": 1}}, False,
         f"{REFUSED.format('ConfigMap')}{NUMBER} ConfigMap.data of type string"),
        (WIDGETS, {"metadata": {"labels": {"a": 1}}}, False,
         f"{REFUSED.format('Widget')}{NUMBER} ObjectMeta.labels of type string"),
        (WIDGETS, {"spec": {"replicas": True}}, True,
         f"{REFUSED.format('Scale')}{BOOLEAN} ScaleSpec.spec.replicas of type int32"),
    ],
)  # fmt: skip
def test_what_a_client_writes_is_a_bad_request(
    row: Resource, obj: Object, *, is_scale: bool, complaint: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        check_written(row, obj, is_scale=is_scale)
    assert refused.value.message == complaint


@pytest.mark.parametrize(
    ("row", "obj"),
    [
        (NOTES, {"metadata": {"name": "a"}, "data": {"a": "1"}}),
        (WIDGETS, {"metadata": {"name": "a"}, "spec": {"anything": [1]}}),
        (WIDGETS, {"metadata": None}),
    ],
)
def test_what_fits_goes_on(row: Resource, obj: Object) -> None:
    check_written(row, obj)
    check_patched(row, obj)


def test_what_a_patch_makes_is_invalid_and_shown() -> None:
    obj: Any = {"data": {"a": 1}}
    with pytest.raises(Invalid) as refused:
        check_patched(NOTES, obj)
    shown = json.dumps(json.dumps(obj, separators=(",", ":")))
    message = f"Invalid value: {shown}: {NUMBER} ConfigMap.data of type string"
    assert refused.value.status()["message"] == f' "" is invalid: patch: {message}'
    assert refused.value.status()["details"] == {
        "causes": [{"reason": "FieldValueInvalid", "message": message, "field": "patch"}]
    }
