"""What a Job asks about its pods: who is still to be counted, which index, how long to wait."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from knlab.embedded.builtin.controllers.pod_states import is_over, is_terminating, phase
from knlab.embedded.builtin.controllers.replicaset import pod_from
from knlab.embedded.builtin.hashes import suffix
from knlab.embedded.kube.ages import parse_time
from knlab.embedded.kube.objects import Object

TRACKING: Final = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a pod until its Job has counted it."""
INDEX: Final = "batch.kubernetes.io/job-completion-index"
"""Annotation and label: which of an Indexed Job's completions a pod works on."""

_LONGEST_PREFIX: Final = 58
_FIRST_WAIT, _LONGEST_WAIT = 10.0, 600.0


def is_tracked(pod: Object) -> bool:
    """Whether the pod is still to be counted."""
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def released(pod: Object) -> Object:
    """`pod` without the finalizer, to be written whatever else has changed."""
    metadata = {k: v for k, v in pod["metadata"].items() if k != "resourceVersion"}
    metadata["finalizers"] = [item for item in metadata["finalizers"] if item != TRACKING]
    return {**pod, "metadata": metadata}


def has_succeeded(pod: Object) -> bool:
    """Whether the pod counts as a success."""
    return phase(pod) == "Succeeded"


def has_failed(pod: Object, *, once_over: bool) -> bool:
    """Whether the pod counts as a failure; `once_over`: not while it is only asked to go."""
    if phase(pod) == "Failed":
        return True
    return not is_over(pod) and is_terminating(pod) and not once_over


def finished_at(pod: Object) -> float:
    """When the pod's last container ended, in epoch seconds; else when it was asked to go."""
    statuses: Iterable[Object] = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [
        parse_time(ended.get("finishedAt") or "") or 0.0
        for status in statuses
        if (ended := (status.get("state") or {}).get("terminated"))
    ]
    fields = pod["metadata"]
    asked = fields.get("deletionTimestamp") or fields.get("creationTimestamp") or ""
    return max(ends, default=0.0) or parse_time(asked) or 0.0


def remaining_wait(pods: Sequence[Object], now: float) -> float:
    """Seconds until the next pod may start: 10 s after a failure, doubled by each further one.

    A success begins the count anew. Pods that are gone are forgotten.
    """
    success = max((finished_at(pod) for pod in pods if has_succeeded(pod)), default=0.0)
    failures = [
        when
        for pod in pods
        if has_failed(pod, once_over=False) and (when := finished_at(pod)) > success
    ]
    if not failures:
        return 0.0
    wait = min(_FIRST_WAIT * 2.0 ** (len(failures) - 1), _LONGEST_WAIT)
    return max(0.0, max(failures) + wait - now)


def restarts(pods: Iterable[Object]) -> int:
    """How often containers of `pods` that are not over were started again."""
    return sum(
        status.get("restartCount", 0)
        for pod in pods
        if phase(pod) in {"Pending", "Running"}
        for part in ("initContainerStatuses", "containerStatuses")
        for status in (pod.get("status") or {}).get(part) or ()
    )


def index_of(pod: Object) -> int | None:
    """Which completion the pod works on; None if it does not say."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isdigit() else None


def parse_indexes(text: str) -> set[int]:
    """The numbers in `0,2-4`."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def format_indexes(numbers: Collection[int]) -> str:
    """`numbers` as Kubernetes writes them: runs of three and more as `2-4`, pairs as `2,3`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs
    )


def new_pods(
    job: Object, taken: Collection[str], indexes: Sequence[int | None], now: float
) -> list[Object]:
    """A pod for each of `indexes` (None: for a Job without), with names that are not `taken`."""
    used, made = set(taken), []
    for number, index in enumerate(indexes):
        prefix = f"{job['metadata']['name']}-" + (f"{index}-" if index is not None else "")
        attempt = 0
        while True:
            name = prefix[:_LONGEST_PREFIX] + suffix(job["metadata"]["uid"], now, number, attempt)
            if name not in used:
                break
            attempt += 1
        used.add(name)
        pod = pod_from(job, name)
        pod["metadata"]["generateName"] = prefix
        pod["metadata"]["finalizers"] = [*(pod["metadata"].get("finalizers") or ()), TRACKING]
        if index is not None:
            _number(pod, job["metadata"]["name"], index)
        made.append(pod)
    return made


def _number(pod: Object, job: str, index: int) -> None:
    """Tell `pod` of `job` which index it works on."""
    metadata, spec = pod["metadata"], pod["spec"]
    for part in ("annotations", "labels"):
        metadata[part] = {**(metadata.get(part) or {}), INDEX: str(index)}
    spec["hostname"] = f"{job}-{index}"
    reference = {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}
    told = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": reference}}
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        env: list[Object] = container.setdefault("env", [])
        if all(item["name"] != told["name"] for item in env):
            env.append(told)
