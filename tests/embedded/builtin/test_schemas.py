"""What Kubernetes publishes about its kinds, as structure for the server and whole for clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from knlab.embedded.builtin.kinds import rows
from knlab.embedded.builtin.schemas import (
    PUBLISHED,
    components,
    custom_resource_definition_schema,
    schema_of,
)
from knlab.embedded.kube.openapi import document_of
from knlab.embedded.kube.registry import Resource

ROWS = rows(lambda _: ())
ALL = PUBLISHED.load()
REFERENCE = "#/components/schemas/"


def at(schema: Any, *path: str) -> Any:
    """The schema of the field at `path`; `[]` steps into a list."""
    for step in path:
        schema = schema["items"] if step == "[]" else schema["properties"][step]
    return schema


def schemas_in(schema: Any) -> Iterator[Any]:
    yield schema
    for each in (schema.get("properties") or {}).values():
        yield from schemas_in(each)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from schemas_in(schema[key])


POD = schema_of("core.v1.Pod")
CONTAINER = ("spec", "containers", "[]")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("spec", "nodeName"), {"type": "string"}),
        (("spec", "terminationGracePeriodSeconds"), {"type": "integer", "format": "int64"}),
        (("status", "startTime"), {"type": "string", "nullable": True}),
        (
            (*CONTAINER, "resources", "limits"),
            {
                "type": "object",
                "additionalProperties": {"x-kubernetes-preserve-unknown-fields": True},
            },
        ),
        (
            (*CONTAINER, "livenessProbe", "httpGet", "port"),
            {"x-kubernetes-int-or-string": True},
        ),
        ((*CONTAINER, "args"), {
            "type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic",
        }),
        (("metadata", "finalizers"), {
            "type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set",
            "x-kubernetes-patch-strategy": "merge",
        }),
        (("metadata", "managedFields", "[]", "fieldsV1"), {
            "type": "object", "x-kubernetes-preserve-unknown-fields": True,
        }),
    ],
)  # fmt: skip
def test_fields_of_a_pod(path: tuple[str, ...], expected: dict[str, Any]) -> None:
    assert at(POD, *path) == expected


def test_lists_say_how_they_merge() -> None:
    ports = at(POD, *CONTAINER, "ports")
    assert ports["x-kubernetes-list-type"] == "map"
    assert ports["x-kubernetes-list-map-keys"] == ["containerPort", "protocol"]
    assert ports["x-kubernetes-patch-merge-key"] == "containerPort"
    deployment = schema_of("apps.v1.Deployment")
    assert at(deployment, "spec", "strategy")["x-kubernetes-patch-strategy"] == "retainKeys"


def test_a_definition_may_carry_any_schema() -> None:
    crd = custom_resource_definition_schema()
    schema = at(crd, "spec", "versions", "[]", "schema", "openAPIV3Schema")
    assert schema == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}.{row.version}")
def test_a_structural_schema_only_describes_shapes(row: Resource) -> None:
    assert row.schema is not None
    keys = {key for schema in schemas_in(row.schema) for key in schema}
    assert not keys & {"required", "enum", "default", "description", "$ref", "allOf", "oneOf"}


def test_equal_parts_are_shared() -> None:
    template = at(schema_of("apps.v1.Deployment"), "spec", "template")
    assert at(template, "spec")["properties"] is at(POD, "spec")["properties"]


def references_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from references_in(each)


def test_what_is_published_is_complete() -> None:
    assert ALL.keys() == components().keys()
    assert set(references_in(ALL)) <= {REFERENCE + name for name in ALL}


def test_what_is_published_is_described_as_the_real_server_does() -> None:
    spec = ALL["io.k8s.api.batch.v1.CronJobSpec"]
    assert spec["description"] == (
        "CronJobSpec describes how the job execution will look like and when it will actually run."
    )
    assert spec["properties"]["jobTemplate"] == {
        "description": "Specifies the job that will be created when executing a CronJob.",
        "default": {},
        "allOf": [{"$ref": f"{REFERENCE}io.k8s.api.batch.v1.JobTemplateSpec"}],
    }
    policy = spec["properties"]["concurrencyPolicy"]
    assert policy["enum"] == ["Allow", "Forbid", "Replace"]
    assert '`"Forbid"` forbids concurrent runs' in policy["description"]


def test_loading_anew_gives_a_copy_that_callers_may_keep() -> None:
    assert PUBLISHED.load() is not PUBLISHED.load()
    assert PUBLISHED.version() == PUBLISHED.version()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}.{row.version}")
def test_every_kind_is_published(row: Resource) -> None:
    document = document_of([row], ALL)
    described = [
        schema
        for schema in document["components"]["schemas"].values()
        for gvk in schema.get("x-kubernetes-group-version-kind") or ()
        if gvk == {"group": row.group, "version": row.version, "kind": row.kind}
    ]
    assert len(described) == 1
    assert described[0]["description"]
