"""Diagnosis: from what a cluster says to a cause and a remedy."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.cluster.diagnose import (
    Diagnosis,
    autoscaler_findings,
    explain,
    pod_findings,
    service_findings,
)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("dial tcp: lookup ghcr.io: no such host", "the registry's name does not resolve"),
        ("x509: certificate signed by unknown authority", "the registry's certificate"),
        ("429 Too Many Requests", "the registry limits anonymous pulls"),
        ("toomanyrequests: rate limit", "the registry limits anonymous pulls"),
        ("401 Unauthorized", "the registry refuses access"),
        ("pull access denied for nobody/nothing", "the registry refuses access"),
        ("manifest unknown", "the registry has no such image"),
        ("exec format error", "the image is for another processor"),
        ("Back-off pulling image ImagePullBackOff", "the image cannot be pulled"),
        ("back-off 10s restarting CrashLoopBackOff", "the program ends by itself"),
        ("Container failed with: exit status 1 ExitCode1", "the program ends by itself"),
        ('configmap "x" missing CreateContainerConfigError', "a ConfigMap or Secret"),
        ("0/1 nodes are available: 1 Insufficient cpu.", "no node has room for the pod"),
        ('failed calling webhook "webhook.serving.knative.dev"', "an admission webhook"),
        ("Readiness probe failed: connection refused", "the program does not answer its probe"),
        ("Initial scale was never achieved ProgressDeadlineExceeded", "no pod became ready"),
        ('Revision "x" RevisionMissing', "the traffic names a revision"),
        ("Ingress has not yet been reconciled. IngressNotConfigured", "no ingress controller"),
    ],
)
def test_what_a_cluster_says_is_explained(text: str, cause: str) -> None:
    found, remedy = explain(text)
    assert found.startswith(cause)
    assert remedy


def test_what_is_not_known_is_admitted() -> None:
    assert explain("the moon is full")[0] == "not one of the known causes"


def _pod(name: str = "p", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "status": status}


def _waiting(reason: str, message: str = "", **state: Any) -> dict[str, Any]:
    waiting = {"reason": reason, "message": message}
    return {"containerStatuses": [{"name": "c", "state": {"waiting": waiting}, **state}]}


def test_a_waiting_container_comes_before_the_pods_conditions() -> None:
    conditions = [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]
    pod = _pod(**_waiting("ImagePullBackOff", "Back-off pulling"), conditions=conditions)
    (finding,) = pod_findings([pod])
    assert (finding.what, finding.state) == ("pod default/p", "ImagePullBackOff")
    assert finding.message == "Back-off pulling"


def test_a_crash_loop_tells_how_the_last_run_ended() -> None:
    last = {"terminated": {"message": "no such file"}}
    (finding,) = pod_findings([_pod(**_waiting("CrashLoopBackOff", "", lastState=last))])
    assert finding.message == "no such file"


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(_pod(phase="Succeeded"), id="a pod that has done its work"),
        pytest.param(
            {
                "metadata": {"name": "p", "namespace": "d", "deletionTimestamp": "now"},
                "status": _waiting("CrashLoopBackOff"),
            },
            id="a pod on its way out",
        ),
        pytest.param(_pod(**_waiting("ContainerCreating")), id="a pod that is being made"),
        pytest.param(
            _pod(conditions=[{"type": "Ready", "status": "True"}]), id="a pod that is ready"
        ),
    ],
)
def test_nothing_is_found_in(pod: dict[str, Any]) -> None:
    assert list(pod_findings([pod])) == []


def test_an_unscheduled_pod_is_found_by_its_condition() -> None:
    message = "0/1 nodes are available: 1 Insufficient cpu."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    (finding,) = pod_findings([_pod(conditions=[condition | {"message": message}])])
    assert finding.cause == "no node has room for the pod"


@pytest.mark.parametrize(
    ("container", "cause"),
    [
        ("queue-proxy", "Knative's own queue-proxy ends by itself, not the program"),
        ("user-container", "the program ends by itself"),
    ],
)
def test_who_crashes_is_named(container: str, cause: str) -> None:
    status = _waiting("CrashLoopBackOff", f"back-off 10s restarting failed container={container}")
    status["containerStatuses"][0]["name"] = container
    running = {"name": "other", "state": {"running": {}}}
    status["containerStatuses"].insert(0, running)
    (finding,) = pod_findings([_pod(**status)])
    assert finding.cause == cause
    assert f"container='{container}'" in finding.remedy


@pytest.mark.parametrize(
    ("class_", "remedy"),
    [
        ("hpa", "install Knative's serving-hpa.yaml"),
        ("kpa", "look at Deployment autoscaler"),
        ("my", "install the controller of my.autoscaling.knative.dev"),
    ],
)
def test_a_class_without_its_controller_is_named(class_: str, remedy: str) -> None:
    name = f"{class_}.autoscaling.knative.dev"
    annotations = {"autoscaling.knative.dev/class": name}
    metadata = {"name": "r", "namespace": "default", "annotations": annotations}
    ready = {"conditions": [{"type": "Ready", "status": "False"}]}
    found = autoscaler_findings([{"metadata": metadata}, {"metadata": metadata, "status": ready}])
    (finding,) = found
    assert (finding.what, finding.state) == ("PodAutoscaler default/r", "no status")
    assert finding.cause == f"no controller takes care of the class {name}"
    assert finding.remedy.startswith(remedy)


def _service(status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "reason": reason, "message": message}
    metadata = {"name": "hello", "namespace": "default"}
    return {"metadata": metadata, "status": {"conditions": [condition]}}


def test_services_that_are_not_ready_are_found_and_others_are_not() -> None:
    message = 'Unable to fetch image "nope": manifest unknown'
    found = list(service_findings([_service("True"), _service("False", "RevisionFailed", message)]))
    assert [each.state for each in found] == ["RevisionFailed"]
    assert found[0].cause == "the registry has no such image"


def test_a_diagnosis_can_be_read() -> None:
    assert repr(Diagnosis(())) == "<Diagnosis: everything is ready>"
    assert "nothing to do" in Diagnosis(())._repr_html_()
    shown = repr(Diagnosis(tuple(service_findings([_service("Unknown", "RevisionMissing")]))))
    assert shown.splitlines()[0].startswith("Service default/hello: RevisionMissing")
    assert "→" in shown
