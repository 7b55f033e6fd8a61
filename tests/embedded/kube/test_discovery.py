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
    Resource(
        group="autoscaling",
        version=version,
        plural="horizontalpodautoscalers",
        kind="HorizontalPodAutoscaler",
        has_status=False,
        is_storage_version=version == "v2",
    )
    for version in ("v1", "v2")
]
WIDGETS = [
    Resource(group=group, version=version, plural="widgets", kind="Widget", has_status=False)
    for group, version in (("b.ex.com", "v1"), ("a.ex.com", "v1alpha1"))
]
METRICS = Resource(group="metrics", version="v1", plural="metrics", kind="Metric", has_status=False)
ROWS = (METRICS, *WIDGETS, *HPA, CONFIG_MAPS, DEPLOYMENTS)
PRIORITIES = {"": 18000, "apps": 17800, "autoscaling": 17500, "metrics": 100}
MADE = Discovery([Offer(row, tuple(standard_subresources(row))) for row in ROWS], PRIORITIES)
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
    assert "" not in {group["name"] for group in groups}
    assert groups[1]["preferredVersion"]["version"] == "v2"
    assert MADE.core_versions("127.0.0.1:1")["versions"] == ["v1"]
    assert MADE.group("") is None
    assert MADE.group("none") is None


def test_the_aggregated_documents_hold_everything() -> None:
    core = MADE.aggregated(core=True)["items"]
    assert [each["resource"] for each in core[0]["versions"][0]["resources"]] == ["configmaps"]
    rest = MADE.aggregated(core=False)["items"]
    assert rest[0]["metadata"] == {"name": "apps"}
    assert core[0]["metadata"] == {}
    deployments = rest[0]["versions"][0]["resources"][0]
    assert deployments["scope"] == "Namespaced"
    assert [each["subresource"] for each in deployments["subresources"]] == ["scale", "status"]


def test_groups_come_by_priority_and_custom_ones_by_name() -> None:
    found = [group["metadata"]["name"] for group in MADE.aggregated(core=False)["items"]]
    assert found == ["apps", "autoscaling", "a.ex.com", "b.ex.com", "metrics"]


def test_the_legacy_list_puts_custom_groups_with_better_versions_first() -> None:
    found = [group["name"] for group in MADE.groups()["groups"]]
    assert found == ["apps", "autoscaling", "b.ex.com", "a.ex.com", "metrics"]


def test_every_version_tells_the_hash_of_the_one_that_is_stored() -> None:
    listed = [MADE.resources("autoscaling", version) for version in ("v1", "v2")]
    hashes = [each["resources"][0]["storageVersionHash"] for each in listed if each]
    assert hashes == ["qwQve8ut294="] * 2


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
