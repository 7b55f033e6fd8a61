"""Decoding refuses values of a wrong type, written or patched, before anything else happens."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.decoding import check_written, drop_unknown, type_complaint
from knlab.embedded.kube.errors import BadRequest
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
NOTE = {"apiVersion": "v1", "kind": "ConfigMap"}
REFUSED = '{0} in version "v1" cannot be handled as a {0}: '
BOOLEAN = "json: cannot unmarshal bool into Go struct field"
NUMBER = "json: cannot unmarshal number into Go struct field"


@pytest.mark.parametrize(
    ("row", "obj", "is_scale", "complaint"),
    [
        (NOTES, NOTE | {"data": {"a": 1}}, False,
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
        (NOTES, NOTE | {"metadata": {"name": "a"}, "data": {"a": "1"}}),
        (WIDGETS, {"metadata": {"name": "a"}, "spec": {"anything": [1]}}),
        (WIDGETS, {"metadata": None}),
    ],
)
def test_what_fits_goes_on(row: Resource, obj: Object) -> None:
    check_written(row, obj)


@pytest.mark.parametrize(
    ("api_version", "kind", "message"),
    [
        ("v1", "Pod", 'Pod in version "v1" {}: converting (v1.Pod) to (core.ConfigMap): unknown'),
        ("v1", "Foo", 'Foo in version "v1" {}: no kind "Foo" is registered for version "v1"'),
        ("v9", "ConfigMap", 'ConfigMap in version "v9" {}: no kind "ConfigMap" is registered'),
        ("apps/v1", "Deployment", 'Deployment in version "v1" {}: json: cannot unmarshal bool'),
    ],
)
def test_objects_of_another_kind(api_version: str, kind: str, message: str) -> None:
    spec: Object = {"spec": True} if kind == "Deployment" else {}
    with pytest.raises(BadRequest) as refused:
        check_written(NOTES, {"apiVersion": api_version, "kind": kind} | spec)
    assert refused.value.message.startswith(message.format("cannot be handled as a ConfigMap"))


@pytest.mark.parametrize(
    ("obj", "complaint"),
    [
        ({}, ""),
        (NOTE, ""),
        ({"kind": 5}, "couldn't get version/kind; json parse error: json: cannot unmarshal number"),
        ({"apiVersion": "a/b/c"}, "unexpected GroupVersion string: a/b/c"),
    ],
)
def test_what_objects_say_they_are(obj: Object, complaint: str) -> None:
    assert type_complaint(obj).startswith(complaint)
    assert bool(type_complaint(obj)) == bool(complaint)


def test_fields_that_a_structure_does_not_know_are_taken_out() -> None:
    port = {"containerPort": 1, "z": 1}
    pod = {
        "kind": "Pod", "x": 1, "metadata": {"labels": {"any": "a"}, "y": None},
        "spec": {"nodeSelector": None, "containers": [{"name": "a", "ports": [port]}]},
    }  # fmt: skip
    structure = kind_struct("", "v1", "Pod")
    assert structure
    unknown = drop_unknown(pod, structure)
    assert unknown == ["x", "metadata.y", "spec.containers[0].ports[0].z"]
    assert pod == {
        "kind": "Pod", "metadata": {"labels": {"any": "a"}},
        "spec": {
            "nodeSelector": None,
            "containers": [{"name": "a", "ports": [{"containerPort": 1}]}],
        },
    }  # fmt: skip
