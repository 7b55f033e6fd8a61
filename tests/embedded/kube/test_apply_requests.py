"""Bodies of applies."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.apply_requests import read_applied, repeated_fields
from knlab.embedded.kube.errors import BadRequest

HEAD = "apiVersion: v1\nkind: ConfigMap\n"
TWICE = (HEAD + "data:\n  a: '1'\n  a: '2'\n").encode()


@pytest.mark.parametrize(
    "body", [HEAD + "data: {a: 'b'}", '{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"}}']
)
def test_yaml_and_json_are_read(body: str) -> None:
    assert read_applied(body.encode(), "v1", "ConfigMap") == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("a: [", "error decoding YAML: error converting YAML to JSON: yaml: line 1: did not find"),
        ("[]", "cannot unmarshal array into Go value of type map[string]interface {}"),
        ("7", "cannot unmarshal number into Go value"),
        ("", "invalid object type: /, Kind="),
        ("kind: ConfigMap\napiVersion: v2", "invalid object type: /v2, Kind=ConfigMap"),
        ("kind: D\napiVersion: apps/v1", "invalid object type: apps/v1, Kind=D"),
        (HEAD + "metadata: {managedFields: []}", "metadata.managedFields must be nil"),
    ],
)
def test_what_is_refused(body: str, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_applied(body.encode(), "v1", "ConfigMap")
    assert text in caught.value.message


def test_fields_that_stand_twice() -> None:
    assert repeated_fields(TWICE, "Ignore") == ()
    assert repeated_fields(TWICE, "Warn") == ('line 5: key "a" already set in map',)
    with pytest.raises(BadRequest, match="error strict decoding YAML"):
        repeated_fields(TWICE, "Strict")
