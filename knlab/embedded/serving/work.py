"""What one sync has decided so far: writes and events in order, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from knlab.embedded.kube.controller import Note, Outcome, Write, update
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.go_text import quoted

Mark: TypeAlias = Callable[[StatusDraft, str], None]
"""Shows in a status that the API refused a write, with its words."""


class Failed(Exception):  # noqa: N818 - the end of a sync, not a defect
    """A sync that goes no further and is retried; the text is what Knative reports."""


class Work:
    """Collects the writes and events of one sync about `regarding`.

    A sync that keeps the status of its object gives the `draft` it works on, and its `resource`.
    """

    def __init__(
        self,
        regarding: Object,
        draft: StatusDraft | None = None,
        resource: GroupResource | None = None,
    ) -> None:
        self.regarding = regarding
        self._draft = draft
        self._resource = resource
        self._writes: list[Write] = []
        self._notes: list[Note] = []

    def write(
        self, write: Write, failing: str = "", *, told: str = "", mark: Mark | None = None
    ) -> None:
        """Do `write` after those decided before.

        If the API refuses it, the sync ends there: with the status as it is now, and an event that
        says `failing` and the API's words. Before it `told` is said as a Warning `CreationFailed`,
        and `mark` changes the status.
        """
        refused = partial(self._ended()._refused, failing, told, mark)
        self._writes.append(replace(write, refused=refused))

    def set_finalizers(self, resource: GroupResource, obj: Object) -> None:
        """Write `obj` with its new finalizers, and tell of it, as of a refusal."""
        name = quoted(obj["metadata"]["name"])

        def refused(words: str) -> Outcome:
            text = f"Failed to update finalizers for {name}: {words}"
            note = Note(self.regarding, "Warning", "FinalizerUpdateFailed", text)
            return Outcome(notes=(note,), failed=f"failed to set finalizers: {words}")

        self._writes.append(replace(update(resource, obj), refused=refused))
        self.normal("FinalizerUpdate", f"Updated {name} finalizers")

    def normal(self, reason: str, message: str) -> None:
        """Record an event of type Normal."""
        self._notes.append(Note(self.regarding, "Normal", reason, message))

    def warning(self, reason: str, message: str) -> None:
        """Record an event of type Warning."""
        self._notes.append(Note(self.regarding, "Warning", reason, message))

    def outcome(self, *, again_after: float | None = None, failed: str = "") -> Outcome:
        """The end of the sync: the status comes last, a failure gets its event."""
        if self._draft is not None and self._resource is not None:
            refused = partial(self._status_refused, tuple(self._notes))
            for write in self._draft.write(self._resource):
                self._writes.append(replace(write, refused=refused))
        if failed:
            self.warning("InternalError", failed)
        return Outcome(tuple(self._writes), tuple(self._notes), again_after, failed)

    def _refused(self, failing: str, told: str, mark: Mark | None, words: str) -> Outcome:
        if told:
            self.warning("CreationFailed", f"{told}: {words}")
        if mark is not None and self._draft is not None:
            mark(self._draft, words)
        return self.outcome(failed=f"{failing}: {words}" if failing else words)

    def _status_refused(self, notes: tuple[Note, ...], words: str) -> Outcome:
        name = quoted(self.regarding["metadata"]["name"])
        text = f"Failed to update status for {name}: {words}"
        note = Note(self.regarding, "Warning", "UpdateFailed", text)
        return Outcome(notes=(*notes, note), failed=text)

    def _ended(self) -> Work:
        """What is left if the sync ends here: all that was told and shown, nothing to write."""
        draft = self._draft.fork() if self._draft is not None else None
        ended = Work(self.regarding, draft, self._resource)
        ended._notes = list(self._notes)
        return ended


def has_finalizer(obj: Object, finalizer: str) -> bool:
    """Whether `obj` waits for `finalizer` before it goes."""
    return finalizer in (obj["metadata"].get("finalizers") or ())


def with_finalizer(obj: Object, finalizer: str) -> Object:
    """`obj` with `finalizer` added."""
    known = obj["metadata"].get("finalizers") or []
    return obj | {"metadata": obj["metadata"] | {"finalizers": [*known, finalizer]}}


def without_finalizer(obj: Object, finalizer: str) -> Object:
    """`obj` with `finalizer` taken away."""
    rest = [item for item in obj["metadata"].get("finalizers") or () if item != finalizer]
    metadata = {key: value for key, value in obj["metadata"].items() if key != "finalizers"}
    return obj | {"metadata": metadata | ({"finalizers": rest} if rest else {})}
