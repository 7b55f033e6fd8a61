from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.defaults.pods import default_pod, pull_policy, qos_class
from knlab.embedded.kube.objects import copy_json
from tests.factories import make


def pod(**container: Any) -> dict[str, Any]:
    containers = [{"name": "web", "image": "web", **container}]
    return default_pod(make("v1", "Pod", "web", "default", spec={"containers": containers}), None)


def test_a_bare_pod_becomes_what_kubernetes_stores() -> None:
    spec = pod()["spec"]
    tolerations = spec.pop("tolerations")
    assert [item["key"] for item in tolerations] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert spec == {
        "containers": [
            {
                "name": "web",
                "image": "web",
                "imagePullPolicy": "Always",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("localhost:5000/web", "Always"),
        ("web:1.0", "IfNotPresent"),
        ("localhost:5000/web:1.0", "IfNotPresent"),
        ("web@sha256:abc", "IfNotPresent"),
        ("web:latest@sha256:abc", "Always"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


def test_probes_ports_and_field_references_are_completed() -> None:
    made = pod(
        readinessProbe={"httpGet": {"port": 80}},
        ports=[{"containerPort": 80}],
        env=[{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        lifecycle={"preStop": {"httpGet": {"port": 8022}}},
    )["spec"]["containers"][0]
    assert made["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert made["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert made["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert made["lifecycle"]["preStop"]["httpGet"]["scheme"] == "HTTP"


def test_quantities_become_canonical_and_limits_become_requests() -> None:
    resources = pod(resources={"limits": {"cpu": 0.5, "memory": "1024Mi"}})["spec"]["containers"][0]
    assert resources["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "25m"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        (
            {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
            "Burstable",
        ),
    ],
)
def test_quality_of_service_follows_requests_and_limits(resources: Any, expected: str) -> None:
    assert qos_class({"containers": [{"resources": resources}]}) == expected
    assert pod(resources=resources)["status"] == {"phase": "Pending", "qosClass": expected}


def test_defaulting_twice_changes_nothing() -> None:
    once = pod(image="web:1")
    assert default_pod({**once}, once) == once


def test_an_update_that_leaves_out_what_every_pod_has_changes_nothing() -> None:
    mine = {"effect": "NoExecute", "key": "mine", "operator": "Exists"}
    spec = {"containers": [{"name": "c", "image": "i:1"}], "tolerations": [mine]}
    made = default_pod({"spec": copy_json(spec)}, None)
    given = {key: value for key, value in made["spec"].items() if key != "enableServiceLinks"}
    again = default_pod({"spec": {**given, "tolerations": [mine]}}, made)
    assert again["spec"] == made["spec"]
