"""The status of a Deployment: counts, and the conditions by which rollouts are followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from knlab.embedded.builtin.controllers.conditions import without_condition
from knlab.embedded.builtin.controllers.rollout import counted, max_unavailable, wanted
from knlab.embedded.kube.ages import parse_time
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object, condition

AVAILABLE: Final = "NewReplicaSetAvailable"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
PAUSED: Final = "DeploymentPaused"

_NO_DEADLINE: Final = 2**31 - 1


class DeploymentStatus:
    """The status of `deployment` while one sync works on it."""

    def __init__(self, deployment: Object, now: float) -> None:
        self.deployment = deployment
        self.now = now
        self.stored: Object = deployment.get("status") or {}
        self.conditions: list[Object] = list(self.stored.get("conditions") or ())

    def mark(self, kind: str, status: str, reason: str, message: str) -> None:
        """Set a condition; one with the same status and reason stays as it is."""
        old = next((item for item in self.conditions if item["type"] == kind), None)
        if old and (old["status"], old["reason"]) == (status, reason):
            return
        now = timestamp(self.now)
        moved = old["lastTransitionTime"] if old and old["status"] == status else now
        new = {
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": moved, "lastUpdateTime": now,
        }  # fmt: skip
        self.conditions = [*without_condition(self.conditions, kind), new]

    def mark_progress(self, status: str, reason: str, message: str) -> None:
        """Set the condition Progressing of a Deployment with a deadline."""
        if self._deadline is not None:
            self.mark("Progressing", status, reason, message)

    def mark_paused(self) -> None:
        """Say in Progressing when a rollout is paused or resumed, unless it has failed already."""
        reason = (condition(self.stored_object, "Progressing") or {}).get("reason", "")
        paused = bool(self.deployment["spec"].get("paused"))
        if reason == TIMED_OUT:
            return
        if paused and reason != PAUSED:
            self.mark_progress("Unknown", PAUSED, "Deployment is paused")
        if not paused and reason == PAUSED:
            self.mark_progress("Unknown", "DeploymentResumed", "Deployment is resumed")

    @property
    def stored_object(self) -> Object:
        """The Deployment with the conditions as they are so far."""
        return {"status": {"conditions": self.conditions}}

    def finish(self, new: Object | None, olds: Sequence[Object], *, following: bool) -> Object:
        """The whole status; `following` a rollout also keeps Progressing up to date."""
        counts = self._counts(new, olds)
        lacking = wanted(self.deployment) - max_unavailable(self.deployment)
        if counts["availableReplicas"] >= lacking:
            reason, words = "MinimumReplicasAvailable", "Deployment has minimum availability."
            self.mark("Available", "True", reason, words)
        else:
            reason = "MinimumReplicasUnavailable"
            words = "Deployment does not have minimum availability."
            self.mark("Available", "False", reason, words)
        if following:
            self._follow(counts, new)
            self._report_failure(new, olds)
        return {
            **{k: v for k, v in counts.items() if v},
            "conditions": sorted(self.conditions, key=lambda item: str(item["type"])),
        }

    def is_complete(self, status: Object) -> bool:
        """Whether all wanted pods are up to date and available, and no others are left."""
        target = wanted(self.deployment)
        return all(
            status.get(field, 0) == target
            for field in ("updatedReplicas", "replicas", "availableReplicas")
        )

    def again_after(self) -> float | None:
        """Seconds until the deadline of a rollout under way; None without one."""
        progress = condition(self.stored_object, "Progressing")
        ended = progress is None or progress["reason"] in {AVAILABLE, TIMED_OUT, PAUSED}
        if progress is None or ended or self._deadline is None:
            return None
        since = parse_time(progress["lastUpdateTime"]) or self.now
        return max(0.0, since + self._deadline - self.now) + 1.0

    @property
    def _deadline(self) -> int | None:
        seconds = self.deployment["spec"].get("progressDeadlineSeconds", _NO_DEADLINE)
        return None if seconds == _NO_DEADLINE else int(seconds)

    def _counts(self, new: Object | None, olds: Sequence[Object]) -> dict[str, int]:
        every = [*olds, *([new] if new else [])]
        available = counted(every, "availableReplicas")
        counts = {
            "observedGeneration": self.deployment["metadata"].get("generation", 0),
            "replicas": counted(every, "replicas"),
            "updatedReplicas": counted([new] if new else [], "replicas"),
            "readyReplicas": counted(every, "readyReplicas"),
            "availableReplicas": available,
            "unavailableReplicas": max(0, sum(map(wanted, every)) - available),
        }
        if "collisionCount" in self.stored:
            counts["collisionCount"] = self.stored["collisionCount"]
        return counts

    def _follow(self, counts: dict[str, int], new: Object | None) -> None:
        progress = condition(self.stored_object, "Progressing")
        if self._deadline is None:
            self.conditions = without_condition(self.conditions, "Progressing")
            return
        settled = counts["replicas"] == counts["updatedReplicas"]
        if settled and progress and progress["reason"] == AVAILABLE:
            return
        name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else "Deployment"
        if not new:
            name = f'Deployment "{self.deployment["metadata"]["name"]}"'
        if self.is_complete(counts):
            self.mark("Progressing", "True", AVAILABLE, f"{name} has successfully progressed.")
        elif self._has_moved(counts):
            kept = progress["lastTransitionTime"] if progress and _holds(progress) else None
            self.conditions = without_condition(self.conditions, "Progressing")
            self.mark("Progressing", "True", "ReplicaSetUpdated", f"{name} is progressing.")
            if kept:
                self.conditions[-1]["lastTransitionTime"] = kept
        elif self._is_late(progress):
            self.mark("Progressing", "False", TIMED_OUT, f"{name} has timed out progressing.")

    def _has_moved(self, counts: dict[str, int]) -> bool:
        before = {name: self.stored.get(name, 0) for name in counts}
        return (
            any(
                counts[name] > before[name]
                for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
            )
            or counts["replicas"] - counts["updatedReplicas"]
            < before["replicas"] - before["updatedReplicas"]
        )

    def _is_late(self, progress: Object | None) -> bool:
        if progress is None or self._deadline is None or progress["reason"] == AVAILABLE:
            return False
        since = parse_time(progress["lastUpdateTime"]) or self.now
        return progress["reason"] == TIMED_OUT or since + self._deadline < self.now

    def _report_failure(self, new: Object | None, olds: Sequence[Object]) -> None:
        every = [*([new] if new else []), *olds]
        failures = (condition(item, "ReplicaFailure") for item in every)
        failure = next((item for item in failures if item), None)
        if failure is None:
            self.conditions = without_condition(self.conditions, "ReplicaFailure")
        else:
            words = failure["status"], failure["reason"], failure["message"]
            self.mark("ReplicaFailure", *words)


def _holds(item: Object) -> bool:
    return bool(item["status"] == "True")
