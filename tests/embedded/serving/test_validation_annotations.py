"""Annotations that the webhook refuses."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.objects import Object
from tests.embedded.serving.admitted import A, T, annotated, denied, service, with_config


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (annotated(min_scale="5", max_scale="2"),
         f"max-scale=2 is less than min-scale=5: {A}max-scale, {A}min-scale"),
        (annotated(min_scale="foo"), f"invalid value: foo: {A}min-scale"),
        (annotated(minScale="x"), f"invalid value: x: {A}minScale"),
        (annotated(min_scale="-1"), f"expected 0 <= -1 <= 2147483647: {A}min-scale"),
        (annotated(max_scale="3000000000"),
         f"expected 0 <= 3000000000 <= 2147483647: {A}max-scale"),
        (annotated(window="1s"), f"expected 6s <= 1s <= 1h0m0s: {A}window"),
        (annotated(window="6500ms"),
         f"must be specified with at most second precision: {A}window"),
        (annotated(target="0"), f"target 0 should be at least 0.01: {A}target"),
        (annotated(target_burst_capacity="-11"), f"invalid value: -11: {A}target-burst-capacity"),
        (annotated(target_utilization_percentage="101"),
         f"expected 1 <= 101 <= 100: {A}target-utilization-percentage"),
        (annotated(panic_threshold_percentage="10"),
         f"expected 110 <= 10 <= 1000: {A}panic-threshold-percentage"),
        (annotated(metric="cpu"), f"invalid value: cpu: {A}metric"),
        (annotated(**{"class": "unsupported.knative.dev"}),
         f"invalid value: unsupported.knative.dev: {A}class"),
        (annotated(initial_scale="0"),
         f"invalid value: 0: {A}initial-scale=0 not allowed by cluster"),
        (annotated(initial_scale="-1"),
         f"invalid value: -1: {A}initial-scale must be greater than 0"),
        (annotated(activation_scale="2", min_scale="3"),
         f"min-scale=3 is greater than activation-scale=2: {A}activation-scale"),
        (annotated(activation_scale="2", max_scale="1"),
         f"max-scale=1 is less than activation-scale=2: {A}activation-scale"),
        (annotated(activation_scale="1"),
         f"activation-scale=1 must be greater than 1: {A}activation-scale"),
        (annotated(scale_down_delay="2h"), f"expected 0s <= 2h <= 1h0m0s: {A}scale-down-delay"),
        (service(template={"annotations": {"networking.knative.dev/visibility": "x"}}),
         ('invalid key name "networking.knative.dev/visibility":'
         " spec.template.metadata.annotations")),
        (service(template={"annotations": {"serving.knative.dev/progress-deadline": "-1m3s"}}),
         (f"progress-deadline=-1m3s must be positive:"
         f" {T}metadata.annotations.serving.knative.dev/progress-deadline")),
        (service(template={"annotations": {
            "queue.sidecar.serving.knative.dev/resource-percentage": "200"}}),
         (f"expected 0.1 <= 200 <= 100:"
         f" {T}metadata.annotations.[queue.sidecar.serving.knative.dev/resource-percentage]")),
    ],
)  # fmt: skip
def test_annotations_that_are_refused(obj: Object, text: str) -> None:
    assert denied(obj) == text


def test_autoscaling_annotations_belong_to_the_template() -> None:
    obj = service()
    obj["metadata"]["annotations"] = {"autoscaling.knative.dev/min-scale": "1"}
    assert denied(obj) == (
        'invalid key name "autoscaling.knative.dev/min-scale": metadata.annotations\n'
        'autoscaling annotations must be put under "spec.template.metadata.annotations" to work'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "invalid value: x: "),
        ("-1s", "rollout-duration=-1s must be positive: "),
        ("1ms", "rollout-duration=1ms is not at second precision: "),
    ],
)
def test_rollout_durations_that_are_refused(value: str, text: str) -> None:
    obj = service()
    obj["metadata"]["annotations"] = {"serving.knative.dev/rollout-duration": value}
    assert denied(obj) == f"{text}metadata.annotations.serving.knative.dev/rollout-duration"


def test_cluster_limits_come_from_the_config_maps() -> None:
    view = with_config("config-autoscaler", max_scale_limit="10", max_scale="5")
    assert denied(annotated(max_scale="11"), view=view) == f"expected 1 <= 11 <= 10: {A}max-scale"
    assert denied(annotated(max_scale="0"), view=view) == (
        f"max-scale=0 (unlimited), must be less than 10: {A}max-scale"
    )
