"""A Revision's conditions from what its Deployment, pods and PodAutoscaler say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.controllers.revision import revision_controller
from knlab.embedded.serving.kinds import DEPLOYMENTS, IMAGES, POD_AUTOSCALERS, PODS, REVISIONS
from knlab.embedded.serving.pod_failures import (
    CONTAINER_HEALTHY,
    RESOURCES_AVAILABLE,
    propagate_autoscaler,
    propagate_deployment,
)
from tests.factories import NOW, make

Hello = Callable[..., Object]
NAME = "hello-00001"
DEPLOYMENT = f"{NAME}-deployment"


def draft() -> StatusDraft:
    revision = make("serving.knative.dev/v1", "Revision", NAME, "default")
    return StatusDraft(revision, RESOURCES_AVAILABLE, CONTAINER_HEALTHY, now=NOW)


def shown(found: StatusDraft, kind: str) -> tuple[str, str, str]:
    item = found.get(kind) or {}
    return item["status"], item.get("reason", ""), item.get("message", "")


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ([], ("Unknown", "Deploying", "")),
        ([("Progressing", "True", "NewReplicaSetAvailable", "done")], ("True", "", "")),
        ([("Progressing", "False", "ProgressDeadlineExceeded", "timed out")],
         ("False", "ProgressDeadlineExceeded", "timed out")),
        ([("Progressing", "True", "", ""), ("ReplicaFailure", "True", "FailedCreate", "no quota")],
         ("False", "FailedCreate", "no quota")),
        ([("Progressing", "True", "", ""), ("ReplicaFailure", "Unknown", "Why", "text")],
         ("Unknown", "Why", "text")),
    ],
)  # fmt: skip
def test_the_deployment_decides_resources_available(
    conditions: list[tuple[str, str, str, str]], wanted: tuple[str, str, str]
) -> None:
    names = ("type", "status", "reason", "message")
    listed = [dict(zip(names, item, strict=True)) for item in conditions]
    found = draft()
    propagate_deployment(found, {"status": {"conditions": listed}})
    assert shown(found, RESOURCES_AVAILABLE) == wanted


def autoscaler(ready: str, *, initialized: str = "True", **fields: Any) -> Object:
    conditions = [
        {"type": "Ready", "status": ready, "reason": "Why", "message": "text"},
        {"type": "ScaleTargetInitialized", "status": initialized},
    ]
    return {"conditions": conditions, "serviceName": NAME} | fields


def test_without_a_condition_it_is_still_deploying() -> None:
    found = draft()
    propagate_autoscaler(found, {})
    assert shown(found, RESOURCES_AVAILABLE) == ("Unknown", "Deploying", "")
    assert shown(found, "Active") == ("Unknown", "Deploying", "")


def test_reached_initial_scale_makes_it_ready() -> None:
    found = draft()
    propagate_autoscaler(found, autoscaler("True", actualScale=1, desiredScale=-1))
    assert shown(found, "Ready") == ("True", "", "")
    assert found.status["actualReplicas"] == 1
    assert "desiredReplicas" not in found.status


def test_idle_is_not_a_failure() -> None:
    found = draft()
    propagate_autoscaler(found, autoscaler("False", actualScale=0, desiredScale=0))
    assert shown(found, "Ready") == ("True", "", "")
    assert shown(found, "Active") == ("False", "Why", "text")
    assert found.status["desiredReplicas"] == 0


def test_never_reaching_initial_scale_is_a_failure() -> None:
    found = draft()
    propagate_autoscaler(found, autoscaler("False", initialized="Unknown"))
    assert shown(found, "Ready") == (
        "False", "ProgressDeadlineExceeded", "Initial scale was never achieved",
    )  # fmt: skip


def test_no_service_name_means_still_deploying() -> None:
    found = draft()
    propagate_autoscaler(found, autoscaler("True", serviceName=""))
    assert shown(found, RESOURCES_AVAILABLE) == ("Unknown", "Deploying", "")


def troubled(cluster: Any, make_hello: Hello, pod: Object, reason: str = "") -> Object:
    """The Revision after its only pod never became ready and says `pod`."""
    cluster.pod_ready = False
    cluster.apply(make_hello())
    cluster.settle()
    kept = cluster.view.objects[PODS, ("default", f"{DEPLOYMENT}-0")]
    kept["status"] |= pod
    if reason:
        deployment = cluster.view.objects[DEPLOYMENTS, ("default", DEPLOYMENT)]
        deployment["frozen"] = True
        progressing = {"type": "Progressing", "status": "False", "reason": reason,
                       "message": "timed out"}  # fmt: skip
        deployment["status"]["conditions"] = [progressing]
    cluster.settle()
    revision: Object = cluster.get(REVISIONS, NAME)
    return revision


def terminated(code: int, message: str = "") -> Object:
    ended = {"exitCode": code} | ({"message": message} if message else {})
    return {"containerStatuses": [{"name": "user-container", "lastState": {"terminated": ended}}]}


@pytest.mark.parametrize(
    ("pod", "reason", "message"),
    [
        (terminated(5, "boom"), "ExitCode5", "Container failed with: boom"),
        (terminated(0), "ExitCode0", "Container failed with: container exited with no error"),
        (terminated(1), "ExitCode1", "Container failed with: "),
    ],
)
def test_a_container_that_ends_is_unhealthy(
    cluster: Any, make_hello: Hello, pod: Object, reason: str, message: str
) -> None:
    found = condition(troubled(cluster, make_hello, pod), "ContainerHealthy")
    assert found is not None
    assert (found["status"], found["reason"], found["message"]) == ("False", reason, message)
    autoscaler = cluster.get(POD_AUTOSCALERS, NAME)
    assert autoscaler["spec"]["reachability"] == "Unreachable"


def test_a_pod_alone_wakes_nobody() -> None:
    found = revision_controller(str)
    assert PODS not in {*found.owns, *found.watches, *found.resync_on}


def test_queue_proxy_does_not_count(cluster: Any, make_hello: Hello) -> None:
    pod = terminated(1)
    pod["containerStatuses"][0]["name"] = "queue-proxy"
    found = condition(troubled(cluster, make_hello, pod), "ContainerHealthy")
    assert found is not None
    assert found["status"] == "Unknown"


def test_an_unschedulable_pod_shows_at_once(cluster: Any, make_hello: Hello) -> None:
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                 "message": "0/1 nodes"}  # fmt: skip
    revision = troubled(cluster, make_hello, {"conditions": [scheduled]})
    found = condition(revision, "ResourcesAvailable")
    assert found is not None
    assert (found["reason"], found["message"]) == ("Unschedulable", "0/1 nodes")


@pytest.mark.parametrize(
    ("deployment", "wanted"),
    [("", "Deploying"), ("ProgressDeadlineExceeded", "ImagePullBackOff")],
)
def test_an_image_that_cannot_be_pulled_shows_after_the_deadline(
    cluster: Any, make_hello: Hello, deployment: str, wanted: str
) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    pod = {"containerStatuses": [{"name": "user-container", "state": {"waiting": waiting}}]}
    found = condition(troubled(cluster, make_hello, pod, deployment), "ResourcesAvailable")
    assert found is not None
    assert found["reason"] == wanted


def test_skipped_registries_are_never_asked(cluster: Any, make_hello: Hello) -> None:
    cluster.failing_images["dev.local/hello:v1"] = "nobody may ask"
    cluster.apply(make_hello("dev.local/hello:v1"))
    cluster.settle()
    revision = cluster.get(REVISIONS, NAME)
    assert revision["status"]["containerStatuses"] == [{"name": "user-container"}]
    deployment = cluster.get(DEPLOYMENTS, DEPLOYMENT)
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "dev.local/hello:v1"
    assert cluster.get(IMAGES, f"{NAME}-cache-user-container")["spec"] == {"image": ""}


def test_a_foreign_deployment_is_not_taken(cluster: Any, make_hello: Hello) -> None:
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {}}}}  # fmt: skip
    cluster.view.add(make("apps/v1", "Deployment", DEPLOYMENT, "default", spec=spec))
    cluster.apply(make_hello())
    cluster.settle()
    found = condition(cluster.get(REVISIONS, NAME), "Ready")
    assert found is not None
    assert (found["reason"], found["message"]) == (
        "NotOwned", f'There is an existing Deployment "{DEPLOYMENT}" that we do not own.',
    )  # fmt: skip


def test_edited_annotations_reach_the_autoscaler_without_a_new_revision(
    cluster: Any, make_hello: Hello
) -> None:
    cluster.apply(make_hello(annotations={"autoscaling.knative.dev/target": "5"}))
    cluster.settle()
    kept = cluster.view.objects[REVISIONS, ("default", NAME)]["metadata"]["annotations"]
    del kept["autoscaling.knative.dev/target"]
    kept["autoscaling.knative.dev/window"] = "6s"
    cluster.settle()
    annotations = cluster.get(POD_AUTOSCALERS, NAME)["metadata"]["annotations"]
    assert "autoscaling.knative.dev/target" not in annotations
    assert annotations["autoscaling.knative.dev/window"] == "6s"
    assert annotations["autoscaling.knative.dev/metric"] == "concurrency"
    assert cluster.names(REVISIONS) == [NAME]


def test_another_queue_image_updates_the_deployment_but_not_its_size(
    cluster: Any, make_hello: Hello
) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    cluster.port.desired["default", NAME] = 2
    cluster.settle()
    values = {"queue-sidecar-image": "knative.dev/queue:y"}
    cluster.view.add(make("v1", "ConfigMap", "config-deployment", "knative-serving", data=values))
    cluster.settle()
    deployment = cluster.get(DEPLOYMENTS, DEPLOYMENT)
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert containers[1]["image"] == "knative.dev/queue:y"
    assert deployment["spec"]["replicas"] == 2


def test_the_log_url_names_the_revision_by_its_uid(cluster: Any, make_hello: Hello) -> None:
    cluster.configure(
        "config-observability", {"logging.revision-url-template": "http://logs/${REVISION_UID}"}
    )
    cluster.apply(make_hello())
    cluster.settle()
    revision = cluster.get(REVISIONS, NAME)
    assert revision["status"]["logUrl"] == f"http://logs/{revision['metadata']['uid']}"
    cluster.configure("config-observability", {})
    cluster.settle()
    assert "logUrl" not in cluster.get(REVISIONS, NAME)["status"]


def test_init_containers_are_resolved_too_and_a_digest_is_what_it_is(
    cluster: Any, make_hello: Hello
) -> None:
    cluster.configure("config-features", {"kubernetes.podspec-init-containers": "enabled"})
    digest = f"ghcr.io/knative/first@sha256:{'1' * 64}"
    service = make_hello()
    service["spec"]["template"]["spec"] |= {
        "initContainers": [{"name": "first", "image": digest}],
        "serviceAccountName": "robot",
    }
    cluster.apply(service)
    cluster.settle()
    status = cluster.get(REVISIONS, NAME)["status"]
    assert status["initContainerStatuses"] == [{"name": "first", "imageDigest": digest}]
    image = cluster.get(IMAGES, f"{NAME}-cache-first")
    assert image["spec"] == {"image": digest, "serviceAccountName": "robot"}


def test_an_autoscaling_annotation_that_goes_goes_from_the_autoscaler(
    cluster: Any, make_hello: Hello
) -> None:
    key = "autoscaling.knative.dev/max-scale"
    cluster.apply(make_hello(annotations={key: "3"}))
    cluster.settle()
    assert cluster.get(POD_AUTOSCALERS, NAME)["metadata"]["annotations"][key] == "3"
    del cluster.view.objects[REVISIONS, ("default", NAME)]["metadata"]["annotations"][key]
    cluster.settle()
    assert key not in cluster.get(POD_AUTOSCALERS, NAME)["metadata"]["annotations"]


def test_a_revision_keeps_its_class_and_concurrency(cluster: Any, make_hello: Hello) -> None:
    service = make_hello(annotations={"autoscaling.knative.dev/class": "my.example.com"})
    service["spec"]["template"]["spec"]["containerConcurrency"] = 7
    cluster.apply(service)
    cluster.settle()
    autoscaler = cluster.get(POD_AUTOSCALERS, NAME)
    assert autoscaler["metadata"]["annotations"]["autoscaling.knative.dev/class"] == (
        "my.example.com"
    )
    assert autoscaler["spec"]["containerConcurrency"] == 7
    # Nobody acts on a foreign class: the Revision waits for ever
    assert "status" not in autoscaler
    found = condition(cluster.get(REVISIONS, NAME), "Ready")
    assert found is not None
    assert (found["status"], found["reason"]) == ("Unknown", "Deploying")
