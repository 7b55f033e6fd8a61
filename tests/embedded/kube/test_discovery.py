"""Compared with what a real Kubernetes 1.34.4 answers to the same paths."""

from __future__ import annotations

from knlab.embedded.kube.discovery import (
    Discovery,
    Offer,
    standard_subresources,
    version_info,
    version_rank,
)
from knlab.embedded.kube.registry import Resource, ScalePaths

CONFIG_MAPS = Resource(
    group="", version="v1", plural="configmaps", kind="ConfigMap", short_names=("cm",),
    has_status=False,
)  # fmt: skip
DEPLOYMENTS = Resource(
    group="apps", version="v1", plural="deployments", kind="Deployment", short_names=("deploy",),
    categories=("all",), scale=ScalePaths(),
)  # fmt: skip
HPA = [
    Resource(group="autoscaling", version=version, plural="hpas", kind="HPA", has_status=False)
    for version in ("v1", "v2")
]
MADE = Discovery(
    [Offer(row, tuple(standard_subresources(row))) for row in (CONFIG_MAPS, DEPLOYMENTS, *HPA)]
)
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
PART = ["get", "patch", "update"]


def test_resources_of_the_core_group_are_as_the_real_server_lists_them() -> None:
    assert MADE.resources("", "v1") == {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {
                "name": "configmaps", "singularName": "configmap", "namespaced": True,
                "kind": "ConfigMap", "verbs": VERBS, "shortNames": ["cm"],
                "storageVersionHash": "qFsyl6wFWjQ=",
            }
        ],
    }  # fmt: skip


def test_subresources_have_rows_of_their_own() -> None:
    found = MADE.resources("apps", "v1")
    assert found is not None
    assert found["resources"] == [
        {
            "name": "deployments", "singularName": "deployment", "namespaced": True,
            "kind": "Deployment", "verbs": VERBS, "shortNames": ["deploy"], "categories": ["all"],
            "storageVersionHash": "8aSe+NMegvE=",
        },
        {
            "name": "deployments/scale", "singularName": "", "namespaced": True,
            "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": PART,
        },
        {
            "name": "deployments/status", "singularName": "", "namespaced": True,
            "kind": "Deployment", "verbs": PART,
        },
    ]  # fmt: skip


def test_the_core_group_is_not_among_the_groups_and_newer_versions_are_preferred() -> None:
    groups = MADE.groups()["groups"]
    assert [group["name"] for group in groups] == ["apps", "autoscaling"]
    assert groups[1]["preferredVersion"]["version"] == "v2"
    assert MADE.core_versions("127.0.0.1:1")["versions"] == ["v1"]
    assert MADE.group("") is None
    assert MADE.group("none") is None


def test_the_aggregated_documents_hold_everything() -> None:
    core = MADE.aggregated(core=True)["items"]
    assert [each["resource"] for each in core[0]["versions"][0]["resources"]] == ["configmaps"]
    rest = MADE.aggregated(core=False)["items"]
    assert [group["metadata"]["name"] for group in rest] == ["apps", "autoscaling"]
    deployments = rest[0]["versions"][0]["resources"][0]
    assert deployments["scope"] == "Namespaced"
    assert [each["subresource"] for each in deployments["subresources"]] == ["scale", "status"]


def test_versions_are_ranked_as_clients_prefer_them() -> None:
    found = ["v1alpha1", "other", "v1", "v2beta1", "v2", "v1beta2", "v1beta1"]
    assert sorted(found, key=version_rank) == [
        "v2", "v1", "v2beta1", "v1beta2", "v1beta1", "v1alpha1", "other",
    ]  # fmt: skip


def test_the_version_says_who_we_are_and_parses_as_a_number() -> None:
    found = version_info()
    assert found["gitVersion"] == "v1.34.4+knlab"
    assert (int(found["major"]), int(found["minor"])) == (1, 34)
    assert all(isinstance(value, str) for value in found.values())
