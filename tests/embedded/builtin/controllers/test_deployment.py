from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.deployment import DEPLOYMENT, sync_deployment
from knlab.embedded.builtin.controllers.rollout import next_sizes
from knlab.embedded.builtin.defaults.workloads import default_deployment
from knlab.embedded.builtin.kinds import DEPLOYMENTS, PODS, REPLICA_SETS
from knlab.embedded.kube.controller import Outcome
from knlab.embedded.kube.objects import Object, condition
from tests.factories import NOW, NOW_TEXT, DictView, apply_outcome, make

KEY = ("default", "web")


def deployment(**spec: Any) -> Object:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    made = make(
        "apps/v1", "Deployment", "web", "default",
        metadata={"annotations": {"team": "a", "deployment.kubernetes.io/revision": "7"}},
        spec={"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    )  # fmt: skip
    return default_deployment(made, None)


def step(view: DictView, now: float = NOW) -> Outcome:
    outcome = sync_deployment(view, KEY, now)
    apply_outcome(view, outcome)
    return outcome


def sets(view: DictView) -> list[Object]:
    return sorted(view.list(REPLICA_SETS), key=lambda item: int(_annotation(item, "revision")))


def _annotation(item: Object, name: str) -> str:
    return str(item["metadata"]["annotations"][f"deployment.kubernetes.io/{name}"])


def run(view: DictView, available: int | None = None, **status: int) -> None:
    """Let every ReplicaSet have its pods, `available` of them ready (None: all)."""
    for item in view.list(REPLICA_SETS):
        size = item["spec"]["replicas"]
        ready = size if available is None else min(size, available)
        counts = {"replicas": size, "readyReplicas": ready, "availableReplicas": ready}
        seen = {"observedGeneration": item["metadata"]["generation"]}
        view.add(item | {"status": {**counts, **seen, **status}})


def change_image(view: DictView, image: str) -> None:
    kept = view.objects[DEPLOYMENTS, KEY]
    kept["spec"]["template"]["spec"]["containers"][0]["image"] = image
    kept["metadata"]["generation"] += 1


def reasons(view: DictView) -> dict[str, tuple[str, str]]:
    status = view.objects[DEPLOYMENTS, KEY]["status"]
    return {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]}


def complete(view: DictView) -> None:
    for _ in range(20):
        run(view)
        if not step(view).writes:
            return
    raise AssertionError("the rollout does not end")


def test_a_new_deployment_gets_one_replica_set_named_by_the_hash_of_its_template() -> None:
    view = DictView([deployment(replicas=3)])
    outcome = step(view)
    (made,) = sets(view)
    name = made["metadata"]["name"]
    suffix = name.removeprefix("web-")
    assert made["metadata"]["labels"] == {"app": "web", "pod-template-hash": suffix}
    assert made["spec"]["selector"]["matchLabels"]["pod-template-hash"] == suffix
    assert made["spec"]["replicas"] == 3
    assert made["metadata"]["annotations"] == {
        "team": "a",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
        "deployment.kubernetes.io/revision": "1",
    }
    assert [note.message for note in outcome.notes] == [f"Scaled up replica set {name} from 0 to 3"]
    assert reasons(view) == {
        "Available": ("False", "MinimumReplicasUnavailable"),
        "Progressing": ("True", "NewReplicaSetCreated"),
    }


def test_when_all_pods_are_available_it_has_successfully_progressed() -> None:
    view = DictView([deployment(replicas=2)])
    step(view)
    complete(view)
    kept = view.objects[DEPLOYMENTS, KEY]
    name = sets(view)[0]["metadata"]["name"]
    assert reasons(view)["Progressing"] == ("True", "NewReplicaSetAvailable")
    progressing = condition(kept, "Progressing") or {}
    assert progressing["message"] == f'ReplicaSet "{name}" has successfully progressed.'
    conditions = kept["status"].pop("conditions")
    assert [item["type"] for item in conditions] == ["Available", "Progressing"]
    assert kept["status"] == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
    }
    assert sync_deployment(view, KEY, NOW).again_after is None


def test_a_rolling_update_stays_within_surge_and_availability() -> None:
    view = DictView([deployment(replicas=4)])
    step(view)
    complete(view)
    change_image(view, "web:2")
    seen = []
    for _ in range(20):
        outcome = step(view)
        run(view)
        sizes = [item["spec"]["replicas"] for item in sets(view)]
        seen.append(tuple(sizes))
        assert sum(sizes) <= 5
        if not outcome.writes:
            break
    assert seen[0] == (4, 1)
    assert seen[-1] == (0, 4)
    old, new = sets(view)
    assert (_annotation(old, "revision"), _annotation(new, "revision")) == ("1", "2")
    assert _annotation(view.objects[DEPLOYMENTS, KEY], "revision") == "2"


def test_pods_that_never_become_ready_stop_the_rollout_before_it_costs_availability() -> None:
    view = DictView([deployment(replicas=4)])
    step(view)
    complete(view)
    change_image(view, "broken")
    for _ in range(6):
        step(view)
        for item in view.list(REPLICA_SETS):
            size = item["spec"]["replicas"]
            ready = (
                size if item["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1" else 0
            )
            view.add(
                item
                | {"status": {"replicas": size, "readyReplicas": ready, "availableReplicas": ready}}
            )
    old, new = sets(view)
    assert old["spec"]["replicas"] == 3
    assert new["spec"]["replicas"] == 2
    late = step(view, NOW + 601)
    assert reasons(view)["Progressing"] == ("False", "ProgressDeadlineExceeded")
    assert late.again_after is None


def test_going_back_reuses_the_old_replica_set_as_the_newest_revision() -> None:
    view = DictView([deployment(replicas=1)])
    step(view)
    complete(view)
    change_image(view, "web:2")
    complete(view)
    change_image(view, "web:1")
    complete(view)
    assert [_annotation(item, "revision") for item in sets(view)] == ["2", "3"]
    assert _annotation(sets(view)[1], "revision-history") == "1"


def test_a_change_of_size_is_no_new_revision() -> None:
    view = DictView([deployment(replicas=1)])
    step(view)
    complete(view)
    kept = view.objects[DEPLOYMENTS, KEY]
    kept["spec"]["replicas"] = 0
    kept["metadata"]["generation"] += 1
    outcome = step(view)
    (only,) = sets(view)
    assert only["spec"]["replicas"] == 0
    assert [note.message for note in outcome.notes] == [
        f"Scaled down replica set {only['metadata']['name']} from 1 to 0"
    ]
    assert reasons(view)["Progressing"] == ("True", "NewReplicaSetAvailable")


def test_scaling_in_the_middle_of_a_rollout_is_shared_in_proportion() -> None:
    view = DictView([deployment(replicas=10)])
    step(view)
    complete(view)
    change_image(view, "web:2")
    step(view)
    before = [item["spec"]["replicas"] for item in sets(view)]
    kept = view.objects[DEPLOYMENTS, KEY]
    kept["spec"]["replicas"] = 20
    step(view)
    after = [item["spec"]["replicas"] for item in sets(view)]
    assert before == [10, 3]
    assert after == [19, 6]


def test_history_beyond_the_limit_is_deleted_once_the_rollout_is_complete() -> None:
    view = DictView([deployment(replicas=1, revisionHistoryLimit=0)])
    step(view)
    complete(view)
    change_image(view, "web:2")
    complete(view)
    (only,) = sets(view)
    assert only["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"


def test_recreate_waits_until_the_old_pods_are_gone() -> None:
    view = DictView([deployment(replicas=2, strategy={"type": "Recreate"})])
    step(view)
    complete(view)
    old = sets(view)[0]
    owner = {"kind": "ReplicaSet", "uid": old["metadata"]["uid"], "controller": True}
    pod = make(
        "v1", "Pod", "web-1", "default",
        metadata={"labels": {"app": "web"}, "ownerReferences": [owner]},
        status={"phase": "Running"}, spec={},
    )  # fmt: skip
    view.add(pod)
    change_image(view, "web:2")
    step(view)
    run(view)
    step(view)
    assert [item["spec"]["replicas"] for item in sets(view)] == [0]
    pod["status"]["phase"] = "Succeeded"
    step(view)
    assert [item["spec"]["replicas"] for item in sets(view)] == [0, 2]


def test_a_pod_on_its_way_out_is_news_for_its_deployment() -> None:
    """With Recreate the new pods wait for it; no ReplicaSet changes when it is gone."""
    keys_of = DEPLOYMENT.watches[PODS]
    owner = {"kind": "ReplicaSet", "name": "my-web-5d4f8c7b9", "uid": "u", "controller": True}
    living = make("v1", "Pod", "p", "default", metadata={"ownerReferences": [owner]})
    assert list(keys_of(living)) == []
    living["metadata"]["deletionTimestamp"] = NOW_TEXT
    assert list(keys_of(living)) == [("default", "my-web")]
    owner["kind"] = "Job"
    assert list(keys_of(living)) == []


def test_pods_that_are_being_taken_away_do_not_count_as_available() -> None:
    """A status is written after the size: until then it still counts them."""
    view = DictView([deployment(replicas=4)])
    step(view)
    complete(view)
    change_image(view, "web:2")
    step(view)
    old, new = sets(view)
    old["spec"]["replicas"], new["spec"]["replicas"] = 2, 3
    old["status"] |= {"replicas": 3, "availableReplicas": 3}
    new["status"] = {"replicas": 2, "availableReplicas": 2}
    sizes = next_sizes(view.objects[DEPLOYMENTS, KEY], new, [old])
    assert sizes[old["metadata"]["name"]] == 1, "4 stay available, of which 3 must"


def test_the_revision_and_the_status_are_one_write() -> None:
    view = DictView([deployment(replicas=1)])
    written = [write for write in step(view).writes if write.resource == DEPLOYMENTS]
    assert [(write.verb, write.part) for write in written] == [("update-part", "progress")]
    assert _annotation(view.objects[DEPLOYMENTS, KEY], "revision") == "1"
    assert view.objects[DEPLOYMENTS, KEY]["status"]["observedGeneration"] == 1


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    view = DictView([deployment(replicas=1)])
    step(view)
    complete(view)
    view.objects[DEPLOYMENTS, KEY]["spec"] |= {"paused": True, "replicas": 2}
    change_image(view, "web:2")
    step(view)
    (only,) = sets(view)
    assert only["spec"]["replicas"] == 2
    assert reasons(view)["Progressing"] == ("Unknown", "DeploymentPaused")


def test_the_deadline_is_looked_at_again_when_it_passes() -> None:
    view = DictView([deployment(replicas=1, progressDeadlineSeconds=60)])
    step(view)
    assert sync_deployment(view, KEY, NOW + 20).again_after == pytest.approx(41)
    step(view, NOW + 62)
    message = (condition(view.objects[DEPLOYMENTS, KEY], "Progressing") or {})["message"]
    assert message.endswith("has timed out progressing.")


def test_a_failure_to_create_pods_is_reported() -> None:
    view = DictView([deployment(replicas=1)])
    step(view)
    (only,) = sets(view)
    failure = {
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no",
    }  # fmt: skip
    view.add(only | {"status": {"replicas": 0, "conditions": [failure]}})
    step(view)
    assert reasons(view)["ReplicaFailure"] == ("True", "FailedCreate")


def test_a_name_that_is_taken_counts_as_a_collision() -> None:
    view = DictView([deployment(replicas=1)])
    step(view)
    (taken,) = sets(view)
    taken["metadata"] |= {"uid": "other", "ownerReferences": []}
    view.add(taken)
    step(view)
    assert len(view.list(REPLICA_SETS)) == 2
    assert view.objects[DEPLOYMENTS, KEY]["status"]["collisionCount"] == 1


def test_what_is_gone_needs_nothing() -> None:
    assert sync_deployment(DictView(), KEY, NOW) == Outcome()


def test_a_deployment_that_goes_only_keeps_its_status() -> None:
    view = DictView([deployment(replicas=1)])
    view.objects[DEPLOYMENTS, KEY]["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z"
    assert [write.verb for write in step(view).writes] == ["update-status"]
