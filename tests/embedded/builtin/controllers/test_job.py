"""Jobs at work: what a real cluster writes for the same pods."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.job import sync_expiry, sync_job
from knlab.embedded.builtin.controllers.job_pods import INDEX, TRACKING
from knlab.embedded.builtin.defaults.jobs import default_job
from knlab.embedded.builtin.kinds import JOBS, PODS
from knlab.embedded.builtin.validation.jobs import validate_job
from knlab.embedded.kube.controller import NOTHING, Outcome
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object, condition
from tests.factories import NOW, DictView, apply_outcome, make, settle

KEY = ("default", "sum")
NO_COUNTS = {"ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}


def job(policy: str = "Never", **spec: Any) -> Object:
    template = {"spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "i:1"}]}}
    made = make("batch/v1", "Job", KEY[1], "default", spec={"template": template, **spec})
    made = default_job(made, None)
    assert validate_job(made, None) == []
    return made


class Cluster:
    """A Job, its pods and a kubelet that does what it is told."""

    def __init__(self, made: Object) -> None:
        self.view = DictView([made])
        self.now = NOW
        self.notes: list[tuple[str, str]] = []
        self.run()

    def step(self) -> Outcome:
        outcome = sync_job(self.view, KEY, self.now)
        self.notes += [(note.reason, note.message) for note in outcome.notes]
        apply_outcome(self.view, outcome)
        return outcome

    def run(self) -> Outcome:
        for _ in range(10):
            outcome = self.step()
            if not outcome.writes:
                return outcome
        raise AssertionError("the Job never settles")

    def pods(self, *phases: str) -> list[Object]:
        every = self.view.list(PODS)
        return [pod for pod in every if (pod.get("status") or {}).get("phase", "") in phases]

    def waiting(self) -> list[Object]:
        return self.pods("", "Pending", "Running")

    def end(self, pod: Object, phase: str, **status: Any) -> None:
        ended = {"terminated": {"exitCode": 0, "finishedAt": timestamp(self.now)}}
        kept = self.view.objects[PODS, ("default", pod["metadata"]["name"])]
        kept["status"] = {"phase": phase, "containerStatuses": [{"state": ended}], **status}

    @property
    def status(self) -> Object:
        found: Object = self.view.objects[JOBS, KEY]["status"]
        return found

    def change(self, **spec: Any) -> None:
        self.view.objects[JOBS, KEY]["spec"] |= spec
        self.run()

    @property
    def reasons(self) -> list[str]:
        return [reason for reason, _ in self.notes]


def ending(kind: str, reason: str, message: str) -> Object:
    moment = timestamp(NOW)
    return {
        "type": kind, "status": "True", "reason": reason, "message": message,
        "lastProbeTime": moment, "lastTransitionTime": moment,
    }  # fmt: skip


REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")


def test_a_job_starts_as_many_pods_as_may_run_at_once() -> None:
    cluster = Cluster(job(completions=3, parallelism=2))
    first, second = cluster.waiting()
    assert cluster.status == {**NO_COUNTS, "active": 2, "startTime": timestamp(NOW)}
    assert sorted(cluster.notes) == [
        ("SuccessfulCreate", f"Created pod: {pod['metadata']['name']}") for pod in (first, second)
    ]
    metadata = first["metadata"]
    assert metadata["finalizers"] == [TRACKING]
    assert metadata["generateName"] == "sum-"
    assert set(metadata["labels"]) == {
        "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid",
        "job-name",
    }  # fmt: skip
    assert metadata["ownerReferences"][0]["kind"] == "Job"


def test_a_pod_is_counted_only_after_it_was_let_go() -> None:
    cluster = Cluster(job(completions=2))
    (pod,) = cluster.waiting()
    cluster.end(pod, "Succeeded")
    cluster.step()
    assert cluster.status["uncountedTerminatedPods"] == {"succeeded": [pod["metadata"]["uid"]]}
    assert "succeeded" not in cluster.status
    assert cluster.pods("Succeeded")[0]["metadata"]["finalizers"] == []
    cluster.step()
    assert cluster.status["succeeded"] == 1
    assert cluster.status["uncountedTerminatedPods"] == {}


def test_killed_between_the_two_writes_it_still_counts_each_pod_once() -> None:
    cluster = Cluster(job(completions=2))
    (pod,) = cluster.waiting()
    cluster.end(pod, "Succeeded")
    outcome = sync_job(cluster.view, KEY, NOW)
    apply_outcome(cluster.view, Outcome(outcome.writes[:1]))  # the status; then the process died
    cluster.run()
    assert cluster.status["succeeded"] == 1


def test_a_job_is_complete_when_enough_pods_have_succeeded() -> None:
    cluster = Cluster(job(completions=3, parallelism=2))
    for pod in cluster.waiting():
        cluster.end(pod, "Succeeded")
    cluster.run()
    (last,) = cluster.waiting()
    cluster.end(last, "Succeeded")
    cluster.step()
    assert [each["type"] for each in cluster.status["conditions"]] == ["SuccessCriteriaMet"]
    cluster.run()
    assert cluster.status == {
        **NO_COUNTS,
        "succeeded": 3,
        "startTime": timestamp(NOW),
        "completionTime": timestamp(NOW),
        "conditions": [ending("SuccessCriteriaMet", *REACHED), ending("Complete", *REACHED)],
    }
    assert cluster.notes[-1] == ("Completed", "Job completed")
    assert sync_job(cluster.view, KEY, NOW) == NOTHING


def test_a_job_of_nothing_is_complete_at_once() -> None:
    cluster = Cluster(job(completions=0))
    assert [each["type"] for each in cluster.status["conditions"]] == [
        "SuccessCriteriaMet", "Complete",
    ]  # fmt: skip
    assert cluster.waiting() == []


def test_a_work_queue_is_done_when_one_has_succeeded_and_the_others_have_ended() -> None:
    cluster = Cluster(job("OnFailure", parallelism=2))
    first, second = cluster.waiting()
    cluster.end(first, "Succeeded")
    cluster.run()
    assert len(cluster.waiting()) == 1, "nobody takes the place of a pod that succeeded"
    assert condition({"status": cluster.status}, "Complete") is None
    cluster.end(second, "Succeeded")
    cluster.run()
    assert cluster.status["succeeded"] == 2
    assert "Completed" in cluster.reasons


def test_after_failures_it_waits_longer_and_longer() -> None:
    cluster = Cluster(job(backoffLimit=3))
    waits = []
    for _ in range(3):
        (pod,) = cluster.waiting()
        cluster.end(pod, "Failed")
        outcome = cluster.run()
        assert cluster.waiting() == []
        assert outcome.again_after is not None
        waits.append(outcome.again_after)
        cluster.now += outcome.again_after
        cluster.run()
    assert waits == [10.0, 20.0, 40.0]
    assert cluster.status["failed"] == 3


def test_too_many_failures_end_it() -> None:
    cluster = Cluster(job(backoffLimit=0))
    (pod,) = cluster.waiting()
    cluster.end(pod, "Failed")
    cluster.step()
    assert [each["type"] for each in cluster.status["conditions"]] == ["FailureTarget"]
    cluster.run()
    words = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert cluster.status == {
        **NO_COUNTS,
        "failed": 1,
        "startTime": timestamp(NOW),
        "conditions": [ending("FailureTarget", *words), ending("Failed", *words)],
    }
    assert cluster.notes[-1] == words


@pytest.mark.parametrize(("restarts", "over"), [(1, False), (2, True)])
def test_restarts_in_place_count_against_the_limit(restarts: int, over: bool) -> None:
    cluster = Cluster(job("OnFailure", backoffLimit=2))
    (pod,) = cluster.waiting()
    cluster.end(pod, "Running", containerStatuses=[{"restartCount": restarts}])
    cluster.run()
    assert (condition({"status": cluster.status}, "Failed") is not None) == over
    assert ("SuccessfulDelete" in cluster.reasons) == over


def test_a_deadline_ends_it_and_its_pods_count_as_failed() -> None:
    cluster = Cluster(job(activeDeadlineSeconds=30))
    assert cluster.run().again_after == 30.0
    cluster.now += 30
    cluster.run()
    assert cluster.view.list(PODS) == []
    assert cluster.status["failed"] == 1
    assert (condition({"status": cluster.status}, "Failed") or {})["reason"] == "DeadlineExceeded"


def test_the_end_waits_for_pods_that_still_terminate() -> None:
    cluster = Cluster(job(activeDeadlineSeconds=30))
    (pod,) = cluster.waiting()
    kept = cluster.view.objects[PODS, ("default", pod["metadata"]["name"])]
    kept["metadata"]["finalizers"].append("kept/by-its-kubelet")
    cluster.now += 30
    cluster.run()
    assert cluster.status["terminating"] == 1
    assert condition({"status": cluster.status}, "Failed") is None
    del cluster.view.objects[PODS, ("default", pod["metadata"]["name"])]
    cluster.run()
    assert condition({"status": cluster.status}, "Failed") is not None


def test_suspending_stops_the_pods_and_counts_none_of_them() -> None:
    cluster = Cluster(job(parallelism=2, completions=2))
    cluster.change(suspend=True)
    assert cluster.view.list(PODS) == []
    suspended = condition({"status": cluster.status}, "Suspended") or {}
    assert (suspended["status"], suspended["reason"]) == ("True", "JobSuspended")
    assert "failed" not in cluster.status
    assert cluster.notes[-1] == ("Suspended", "Job suspended")
    cluster.now += 60
    cluster.change(suspend=False)
    assert len(cluster.waiting()) == 2
    resumed = condition({"status": cluster.status}, "Suspended") or {}
    assert (resumed["status"], resumed["reason"]) == ("False", "JobResumed")
    assert cluster.status["startTime"] == timestamp(NOW + 60), "the deadline begins anew"
    assert ("Resumed", "Job resumed") in cluster.notes


def test_a_job_that_begins_suspended_has_not_started() -> None:
    cluster = Cluster(job(suspend=True))
    assert cluster.waiting() == []
    assert "startTime" not in cluster.status


def test_fewer_at_once_takes_pods_away_uncounted() -> None:
    cluster = Cluster(job(parallelism=3, completions=3))
    cluster.change(parallelism=1)
    assert len(cluster.waiting()) == 1
    assert "failed" not in cluster.status


def test_each_pod_of_an_indexed_job_has_a_number() -> None:
    cluster = Cluster(job(completionMode="Indexed", completions=3, parallelism=2))
    first, second = cluster.waiting()
    assert [pod["metadata"]["annotations"][INDEX] for pod in (first, second)] == ["0", "1"]
    assert second["metadata"]["labels"][INDEX] == "1"
    assert second["metadata"]["name"].startswith("sum-1-")
    assert second["spec"]["hostname"] == "sum-1"
    (told,) = second["spec"]["containers"][0]["env"]
    assert told["name"] == "JOB_COMPLETION_INDEX"
    cluster.end(second, "Succeeded")
    cluster.run()
    assert cluster.status["completedIndexes"] == "1"
    cluster.end(first, "Failed")
    cluster.now += 60
    cluster.run()
    started = {pod["metadata"]["annotations"][INDEX] for pod in cluster.waiting()}
    assert started == {"0", "2"}, "the failed number again, and the next"
    for pod in cluster.waiting():
        cluster.end(pod, "Succeeded")
    cluster.run()
    assert cluster.status["completedIndexes"] == "0-2"
    assert cluster.status["succeeded"] == 3
    assert cluster.status["failed"] == 1
    assert "Completed" in cluster.reasons


def test_with_replacement_after_failure_only_a_new_pod_waits_for_the_old_one() -> None:
    cluster = Cluster(job(podReplacementPolicy="Failed"))
    (pod,) = cluster.waiting()
    kept = cluster.view.objects[PODS, ("default", pod["metadata"]["name"])]
    kept["metadata"]["deletionTimestamp"] = timestamp(NOW)
    cluster.run()
    assert len(cluster.view.list(PODS)) == 1
    assert cluster.status["terminating"] == 1


def test_pods_of_a_job_that_is_gone_are_let_go() -> None:
    cluster = Cluster(job(parallelism=2, completions=2))
    del cluster.view.objects[JOBS, KEY]
    cluster.run()
    assert [pod["metadata"]["finalizers"] for pod in cluster.view.list(PODS)] == [[], []]


def test_a_job_that_goes_lets_its_pods_go() -> None:
    cluster = Cluster(job())
    cluster.view.objects[JOBS, KEY]["metadata"]["deletionTimestamp"] = timestamp(NOW)
    cluster.run()
    assert [pod["metadata"]["finalizers"] for pod in cluster.view.list(PODS)] == [[]]


def test_a_pod_that_is_refused_is_told_and_those_before_it_count() -> None:
    outcome = sync_job(DictView([job(completions=3, parallelism=3)]), KEY, NOW)
    creations = [write for write in outcome.writes if write.verb == "create"]
    refused = creations[1].refused
    assert refused is not None
    end = refused("no room")
    assert [(note.reason, note.message.partition(":")[0]) for note in end.notes] == [
        ("SuccessfulCreate", "Created pod"), ("FailedCreate", "Error creating"),
    ]  # fmt: skip
    assert end.notes[1].message == "Error creating: no room"
    assert [write.object["status"].get("active") for write in end.writes] == [1]
    first = creations[0].refused
    assert first is not None
    assert "active" not in first("no room").writes[0].object["status"]
    assert end.failed == "no room"


def test_a_finished_job_goes_when_its_time_is_over() -> None:
    made = job(completions=0, ttlSecondsAfterFinished=60)
    view = DictView([made])
    assert sync_expiry(view, KEY, NOW) == NOTHING
    settle(view, sync_job, KEY)
    assert sync_expiry(view, KEY, NOW + 20).again_after == 40.0
    (write,) = sync_expiry(view, KEY, NOW + 60).writes
    assert (write.verb, write.options) == ("delete", {"propagationPolicy": "Foreground"})


def test_a_finished_job_without_a_time_to_live_stays() -> None:
    view = DictView([job(completions=0)])
    settle(view, sync_job, KEY)
    assert sync_expiry(view, KEY, NOW + 1e6) == NOTHING
