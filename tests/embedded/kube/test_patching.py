"""A patched object is read as a typed server reads it: its complaints, what they show of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knlab.embedded.kube.decoding import StrictDecodingError
from knlab.embedded.kube.errors import BadRequest, Invalid, StatusError, UnsupportedMediaType
from knlab.embedded.kube.messages import kind_struct
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.kube.patching import read_patch
from knlab.embedded.kube.registry import Resource

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
NOTES = Resource(
    group="", version="v1", plural="configmaps", kind="ConfigMap",
    structure=kind_struct("", "v1", "ConfigMap"),
)  # fmt: skip
LOADS = Resource(
    group="apps", version="v1", plural="deployments", kind="Deployment",
    structure=kind_struct("apps", "v1", "Deployment"),
)  # fmt: skip
WIDGETS = Resource(
    group="ex.com", version="v1", plural="widgets", kind="Widget", strategic_merge=False
)


def stored(row: Resource) -> Object:
    version, kind = row.api_version, row.kind
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a", "namespace": "b"}}


def patched(row: Resource, media_type: str, patch: Any, *, is_scale: bool = False) -> Object:
    change = read_patch(row, json.dumps(patch).encode(), media_type, is_scale=is_scale)
    return change(stored(row))


def in_pod(**fields: Any) -> Object:
    return {"spec": {"template": {"spec": fields}}}


BAD_QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


@pytest.mark.parametrize(
    ("row", "patch", "shown", "complaint"),
    [
        (NOTES, {"data": {"a": 1}}, "map[data:map[a:1]]", "cannot convert int64 to string"),
        (NOTES, {"data": {"a": True}}, "map[data:map[a:true]]", "unrecognized type: string"),
        (NOTES, {"data": {"a": 1.5}}, "map[data:map[a:1.5]]", "unrecognized type: string"),
        (NOTES, {"data": {"a": ["x"]}}, "map[data:map[a:[x]]]", "unrecognized type: string"),
        (NOTES, {"data": "x"}, "map[data:x]", "cannot restore map from string"),
        (NOTES, {"data": 1}, "map[data:1]", "cannot restore map from int64"),
        (NOTES, {"data": 1.5}, "map[data:1.5]", "cannot restore map from float64"),
        (NOTES, {"data": [1]}, "map[data:[1]]", "cannot restore map from slice"),
        (NOTES, {"immutable": 1}, "map[immutable:1]", "unrecognized type: bool"),
        (NOTES, {"metadata": "x"}, "map[metadata:x]", "cannot restore struct from: string"),
        (NOTES, {"kind": 1}, "map[kind:1]", "cannot convert int64 to string"),
        (NOTES, {"apiVersion": {}}, "map[apiVersion:map[]]", "unrecognized type: string"),
        (NOTES, {"metadata": {"finalizers": "x"}}, "map[metadata:map[finalizers:x]]",
         "cannot restore slice from string"),
        (NOTES, {"metadata": {"finalizers": {"a": 1}}}, "map[metadata:map[finalizers:map[a:1]]]",
         "cannot restore slice from map"),
        (NOTES, {"metadata": {"ownerReferences": [{"uid": 1}]}},
         "map[metadata:map[ownerReferences:[map[uid:1]]]]", "cannot convert int64 to types.UID"),
        (NOTES, {"metadata": {"creationTimestamp": 5}}, "map[metadata:map[creationTimestamp:5]]",
         "json: cannot unmarshal number into Go value of type string"),
        (NOTES, {"binaryData": {"a": 1}}, "map[binaryData:map[a:1]]",
         "cannot restore slice from int64"),
        (NOTES, {"binaryData": {"a": "!!"}}, "map[binaryData:map[a:!!]]",
         "error decoding from json: illegal base64 data at input byte 0"),
        (LOADS, {"spec": {"replicas": "x", "paused": "y"}}, "map[spec:map[paused:y replicas:x]]",
         "unrecognized type: int32"),
        (LOADS, {"spec": {"replicas": 1.5}}, "map[spec:map[replicas:1.5]]",
         "cannot convert float64 to int32"),
        (LOADS, {"spec": [1]}, "map[spec:[1]]", "cannot restore struct from: slice"),
        (LOADS, {"spec": {"strategy": {"type": 1}}}, "map[spec:map[strategy:map[type:1]]]",
         "cannot convert int64 to v1.DeploymentStrategyType"),
        (LOADS, in_pod(restartPolicy=1), "map[spec:map[template:map[spec:map[restartPolicy:1]]]]",
         "cannot convert int64 to v1.RestartPolicy"),
        (LOADS, {"spec": {"strategy": {"rollingUpdate": {"maxSurge": True}}}},
         "map[spec:map[strategy:map[rollingUpdate:map[maxSurge:true]]]]",
         "json: cannot unmarshal bool into Go value of type int32"),
        (LOADS, in_pod(overhead={"cpu": "x"}),
         "map[spec:map[template:map[spec:map[overhead:map[cpu:x]]]]]", BAD_QUANTITY),
    ],
)  # fmt: skip
def test_a_strategic_merge_is_restored_field_by_field(
    row: Resource, patch: Object, shown: str, complaint: str
) -> None:
    with pytest.raises(Invalid) as refused:
        patched(row, STRATEGIC, patch)
    message = f'Invalid value: "{shown}": {complaint}'
    assert refused.value.message == f' "" is invalid: patch: {message}'
    assert refused.value.details == {
        "causes": [{"reason": "FieldValueInvalid", "message": message, "field": "patch"}]
    }


@pytest.mark.parametrize(
    ("patch", "field", "value"),
    [
        ({"spec": {"replicas": 3_000_000_000}}, "replicas", -1_294_967_296),
        ({"spec": {"replicas": 2.0}}, "replicas", 2),
        ({"spec": {"unknown": 1}}, "unknown", 1),
    ],
)
def test_numbers_become_those_of_their_type(patch: Object, field: str, value: Any) -> None:
    found = patched(LOADS, STRATEGIC, patch)["spec"][field]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("patch", [{"kind": "Pod"}, {"apiVersion": None}, {"kind": ""}, None])
def test_a_strategic_merge_does_not_change_the_type(patch: Object) -> None:
    assert patched(NOTES, STRATEGIC, patch) == stored(NOTES)


@pytest.mark.parametrize(
    ("row", "patch", "complaint"),
    [
        (NOTES, {"data": {"a": 1}},
         "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        (LOADS, {"spec": {"strategy": {"type": 1}}},
         ("json: cannot unmarshal number into Go struct field DeploymentStrategy.spec.strategy.type"
         " of type v1.DeploymentStrategyType")),
        (LOADS, {"kind": "Pod"}, 'no kind "Pod" is registered for version "apps/v1"'),
        (LOADS, {"apiVersion": "a/b/c"}, "unexpected GroupVersion string: a/b/c"),
        (LOADS, {"apiVersion": "v1", "kind": "Pod"},
         "converting (v1.Pod) to (apps.Deployment): unknown conversion"),
        (NOTES, {"kind": "Pod"}, "converting (v1.Pod) to (core.ConfigMap): unknown conversion"),
        (NOTES, {"kind": 1}, ("couldn't get version/kind; json parse error: json: cannot unmarshal"
         " number into Go struct field .kind of type string")),
        (WIDGETS, {"metadata": {"labels": {"a": 1}}},
         "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string"),
    ],
)  # fmt: skip
def test_what_another_patch_makes_is_shown_as_a_whole(
    row: Resource, patch: Object, complaint: str
) -> None:
    with pytest.raises(Invalid) as refused:
        patched(row, MERGE, patch)
    whole = {**stored(row), **patch}
    if "labels" in patch.get("metadata", {}):
        whole["metadata"] = {**stored(row)["metadata"], **patch["metadata"]}
    shown = json.dumps(json.dumps(whole, separators=(",", ":")))
    assert refused.value.message == f' "" is invalid: patch: Invalid value: {shown}: {complaint}'


NAMELESS = "the name of the object (a based on URL) was undeterminable: name must be provided"


@pytest.mark.parametrize(
    ("row", "media_type", "patch", "message"),
    [
        (NOTES, MERGE, {"metadata": None}, NAMELESS),
        (NOTES, MERGE, {"apiVersion": None}, NAMELESS),
        (NOTES, JSON, [{"op": "replace", "path": "", "value": {}}], NAMELESS),
        (NOTES, STRATEGIC, {"metadata": {"name": None}}, NAMELESS),
        (WIDGETS, MERGE, {"metadata": {"name": None}}, NAMELESS),
        (WIDGETS, MERGE, {"apiVersion": None},
         "Object 'apiVersion' is missing in 'object has no apiVersion field'"),
        (WIDGETS, MERGE, {"apiVersion": "v1"},
         'Widget "a" is invalid: apiVersion: Invalid value: "v1": must be ex.com/v1'),
        (NOTES, STRATEGIC, [],
         "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ],
)  # fmt: skip
def test_patches_that_take_away_what_an_object_needs(
    row: Resource, media_type: str, patch: Any, message: str
) -> None:
    with pytest.raises(StatusError) as refused:
        patched(row, media_type, patch)
    assert refused.value.message == message


@pytest.mark.parametrize("patch", [{"kind": None}, {"kind": ""}])
def test_a_built_in_object_without_a_kind_has_its_own(patch: Object) -> None:
    assert patched(NOTES, MERGE, patch) == stored(NOTES)


@pytest.mark.parametrize(
    ("media_type", "complaint"),
    [
        (STRATEGIC, "cannot restore struct from: string"),
        (MERGE, ("json: cannot unmarshal string into Go struct field Scale.spec of type"
                " v1.ScaleSpec")),
    ],
)  # fmt: skip
def test_a_scale_is_read_as_a_scale(media_type: str, complaint: str) -> None:
    scale = stored(LOADS) | {"apiVersion": "autoscaling/v1", "kind": "Scale"}
    change = read_patch(LOADS, b'{"spec": "x"}', media_type, is_scale=True)
    with pytest.raises(Invalid, match="is invalid: patch:") as refused:
        change(copy_json(scale))
    assert refused.value.message.endswith(complaint)


@pytest.mark.parametrize(
    ("media_type", "shown", "order"),
    [(STRATEGIC, "map[x:1]", ("b", "c", "a")), (MERGE, "x", ("b", "a", "c"))],
)
def test_fields_that_may_not_be_there_are_invalid(
    media_type: str, shown: str, order: tuple[str, ...]
) -> None:
    error = StrictDecodingError(NOTES, order[:1], ("c", "a") if order[1] == "c" else ("a", "c"))
    change = read_patch(NOTES, b'{"x": 1}', media_type, is_scale=False)
    change(stored(NOTES))
    message = change.strict_refusal(error).message
    assert shown in message
    assert message.endswith("strict decoding error: b, a, c")


@pytest.mark.parametrize(
    ("row", "media_type", "error"),
    [
        (WIDGETS, STRATEGIC, UnsupportedMediaType),
        (NOTES, "text/plain", UnsupportedMediaType),
        (NOTES, MERGE, BadRequest),
    ],
)
def test_bodies_that_nobody_can_apply(
    row: Resource, media_type: str, error: type[StatusError]
) -> None:
    with pytest.raises(error):
        read_patch(row, b"{", media_type, is_scale=False)
