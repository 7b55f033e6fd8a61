"""A status while one sync works on it: Knative's rules for conditions and when to write them.

Rules as in knative.dev/pkg `apis/condition_set.go` and its generated reconcilers: `Ready` sums up a
fixed list of dependents, other conditions are of severity Info, and lastTransitionTime moves
whenever a condition ends up different from what was stored.
"""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from typing import Final

from knlab.embedded.kube.controller import Write, update_status
from knlab.embedded.kube.objects import GroupResource, Object, copy_json

READY: Final = "Ready"
INFO: Final = "Info"


def timestamp(now: float) -> str:
    """`now` as Kubernetes writes instants: RFC 3339 in UTC with whole seconds."""
    return datetime.fromtimestamp(int(now), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str) -> float:
    """Epoch seconds of an RFC 3339 `text`."""
    return datetime.fromisoformat(text).timestamp()


class StatusDraft:
    """The status of `obj` being worked on; `write` says what to store, if anything.

    `dependents` are the conditions that decide Ready. Missing ones start as Unknown, and an
    unobserved generation starts with Ready Unknown, as Knative's reconcilers begin.
    """

    def __init__(self, obj: Object, *dependents: str, now: float) -> None:
        self.object = obj
        self.dependents = dependents
        self.status: Object = copy_json(obj.get("status") or {})
        self._stored: Object = obj.get("status") or {}
        self._now = timestamp(now)
        self._conditions: dict[str, Object] = {
            item["type"]: item for item in self.status.pop("conditions", None) or ()
        }
        self._age = 0
        self._touched: dict[str, int] = {}
        self._begin()

    def _begin(self) -> None:
        ready = self._conditions.get(READY)
        if ready is None:
            self._set(READY, "Unknown", "", "")
        initial = "True" if ready is not None and ready["status"] == "True" else "Unknown"
        for kind in self.dependents:
            if kind not in self._conditions:
                self._set(kind, initial, "", "")
        generation = self.object["metadata"].get("generation", 0)
        if self.status.get("observedGeneration", 0) != generation:
            self.unknown(READY, "NewObservedGenFailure", "unsuccessfully observed a new generation")

    def fork(self) -> StatusDraft:
        """A draft that says the same now and goes its own way from here."""
        other = copy(self)
        other.status = copy_json(self.status)
        other._conditions = dict(self._conditions)
        other._touched = dict(self._touched)
        return other

    def get(self, kind: str) -> Object | None:
        """The condition of type `kind` as it stands now; None without one."""
        return self._conditions.get(kind)

    def is_status(self, kind: str, status: str) -> bool:
        """Whether condition `kind` has `status`: "True", "False" or "Unknown"."""
        found = self._conditions.get(kind)
        return found is not None and found["status"] == status

    def true(self, kind: str, reason: str = "", message: str = "") -> None:
        """Mark `kind` True; Ready follows the newest dependent that is not, else becomes True."""
        self._set(kind, "True", reason, message)
        unhappy = self._unhappy()
        if unhappy is not None:
            self._set(READY, *unhappy)
        elif kind != READY:
            self._set(READY, "True", "", "")

    def unknown(self, kind: str, reason: str = "", message: str = "") -> None:
        """Mark `kind` Unknown, and Ready with it unless a dependent has failed."""
        self._set(kind, "Unknown", reason, message)
        if any(self.is_status(dependent, "False") for dependent in self.dependents):
            if not self.is_status(READY, "False"):
                self.false(READY, reason, message)
        elif kind in self.dependents:
            self._set(READY, "Unknown", reason, message)

    def false(self, kind: str, reason: str, message: str = "") -> None:
        """Mark `kind` False, and Ready with it if it depends on `kind`."""
        self._set(kind, "False", reason, message)
        if kind in self.dependents:
            self._set(READY, "False", reason, message)

    def copy(self, kind: str, source: Object) -> None:
        """Mark `kind` as condition `source` of another object says; True drops its reason."""
        if source["status"] == "True":
            self.true(kind)
        elif source["status"] == "False":
            self.false(kind, source.get("reason", ""), source.get("message", ""))
        else:
            self.unknown(kind, source.get("reason", ""), source.get("message", ""))

    def clear(self, kind: str) -> None:
        """Forget the Info condition `kind`."""
        if kind == READY or kind in self.dependents:
            raise ValueError(f"{kind} decides Ready and cannot be cleared")
        self._conditions.pop(kind, None)

    def finished(self) -> Object:
        """The object with its new status: observed, conditions sorted, times groomed."""
        stored = {item["type"]: item for item in self._stored.get("conditions") or ()}
        conditions = []
        for kind in sorted(self._conditions):
            item, old = self._conditions[kind], stored.get(kind)
            same = old is not None and _without_time(item) == _without_time(old)
            moved = old["lastTransitionTime"] if same and old is not None else self._now
            conditions.append(item | {"lastTransitionTime": moved})
        status = self.status | {"conditions": conditions}
        status["observedGeneration"] = self.object["metadata"].get("generation", 0)
        return self.object | {"status": status}

    def write(self, resource: GroupResource) -> tuple[Write, ...]:
        """The status update that stores the draft; nothing if it says what is stored."""
        done = self.finished()
        return () if done["status"] == self._stored else (update_status(resource, done),)

    def _set(self, kind: str, status: str, reason: str, message: str) -> None:
        item: Object = {"type": kind, "status": status}
        if kind != READY and kind not in self.dependents:
            item["severity"] = INFO
        if reason:
            item["reason"] = reason
        if message:
            item["message"] = message
        old = self._conditions.get(kind)
        if old is not None and _without_time(old) == item:
            return
        self._age += 1
        self._touched[kind] = self._age
        self._conditions[kind] = item | {"lastTransitionTime": self._now}

    def _unhappy(self) -> tuple[str, str, str] | None:
        if not self.dependents:
            return None
        deciding = [
            item for kind, item in self._conditions.items()
            if kind != READY and not item.get("severity")
        ]  # fmt: skip
        deciding.sort(key=lambda item: str(item["type"]))
        deciding.sort(key=self._recency, reverse=True)
        for status in ("False", "Unknown"):
            for item in deciding:
                if item["status"] == status:
                    return status, item.get("reason", ""), item.get("message", "")
        return ("Unknown", "", "") if len(self.dependents) > len(deciding) else None

    def _recency(self, item: Object) -> tuple[str, int]:
        return item["lastTransitionTime"], self._touched.get(item["type"], 0)


def _without_time(item: Object) -> Object:
    return {key: value for key, value in item.items() if key != "lastTransitionTime"}
