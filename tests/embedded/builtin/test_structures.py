"""Every built-in kind knows what it is decoded into."""

from __future__ import annotations

import pytest

from knlab.embedded.builtin.kinds import rows
from knlab.embedded.kube.go_types import misfit
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

ROWS = {(row.group, row.kind): row for row in rows(lambda _: ())}
ADMISSION = "admissionregistration.k8s.io"


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: f"{row.group}-{row.kind}")
def test_a_kind_has_a_structure_with_metadata(row: Resource) -> None:
    assert row.structure is not None, f"{row.kind} accepts values of any type"
    assert misfit({"metadata": {"name": 1}}, row.structure) == (
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"
    )


@pytest.mark.parametrize(
    ("group", "kind", "obj", "field", "go"),
    [
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            {"spec": {"versions": [{"schema": {"openAPIV3Schema": {"properties": {"a": "x"}}}}]}},
            "JSONSchemaProps.spec.versions.schema.openAPIV3Schema.properties",
            "v1.JSONSchemaProps",
        ),
        (
            ADMISSION,
            "ValidatingWebhookConfiguration",
            {"webhooks": [{"timeoutSeconds": "x"}]},
            "ValidatingWebhook.webhooks.timeoutSeconds",
            "int32",
        ),
        (
            ADMISSION,
            "MutatingWebhookConfiguration",
            {"webhooks": [{"reinvocationPolicy": None, "rules": "x"}]},
            "MutatingWebhook.webhooks.rules",
            "[]v1.RuleWithOperations",
        ),
    ],
)
def test_kinds_written_by_hand_complain_like_the_others(
    group: str, kind: str, obj: Object, field: str, go: str
) -> None:
    structure = ROWS[group, kind].structure
    assert structure is not None
    assert misfit(obj, structure) == (
        f"json: cannot unmarshal string into Go struct field {field} of type {go}"
    )
