"""Jobs: pods that run until enough of them have succeeded.

A pod carries a finalizer until it is counted: first its uid is written into the status, then the
finalizer goes, then the number grows. So each pod counts once, whenever the process is killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Literal

from knlab.embedded.builtin.controllers.conditions import status_write
from knlab.embedded.builtin.controllers.job_pods import (
    format_indexes,
    has_failed,
    has_succeeded,
    index_of,
    is_tracked,
    new_pods,
    parse_indexes,
    released,
    remaining_wait,
    restarts,
)
from knlab.embedded.builtin.controllers.pod_states import (
    is_active,
    is_over,
    is_ready,
    is_terminating,
)
from knlab.embedded.builtin.defaults.jobs import JOB_NAME
from knlab.embedded.builtin.kinds import JOBS, PODS
from knlab.embedded.kube.ages import parse_time
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Note,
    Outcome,
    View,
    Write,
    create,
    delete,
    update,
    update_status,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Key, Object, condition, controller_of, is_true

_ENDS: Final = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}
"""From the condition that decides how a Job ends to the one that says it has."""
_REACHED: Final = ("CompletionsReached", "Reached expected number of succeeded pods")
_TOO_MANY: Final = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_TOO_LONG: Final = ("DeadlineExceeded", "Job was active longer than specified deadline")


@dataclass
class _Work:
    """One look at a Job and what follows from it."""

    job: Object
    pods: list[Object]
    now: float
    status: Object
    writes: list[Write] = field(default_factory=list)
    """What comes after the status: finalizers, deletions, creations."""
    notes: list[Note] = field(default_factory=list)
    again: float | None = None
    active: list[Object] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)
    """The indexes that have succeeded."""

    @property
    def spec(self) -> Object:
        spec: Object = self.job["spec"]
        return spec

    @property
    def is_indexed(self) -> bool:
        return bool(self.spec.get("completionMode") == "Indexed")

    @property
    def target(self) -> Object | None:
        """The condition by which the end of the Job is decided already."""
        return next((item for kind in _ENDS if (item := condition(self._now(), kind))), None)

    def _now(self) -> Object:
        return {"status": self.status}

    def note(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self.notes.append(Note(self.job, kind, reason, message))

    def mark(self, kind: str, reason: str, message: str, *, status: str = "True") -> None:
        """Set a condition, in its place if it was there."""
        moment = timestamp(self.now)
        new = {
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastProbeTime": moment, "lastTransitionTime": moment,
        }  # fmt: skip
        listed = list(self.status.get("conditions") or ())
        place = next((n for n, item in enumerate(listed) if item["type"] == kind), len(listed))
        self.status["conditions"] = [*listed[:place], new, *listed[place + 1 :]]

    def look_again(self, seconds: float) -> None:
        self.again = seconds if self.again is None else min(self.again, seconds)


def sync_job(view: View, key: Key, now: float) -> Outcome:
    """The pods that a Job needs or has too many of, and its status."""
    job = view.find(JOBS, *key)
    pods = view.list(PODS, key[0], {JOB_NAME: key[1]})
    uid = job["metadata"]["uid"] if job else None
    own = [pod for pod in pods if uid and (controller_of(pod) or {}).get("uid") == uid]
    lost = [pod for pod in pods if is_tracked(pod) and pod not in own and not _belongs(view, pod)]
    free = tuple(update(PODS, released(pod)) for pod in lost)
    if job is None or is_finished(job):
        return Outcome(free) if free else NOTHING
    if is_terminating(job):
        tracked = (pod for pod in own if is_tracked(pod))
        return Outcome((*free, *(update(PODS, released(pod)) for pod in tracked)))
    work = _Work(job, own, now, dict(job.get("status") or {}))
    _run(work)
    writes = (*status_write(JOBS, job, _status_of(work)), *free, *work.writes)
    return Outcome(writes, tuple(work.notes), work.again)


def _status_of(work: _Work) -> Object:
    return {name: value for name, value in work.status.items() if value or name in _ALWAYS}


_ALWAYS: Final = ("ready", "terminating", "uncountedTerminatedPods")


def is_finished(job: Object) -> bool:
    """Whether a Job is over, for good or ill."""
    return is_true(job, "Complete") or is_true(job, "Failed")


def _belongs(view: View, pod: Object) -> bool:
    owner = controller_of(pod)
    if owner is None:
        return False
    found = view.find(JOBS, pod["metadata"]["namespace"], owner["name"])
    return found is not None and found["metadata"]["uid"] == owner["uid"]


def _run(work: _Work) -> None:
    work.active = [pod for pod in work.pods if is_active(pod)]
    work.finished = parse_indexes(work.status.get("completedIndexes") or "")
    if not work.spec.get("suspend"):
        work.status.setdefault("startTime", timestamp(work.now))
    succeeded, failed = _count(work)
    _decide(work, failed)
    target = work.target
    if target is not None and target["type"] == "FailureTarget":
        _remove(work, work.active, counted=True)
    elif target is None:
        _manage(work, succeeded)
        if _is_complete(work, succeeded) and not work.spec.get("suspend"):
            work.mark("SuccessCriteriaMet", *_REACHED)
    _finish(work)


def _count(work: _Work) -> tuple[int, int]:
    """Note who is over, release them; how many have succeeded and failed, counted or not."""
    status = work.status
    uncounted: Object = status.get("uncountedTerminatedPods") or {}
    tracked = {pod["metadata"]["uid"] for pod in work.pods if is_tracked(pod)}
    waiting: dict[str, list[str]] = {}
    for name in ("succeeded", "failed"):
        uids: list[str] = list(uncounted.get(name) or ())
        status[name] = status.get(name, 0) + sum(uid not in tracked for uid in uids)
        waiting[name] = [uid for uid in uids if uid in tracked]
    known = {uid for uids in waiting.values() for uid in uids}
    once_over = work.spec.get("podReplacementPolicy") == "Failed"
    for pod in filter(is_tracked, work.pods):
        uid, index = pod["metadata"]["uid"], index_of(pod)
        if has_succeeded(pod):
            if not work.is_indexed:
                waiting["succeeded"] += [uid] if uid not in known else []
            elif index is not None and index < work.spec["completions"]:
                work.finished.add(index)
        elif has_failed(pod, once_over=once_over):
            waiting["failed"] += [uid] if uid not in known else []
        else:
            continue
        work.writes.append(update(PODS, released(pod)))
    if work.is_indexed:
        status["completedIndexes"] = format_indexes(work.finished)
        status["succeeded"] = len(work.finished)
    status["uncountedTerminatedPods"] = {name: uids for name, uids in waiting.items() if uids}
    return (
        status["succeeded"] + len(waiting["succeeded"]),
        status["failed"] + len(waiting["failed"]),
    )


def _decide(work: _Work, failed: int) -> None:
    """Say in FailureTarget that the Job must fail, once it must."""
    spec = work.spec
    if work.target is not None:
        return
    limit = spec["backoffLimit"]
    again = restarts(work.pods) if _restarts_in_place(spec) else 0
    if failed > limit or (again >= limit and again > 0):
        work.mark("FailureTarget", *_TOO_MANY)
        return
    seconds, started = spec.get("activeDeadlineSeconds"), work.status.get("startTime")
    if seconds is None or spec.get("suspend") or not started:
        return
    left = (parse_time(started) or work.now) + seconds - work.now
    if left <= 0:
        work.mark("FailureTarget", *_TOO_LONG)
    else:
        work.look_again(left)


def _restarts_in_place(spec: Object) -> bool:
    return bool(spec["template"]["spec"].get("restartPolicy") == "OnFailure")


def _manage(work: _Work, succeeded: int) -> None:
    """As many active pods as the Job may have now."""
    if _follow_suspension(work):
        return
    spec, active = work.spec, work.active
    wanted = spec["parallelism"]
    if spec.get("completions") is not None:
        wanted = max(0, min(wanted, spec["completions"] - succeeded))
    elif succeeded:
        wanted = min(wanted, len(active))
    if len(active) > wanted:
        _remove(work, sorted(active, key=is_ready)[: len(active) - wanted], counted=False)
        return
    missing = wanted - len(active)
    if spec.get("podReplacementPolicy") == "Failed":
        missing -= sum(is_terminating(pod) and not is_over(pod) for pod in work.pods)
    wait = remaining_wait(work.pods, work.now) if missing > 0 else 0.0
    if missing <= 0 or wait:
        if wait:
            work.look_again(wait)
        return
    _start(work, missing)


def _start(work: _Work, missing: int) -> None:
    taken = {pod["metadata"]["name"] for pod in work.pods}
    made = new_pods(work.job, taken, _indexes(work, missing), work.now)
    work.writes += [
        replace(create(PODS, pod), refused=partial(_refused, work, len(made) - done))
        for done, pod in enumerate(made)
    ]
    work.active = [*work.active, *made]
    for pod in made:
        work.note("Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")


def _refused(work: _Work, lacking: int, words: str) -> Outcome:
    """The end of a look whose last `lacking` pods could not be created, as `words` tell."""
    status = {**_status_of(work), "active": len(work.active) - lacking}
    if not status["active"]:
        del status["active"]
    metadata = {k: v for k, v in work.job["metadata"].items() if k != "resourceVersion"}
    failure = Note(work.job, "Warning", "FailedCreate", f"Error creating: {words}")
    return Outcome(
        (update_status(JOBS, work.job | {"metadata": metadata, "status": status}),),
        (*work.notes[:-lacking], failure),
        failed=words,
    )


def _indexes(work: _Work, missing: int) -> Sequence[int | None]:
    """The completions to begin next; None for each pod of a Job that does not number them."""
    if not work.is_indexed:
        return [None] * missing
    busy = {index_of(pod) for pod in work.active} | work.finished
    return [index for index in range(work.spec["completions"]) if index not in busy][:missing]


def _follow_suspension(work: _Work) -> bool:
    """Stop or go on as spec.suspend says; whether the Job is suspended."""
    was = is_true({"status": work.status}, "Suspended")
    if work.spec.get("suspend"):
        _remove(work, work.active, counted=False)
        if not was:
            work.mark("Suspended", "JobSuspended", "Job suspended")
            work.note("Normal", "Suspended", "Job suspended")
        return True
    if was:
        work.mark("Suspended", "JobResumed", "Job resumed", status="False")
        work.note("Normal", "Resumed", "Job resumed")
        work.status["startTime"] = timestamp(work.now)
    return False


def _remove(work: _Work, pods: Iterable[Object], *, counted: bool) -> None:
    """Delete active `pods`; those that shall not be `counted` as failures are released first."""
    chosen = list(pods)
    for pod in chosen:
        if not counted and is_tracked(pod):
            work.writes.append(update(PODS, released(pod)))
        work.writes.append(delete(PODS, pod))
        work.note("Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
    names = {pod["metadata"]["name"] for pod in chosen}
    work.active = [pod for pod in work.active if pod["metadata"]["name"] not in names]


def _is_complete(work: _Work, succeeded: int) -> bool:
    if work.active:
        return False
    wanted = work.spec.get("completions")
    return succeeded > 0 if wanted is None else succeeded >= wanted


def _finish(work: _Work) -> None:
    """The counts of pods that are not over; the last condition once nothing is left to count."""
    status = work.status
    left = [pod for pod in work.pods if not is_over(pod)]
    active = {pod["metadata"]["name"] for pod in work.active}
    going = [pod for pod in left if pod["metadata"]["name"] not in active]
    status["active"] = len(work.active)
    status["ready"] = sum(map(is_ready, work.active))
    status["terminating"] = len(going)
    target = work.target
    if target is None or status["uncountedTerminatedPods"] or going or work.active:
        return
    kind, words = _ENDS[target["type"]], (target["reason"], target["message"])
    work.mark(kind, *words)
    if kind == "Complete":
        status["completionTime"] = timestamp(work.now)
        work.note("Normal", "Completed", "Job completed")
    else:
        work.note("Warning", *words)


def sync_expiry(view: View, key: Key, now: float) -> Outcome:
    """The end of a finished Job that has a time to live."""
    job = view.find(JOBS, *key)
    if job is None or not is_finished(job) or is_terminating(job):
        return NOTHING
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None:
        return NOTHING
    ended = condition(job, "Complete" if is_true(job, "Complete") else "Failed") or {}
    left = (parse_time(ended.get("lastTransitionTime") or "") or now) + seconds - now
    if left > 0:
        return Outcome(again_after=left)
    return Outcome((delete(JOBS, job, propagationPolicy="Foreground"),))


JOB: Final = Controller(name="job-controller", parent=JOBS, sync=sync_job, owns=(PODS,))
"""Keeps pods for Jobs."""

EXPIRY: Final = Controller(name="ttl-after-finished-controller", parent=JOBS, sync=sync_expiry)
"""Deletes finished Jobs when their time to live is over."""
