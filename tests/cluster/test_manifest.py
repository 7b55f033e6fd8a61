"""Manifests: only what was asked for is in them."""

from __future__ import annotations

from typing import cast

import pytest

from knlab._exceptions import UsageError
from knlab.cluster.manifest import (
    Scaling,
    environment,
    scaling_annotations,
    service_manifest,
    traffic_targets,
)


def test_the_least_manifest_has_an_image_and_our_label() -> None:
    assert service_manifest("hello", namespace="default", image="img") == {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": "hello",
            "namespace": "default",
            "labels": {"app.kubernetes.io/managed-by": "knlab"},
        },
        "spec": {"template": {"spec": {"containers": [{"image": "img"}]}}},
    }


def test_everything_that_can_be_asked_for_has_its_place() -> None:
    manifest = service_manifest(
        "hello",
        namespace="default",
        image="img",
        env={"TARGET": "Knative"},
        port=8081,
        revision="hello-one",
        concurrency=3,
        traffic={"@latest": 100},
        scaling={"max_scale": 5, "min_scale": None},
    )
    template = manifest["spec"]["template"]
    assert template["metadata"] == {
        "name": "hello-one",
        "annotations": {"autoscaling.knative.dev/max-scale": "5"},
    }
    assert template["spec"]["containerConcurrency"] == 3
    assert template["spec"]["containers"] == [
        {
            "image": "img",
            "ports": [{"containerPort": 8081}],
            "env": [{"name": "TARGET", "value": "Knative"}],
        }
    ]
    assert manifest["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]


@pytest.mark.parametrize(
    ("scaling", "annotations"),
    [
        ({"max_scale": 5}, {"autoscaling.knative.dev/max-scale": "5"}),
        ({"target": 0.5}, {"autoscaling.knative.dev/target": "0.5"}),
        ({"window": "6s"}, {"autoscaling.knative.dev/window": "6s"}),
        ({"min_scale": None}, {"autoscaling.knative.dev/min-scale": None}),
        (
            {"target_utilization_percentage": 70},
            {"autoscaling.knative.dev/target-utilization-percentage": "70"},
        ),
    ],
)
def test_settings_become_annotations(scaling: Scaling, annotations: dict[str, str | None]) -> None:
    assert scaling_annotations(scaling) == annotations


def test_an_unknown_setting_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"maxscale is no autoscaling setting\n  → .*max_scale"):
        scaling_annotations(cast("Scaling", {"maxscale": 5}))


def test_environment_values_are_text() -> None:
    assert environment({"A": "1"}) == [{"name": "A", "value": "1"}]


def test_a_tag_without_a_share_gets_a_target_of_zero_percent() -> None:
    assert traffic_targets({"hello-00002": 100}, {"old": "hello-00001"}) == [
        {"percent": 100, "revisionName": "hello-00002"},
        {"percent": 0, "revisionName": "hello-00001", "tag": "old"},
    ]


def test_a_tag_on_the_latest_revision() -> None:
    assert traffic_targets({"@latest": 100}, {"new": "@latest"}) == [
        {"percent": 100, "latestRevision": True, "tag": "new"}
    ]
