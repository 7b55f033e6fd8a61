from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.replicaset import sync_replica_set
from knlab.embedded.builtin.kinds import PODS, REPLICA_SETS
from knlab.embedded.kube.controller import Outcome
from knlab.embedded.kube.objects import Object, condition
from tests.factories import NOW, NOW_TEXT, DictView, apply_outcome, make, settle

KEY = ("default", "web-7fd75c5c59")
LABELS = {"app": "web", "pod-template-hash": "7fd75c5c59"}


def replica_set(replicas: int = 1, **spec: Any) -> Object:
    template = {
        "metadata": {"labels": LABELS, "annotations": {"team": "a"}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    fields = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
    return make("apps/v1", "ReplicaSet", KEY[1], "default", spec=fields | spec)


def pod(name: str, *, ready: bool = True, since: str = NOW_TEXT, **extra: Any) -> Object:
    owner = {"kind": "ReplicaSet", "uid": f"uid-replicaset-{KEY[1]}", "controller": True}
    conditions = [
        {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
    ]
    spec = {"nodeName": "knlab"} | extra.pop("spec", {})
    status = {"phase": "Running", "conditions": conditions} | extra.pop("status", {})
    metadata = {"labels": LABELS, "ownerReferences": [owner]} | extra.pop("metadata", {})
    return make("v1", "Pod", name, "default", metadata=metadata, spec=spec, status=status)


def test_missing_pods_are_made_from_the_template() -> None:
    view = DictView([replica_set(2)])
    outcome = sync_replica_set(view, KEY, NOW)
    apply_outcome(view, outcome)
    first, second = view.list(PODS)
    name = first["metadata"]["name"]
    assert name.startswith("web-7fd75c5c59-")
    assert len(name) == len("web-7fd75c5c59-") + 5
    assert first["metadata"]["generateName"] == "web-7fd75c5c59-"
    assert first["metadata"]["labels"] == LABELS
    assert first["metadata"]["annotations"] == {"team": "a"}
    (owner,) = first["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ReplicaSet", KEY[1], True)
    assert {note.message for note in outcome.notes} == {
        f"Created pod: {item['metadata']['name']}" for item in (first, second)
    }
    assert {note.reason for note in outcome.notes} == {"SuccessfulCreate"}


def test_a_long_name_is_cut_so_that_the_pods_fit() -> None:
    long = replica_set()
    long["metadata"]["name"] = "x" * 63
    view = DictView([long])
    outcome = sync_replica_set(view, ("default", "x" * 63), NOW)
    assert len(outcome.writes[0].object["metadata"]["name"]) == 63


def test_once_there_are_enough_only_the_status_is_written() -> None:
    view = DictView([replica_set(2), pod("a"), pod("b", ready=False)])
    settle(view, sync_replica_set, KEY)
    assert view.objects[REPLICA_SETS, KEY]["status"] == {
        "availableReplicas": 1,
        "fullyLabeledReplicas": 2,
        "observedGeneration": 1,
        "readyReplicas": 1,
        "replicas": 2,
    }


def test_pods_that_end_or_go_do_not_count() -> None:
    going = pod("b", metadata={"deletionTimestamp": NOW_TEXT})
    going["metadata"] |= {
        "labels": LABELS,
        "ownerReferences": pod("x")["metadata"]["ownerReferences"],
    }
    over = pod("c", status={"phase": "Succeeded"})
    view = DictView([replica_set(1), pod("a"), going, over])
    settle(view, sync_replica_set, KEY)
    status = view.objects[REPLICA_SETS, KEY]["status"]
    assert status["replicas"] == 1


@pytest.mark.parametrize(
    ("pods", "victim"),
    [
        pytest.param([pod("a"), pod("b", spec={"nodeName": ""})], "b", id="unscheduled first"),
        pytest.param([pod("a"), pod("b", status={"phase": "Pending"})], "b", id="then pending"),
        pytest.param([pod("a"), pod("b", ready=False)], "b", id="then not ready"),
        pytest.param(
            [pod("a", since="2025-01-01T00:00:00Z"), pod("b")], "b", id="then ready for less time"
        ),
        pytest.param(
            [pod("a"), pod("b", status={"containerStatuses": [{"restartCount": 3}]})],
            "b",
            id="then more restarts",
        ),
        pytest.param(
            [
                pod("a", metadata={"creationTimestamp": "2025-01-01T00:00:00Z", "labels": LABELS}),
                pod("b"),
            ],
            "b",
            id="then younger",
        ),
    ],
)
def test_when_one_must_go_it_is_the_one_of_least_use(pods: list[Object], victim: str) -> None:
    outcome = sync_replica_set(DictView([replica_set(1), *pods]), KEY, NOW)
    deleted = [
        write.object["metadata"]["name"] for write in outcome.writes if write.verb == "delete"
    ]
    assert deleted == [victim]
    assert [note.message for note in outcome.notes] == [f"Deleted pod: {victim}"]


def test_a_pod_is_available_once_it_has_been_ready_long_enough() -> None:
    view = DictView([replica_set(1, minReadySeconds=10), pod("a")])
    outcome = sync_replica_set(view, KEY, NOW + 4)
    assert outcome.again_after == pytest.approx(6)
    assert "availableReplicas" not in outcome.writes[-1].object["status"]
    later = sync_replica_set(view, KEY, NOW + 10)
    assert later.writes[-1].object["status"]["availableReplicas"] == 1


def test_a_refused_pod_is_a_failure_that_heals() -> None:
    view = DictView([replica_set(3)])
    first, second, *_ = sync_replica_set(view, KEY, NOW).writes
    assert second.refused is not None
    end = second.refused('pods "x" is forbidden: why')
    assert [note.reason for note in end.notes] == ["SuccessfulCreate", "FailedCreate"]
    assert end.notes[1].message == 'Error creating: pods "x" is forbidden: why'
    assert end.failed == 'pods "x" is forbidden: why'
    apply_outcome(view, Outcome((first, *end.writes)))
    failure = condition(view.objects[REPLICA_SETS, KEY], "ReplicaFailure") or {}
    assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")
    again = sync_replica_set(view, KEY, NOW).writes[0].refused
    assert again is not None
    apply_outcome(view, Outcome(again('pods "y" is forbidden: why').writes))
    failure = condition(view.objects[REPLICA_SETS, KEY], "ReplicaFailure") or {}
    assert failure["message"] == 'pods "x" is forbidden: why'  # the first words stay
    settle(view, sync_replica_set, KEY)
    assert len(view.list(PODS)) == 3
    assert condition(view.objects[REPLICA_SETS, KEY], "ReplicaFailure") is None


def test_a_replica_set_that_goes_makes_no_pods() -> None:
    going = replica_set(3)
    going["metadata"]["deletionTimestamp"] = NOW_TEXT
    outcome = sync_replica_set(DictView([going]), KEY, NOW)
    assert [write.verb for write in outcome.writes] == ["update-status"]


def test_what_is_gone_needs_nothing() -> None:
    assert sync_replica_set(DictView(), KEY, NOW) == Outcome()
