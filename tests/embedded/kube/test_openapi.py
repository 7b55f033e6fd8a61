from __future__ import annotations

from collections.abc import Mapping

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.openapi import (
    OpenApi,
    Published,
    component_name,
    document_of,
    schema_of,
    v2_protobuf,
)
from knlab.embedded.kube.registry import Resource

SCHEMA = {"type": "object", "properties": {"spec": {"type": "object"}}}
WIDGET = Resource(
    group="ex.com", version="v1", plural="widgets", kind="Widget", schema=SCHEMA,
    strategic_merge=False,
)  # fmt: skip
CONFIG_MAP = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap")
REVIEW = Resource(
    group="authentication.k8s.io", version="v1", plural="reviews", kind="Review",
    namespaced=False, verbs=("create",),
)  # fmt: skip
METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
PUBLISHED: Mapping[str, Object] = {
    METADATA: {"type": "object"},
    "published.Part": {"type": "string"},
    "published.Other": {"type": "string"},
    "published.ConfigMap": {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "description": "Which version."},
            "kind": {"type": "string", "description": "Which kind."},
            "metadata": {
                "allOf": [{"$ref": f"#/components/schemas/{METADATA}"}], "description": "Names.",
            },
            "part": {"$ref": "#/components/schemas/published.Part"},
        },
        "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "ConfigMap"}],
    },
}  # fmt: skip


def test_patch_says_that_the_server_validates_fields() -> None:
    paths = document_of([WIDGET])["paths"]
    patch = paths["/apis/ex.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "ex.com", "version": "v1", "kind": "Widget",
    }  # fmt: skip
    assert {"fieldValidation"} <= {each["name"] for each in patch["parameters"]}


def test_strategic_merge_is_not_advertised_so_that_kubectl_uses_its_own_types() -> None:
    for row in (WIDGET, CONFIG_MAP):
        for operations in document_of([row])["paths"].values():
            content = operations.get("patch", {}).get("requestBody", {}).get("content", {})
            assert "application/strategic-merge-patch+json" not in content


def test_a_published_schema_is_taken_as_it_is_with_all_that_it_refers_to() -> None:
    schemas = document_of([CONFIG_MAP], PUBLISHED)["components"]["schemas"]
    assert schemas["published.ConfigMap"] is PUBLISHED["published.ConfigMap"]
    assert "published.Part" in schemas
    assert "published.Other" not in schemas
    assert "io.k8s.api.core.v1.ConfigMap" not in schemas


def test_strategic_merge_is_advertised_where_the_schema_is_complete() -> None:
    paths = document_of([CONFIG_MAP], PUBLISHED)["paths"]
    patch = paths["/api/v1/namespaces/{namespace}/configmaps/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_custom_resources_are_described_as_most_kinds_are() -> None:
    made = schema_of(WIDGET, PUBLISHED)["properties"]
    assert made["metadata"] == PUBLISHED["published.ConfigMap"]["properties"]["metadata"]


def test_an_index_is_made_without_the_schemas() -> None:
    loads: list[int] = []

    def load() -> Mapping[str, Object]:
        loads.append(1)
        return PUBLISHED

    made = [OpenApi(Published(version, load)) for version in (lambda: "one", lambda: "two")]
    hashes = [each.index([CONFIG_MAP])["paths"]["api/v1"]["serverRelativeURL"] for each in made]
    assert hashes[0] != hashes[1]
    assert not loads
    document = made[0].document([CONFIG_MAP], "api/v1")
    assert document is not None
    assert hashes[0] == f"/openapi/v3/api/v1?hash={document.hash}"
    assert made[0].document([CONFIG_MAP], "api/v1") is document
    assert loads == [1]


def test_paths_have_only_what_the_verbs_allow() -> None:
    paths = document_of([REVIEW])["paths"]
    assert {path: set(found) for path, found in paths.items()} == {
        "/apis/authentication.k8s.io/v1/reviews": {"post"}
    }


def test_every_reference_is_resolved_within_the_document() -> None:
    document = document_of([WIDGET, CONFIG_MAP])
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert _references(document) <= known


def _references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(_references(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(item) for item in value))
    return set()


def test_a_schema_gains_what_every_object_has_and_stays_itself() -> None:
    made = schema_of(WIDGET)
    assert set(made["properties"]) == {"spec", "apiVersion", "kind", "metadata"}
    assert set(SCHEMA["properties"]) == {"spec"}
    assert schema_of(CONFIG_MAP)["x-kubernetes-preserve-unknown-fields"] is True


def test_components_are_named_as_upstream_names_them() -> None:
    assert component_name(CONFIG_MAP) == "io.k8s.api.core.v1.ConfigMap"
    assert component_name(REVIEW) == "io.k8s.api.authentication.v1.Review"
    assert component_name(WIDGET) == "com.ex.v1.Widget"


def test_a_hash_changes_exactly_when_the_rows_of_its_group_version_do() -> None:
    made = OpenApi()
    before = made.index([WIDGET, CONFIG_MAP])["paths"]
    assert made.index([WIDGET, CONFIG_MAP])["paths"] == before
    gadget = Resource(group="ex.com", version="v1", plural="gadgets", kind="Gadget")
    after = made.index([WIDGET, CONFIG_MAP, gadget])["paths"]
    assert after["api/v1"] == before["api/v1"]
    assert after["apis/ex.com/v1"] != before["apis/ex.com/v1"]
    assert made.document([WIDGET], "apis/none/v1") is None


def test_the_v2_stub_is_a_protobuf_document_without_paths() -> None:
    stub = v2_protobuf()
    assert stub.startswith(b"\x0a\x032.0\x12")
    assert stub.endswith(b"\x42\x00")
