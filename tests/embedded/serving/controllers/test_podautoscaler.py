"""PodAutoscalers: objects in, writes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from knlab.embedded.kube.controller import NOTHING
from knlab.embedded.kube.objects import Key, Object, copy_json, owner_reference
from knlab.embedded.serving.controllers.podautoscaler import make_podautoscaler_controller
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    METRICS,
    PODS,
    SERVERLESS_SERVICES,
)
from knlab.kpa.autoscaler import DeciderStatus
from tests.embedded.serving.controllers.autoscaled import (
    CLASS,
    KEY,
    LABELS,
    METRIC,
    NAME,
    Port,
    World,
)
from tests.factories import NOW, DictView, make

QUEUED = "Requests to the target are being buffered as resources are provisioned."


def test_first_there_is_a_serverless_service_in_proxy_mode() -> None:
    world = World()
    outcome = world.look()
    assert [write.verb for write in outcome.writes] == ["create", "update-status"]
    path = world.path
    assert path["spec"] == {
        "mode": "Proxy",
        "numActivators": 2,
        "objectRef": world.autoscaler["spec"]["scaleTargetRef"],
        "protocolType": "http1",
    }
    assert path["metadata"]["labels"] == LABELS
    assert path["metadata"]["annotations"] == CLASS
    assert path["metadata"]["ownerReferences"] == [owner_reference(world.autoscaler)]
    assert world.said("SKSReady") == ("Unknown", "NotReady", "No Private Service Name")
    assert world.said("Active") == ("Unknown", "Queued", QUEUED)
    assert world.said("Ready") == ("Unknown", "Queued", QUEUED)
    status = world.autoscaler["status"]
    assert (status["desiredScale"], status["actualScale"]) == (-1, 0)
    assert world.settle().writes == ()


def test_then_there_is_a_metric() -> None:
    world = World()
    world.look()
    world.path_answers(ready=False)
    world.look()
    metric = world.found(METRICS)
    assert metric["spec"] == {
        "panicWindow": 6_000_000_000,
        "scrapeTarget": f"{NAME}-private",
        "stableWindow": 60_000_000_000,
    }
    assert metric["metadata"]["annotations"] == CLASS | METRIC
    assert world.autoscaler["status"]["metricsServiceName"] == f"{NAME}-private"
    assert world.path["spec"]["numActivators"] == 3


def test_a_revision_with_its_pod_is_ready_before_anything_has_been_decided() -> None:
    world = World().running()
    status = world.autoscaler["status"]
    assert status["desiredScale"] == -1
    assert status["actualScale"] == 1
    assert status["serviceName"] == NAME
    assert [(c["type"], c["status"]) for c in status["conditions"]] == [
        ("Active", "True"),
        ("Ready", "True"),
        ("SKSReady", "True"),
        ("ScaleTargetInitialized", "True"),
    ]
    assert world.path["spec"]["numActivators"] == 4
    assert world.path["spec"]["mode"] == "Proxy"
    assert world.replicas == 1


def test_sks_is_not_ready_until_it_has_seen_what_it_was_told() -> None:
    world = World()
    world.look()
    world.path_answers(ready=False)
    world.settle()
    assert world.said("SKSReady") == ("Unknown", "NotReady", "K8s Service is not ready")
    world.path_answers()
    world.pods(1)
    world.look()
    assert world.said("SKSReady") == ("Unknown", "NotReady", "")
    world.path_answers()
    world.look()
    assert world.said("SKSReady") == ("True", "", "")


@pytest.mark.parametrize(
    ("annotations", "desired", "replicas", "shown"),
    [
        pytest.param({}, 3, 3, 3, id="the decision is applied"),
        pytest.param({"max-scale": "5"}, 72, 5, 5, id="within max-scale"),
        pytest.param({"minScale": "2"}, 1, 2, 2, id="within min-scale, in either spelling"),
        pytest.param({}, -1, 1, -1, id="without a decision nothing is applied"),
    ],
)
def test_scale(annotations: dict[str, str], desired: int, replicas: int, shown: int) -> None:
    prefixed = {f"autoscaling.knative.dev/{key}": text for key, text in annotations.items()}
    world = World(prefixed).running(2)
    world.port.decision = DeciderStatus(desired, -5)
    world.settle()
    assert world.replicas == replicas
    assert world.autoscaler["status"]["desiredScale"] == shown


def test_an_unknown_wish_does_not_replace_a_known_one() -> None:
    world = World().running()
    world.port.decision = DeciderStatus(1, -111)
    world.settle()
    world.port.decision = None
    world.settle()
    assert world.autoscaler["status"]["desiredScale"] == 1


def test_too_few_ready_pods_make_an_active_revision_wait_again() -> None:
    world = World().running()
    world.port.decision = DeciderStatus(1, -111)
    world.pods(0, starting=1)
    world.settle()
    assert world.said("Active") == ("Unknown", "Queued", QUEUED)
    assert world.autoscaler["status"]["actualScale"] == 0


@pytest.mark.parametrize(
    ("desired", "excess", "mode"),
    [(1, 0, "Serve"), (1, -1, "Proxy"), (-1, 0, "Proxy")],
)
def test_mode(desired: int, excess: int, mode: str) -> None:
    world = World().running()
    world.port.decision = DeciderStatus(desired, excess)
    world.settle()
    assert world.path["spec"]["mode"] == mode


def test_initial_scale_is_applied_before_anything_is_known_and_needed_once() -> None:
    world = World({"autoscaling.knative.dev/initial-scale": "3"})
    world.look()
    world.path_answers(ready=False)
    world.settle()
    assert world.replicas == 3
    world.pods(2)
    world.path_answers()
    world.settle()
    assert world.said("Active")[0] == "Unknown"
    world.pods(3)
    world.settle()
    assert world.said("Active")[0] == "True"
    world.port.decision = DeciderStatus(1, -111)
    world.settle()
    assert world.replicas == 1
    world.pods(1)
    world.settle()
    assert world.said("Active")[0] == "True"


def test_an_initial_scale_of_zero_is_inactive_at_once_and_not_initialized() -> None:
    world = World({"autoscaling.knative.dev/initial-scale": "0"})
    world.configure("config-autoscaler", {"allow-zero-initial-scale": "true"})
    world.look()
    world.path_answers(ready=False)
    world.settle()
    assert world.said("Active")[:2] == ("False", "NoTraffic")
    assert world.said("ScaleTargetInitialized")[0] == "True"


def test_an_unreachable_revision_ignores_min_scale() -> None:
    world = World({"autoscaling.knative.dev/min-scale": "2"}, reachability="Unreachable").running()
    world.port.decision = DeciderStatus(1, -111)
    world.settle()
    assert world.replicas == 1


def test_with_unlimited_burst_nobody_scrapes() -> None:
    world = World({"autoscaling.knative.dev/target-burst-capacity": "-1"}).running()
    assert world.found(METRICS)["spec"]["scrapeTarget"] == ""


def test_a_changed_window_changes_the_metric() -> None:
    world = World().running()
    world.autoscaler["metadata"]["annotations"]["autoscaling.knative.dev/window"] = "20s"
    world.settle()
    assert world.found(METRICS)["spec"]["stableWindow"] == 20_000_000_000
    assert world.found(METRICS)["spec"]["panicWindow"] == 2_000_000_000


# To zero


def test_in_proxy_mode_zero_takes_one_probe_and_no_grace() -> None:
    world = World().running().at(61)
    world.port.decision = DeciderStatus(0, -111)
    outcome = world.look()
    assert world.said("Active") == ("False", "NoTraffic", "The target is not receiving traffic.")
    assert world.said("Ready")[:2] == ("False", "NoTraffic")
    assert world.autoscaler["status"]["desiredScale"] == 0
    assert outcome.again_after == 3.0
    assert (world.replicas, world.port.requested) == (1, [])
    world.look()
    assert (world.replicas, world.port.requested) == (1, [KEY])
    world.port.answered = True
    outcome = world.look()
    assert [write.verb for write in outcome.writes] == ["scale"]
    assert world.replicas == 0


def test_in_serve_mode_zero_takes_the_grace_period() -> None:
    world = World({"autoscaling.knative.dev/target-burst-capacity": "0"}).running()
    world.port.decision = DeciderStatus(1, 0)
    world.settle()
    world.path_answers()
    world.settle()
    world.at(61).port.decision = DeciderStatus(0, 0)
    world.port.answered = True
    assert world.look().again_after is None
    assert world.path["spec"]["mode"] == "Proxy"
    world.path_answers()
    outcome = world.settle()
    assert (world.replicas, outcome.again_after) == (1, 30.0)
    world.at(91).settle()
    assert world.replicas == 0


def test_a_young_revision_stays_active_for_its_window() -> None:
    world = World({"autoscaling.knative.dev/window": "6s"}).running()
    world.port.decision, world.port.answered = DeciderStatus(0, -111), True
    outcome = world.at(4).settle()
    assert outcome.again_after == 2.0
    assert world.said("Active")[0] == "True"
    world.at(6).settle()
    assert world.said("Active")[0] == "False"
    assert world.settle().again_after == 24.0
    assert world.replicas == 1
    world.at(30).settle()
    assert world.replicas == 0


def test_a_request_on_the_way_to_zero_makes_it_active_again() -> None:
    world = World().running().at(61)
    world.port.decision = DeciderStatus(0, -111)
    world.settle()
    world.port.decision = DeciderStatus(1, -112)
    world.settle()
    assert world.said("Active")[0] == "True"
    assert world.replicas == 1


def test_a_revision_that_never_becomes_active_gives_up() -> None:
    world = World({"serving.knative.dev/progress-deadline": "60s"})
    world.look()
    world.path_answers(ready=False)
    world.pods(0, starting=1)
    assert world.settle().again_after == 90.0
    assert world.replicas == 1
    world.at(91).look()
    assert world.replicas == 0
    assert world.said("Active") == ("False", "TimedOut", "The target could not be activated.")
    assert world.said("ScaleTargetInitialized")[0] == "Unknown"
    world.settle()
    assert world.said("Active")[:2] == ("False", "NoTraffic")


# What is not ours


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda metadata: metadata["annotations"].update(
                {"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}
            ),
            id="a PodAutoscaler of another class",
        ),
        pytest.param(
            lambda metadata: metadata.update(deletionTimestamp="2025-10-09T08:53:20Z"),
            id="a PodAutoscaler that is being deleted",
        ),
    ],
)
def test_left_alone(change: Callable[[Object], None]) -> None:
    world = World()
    change(world.autoscaler["metadata"])
    assert world.sync(world.view, KEY, NOW) == NOTHING


def test_a_key_without_an_object_is_nothing() -> None:
    port = Port()
    sync = make_podautoscaler_controller(port, port).sync
    assert sync(DictView(), KEY, NOW) == NOTHING


@pytest.mark.parametrize(
    ("resource", "kind", "short"),
    [(SERVERLESS_SERVICES, "ServerlessService", "SKS"), (METRICS, "Metric", "Metric")],
)
def test_children_of_somebody_else(resource: Any, kind: str, short: str) -> None:
    world = World().running()
    child = copy_json(world.found(resource))
    child["metadata"]["ownerReferences"] = []
    world.view.objects[resource, KEY] = child
    outcome = world.look()
    assert outcome.failed == f"error reconciling {short}: PA: {NAME} does not own {short}: {NAME}"
    text = f'There is an existing {kind} "{NAME}" that we do not own.'
    assert world.said("Active") == ("False", "NotOwned", text)
    assert world.said("Ready") == ("False", "NotOwned", text)


def test_without_its_deployment_scaling_fails_and_is_retried() -> None:
    world = World().running()
    world.port.decision = DeciderStatus(2, -111)
    del world.view.objects[DEPLOYMENTS, ("default", f"{NAME}-deployment")]
    outcome = world.sync(world.view, KEY, NOW)
    assert outcome.failed == (
        "error scaling target: failed to get scale target "
        f"{{Deployment  {NAME}-deployment  apps/v1  }}: error fetching Pod Scalable "
        f'default/{NAME}-deployment: deployments.apps "{NAME}-deployment" not found'
    )
    assert [(note.reason, note.message) for note in outcome.notes] == [
        ("InternalError", outcome.failed)
    ]


def test_an_impossible_setting_fails_by_name() -> None:
    world = World()
    world.configure("config-autoscaler", {"stable-window": "1s"})
    assert world.look().failed.startswith("config-autoscaler: stable-window = 1s")


def test_pods_and_settings_and_decisions_cause_a_look() -> None:
    port = Port()
    controller = make_podautoscaler_controller(port, port)
    pod = make(
        "v1", "Pod", "p", namespace="ns", metadata={"labels": {"serving.knative.dev/revision": "r"}}
    )
    assert list(controller.watches[PODS](pod)) == [("ns", "r")]
    assert list(controller.watches[PODS](make("v1", "Pod", "p", namespace="ns"))) == []
    assert CONFIG_MAPS in controller.resync_on
    assert controller.owns == (SERVERLESS_SERVICES, METRICS)
    woken: list[Key] = []
    assert controller.wakes is not None
    controller.wakes(woken.append)
    for wake in port.wakes:
        wake(KEY)
    assert woken == [KEY, KEY]
