"""What one sync has decided so far: writes and events in order, and how it ends."""

from __future__ import annotations

from knlab.embedded.kube.controller import Note, Outcome, Write
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.serving.conditions import StatusDraft


class Failed(Exception):  # noqa: N818 - the end of a sync, not a defect
    """A sync that goes no further and is retried; the text is what Knative reports."""


class Work:
    """Collects the writes and events of one sync about `regarding`."""

    def __init__(self, regarding: Object) -> None:
        self.regarding = regarding
        self._writes: list[Write] = []
        self._notes: list[Note] = []

    def write(self, *writes: Write) -> None:
        """Do `writes` after those decided before."""
        self._writes.extend(writes)

    def normal(self, reason: str, message: str) -> None:
        """Record an event of type Normal."""
        self._notes.append(Note(self.regarding, "Normal", reason, message))

    def warning(self, reason: str, message: str) -> None:
        """Record an event of type Warning."""
        self._notes.append(Note(self.regarding, "Warning", reason, message))

    def outcome(
        self,
        draft: StatusDraft | None = None,
        resource: GroupResource | None = None,
        *,
        again_after: float | None = None,
        failed: str = "",
    ) -> Outcome:
        """The end of the sync: the status comes last, a failure gets its event."""
        if failed:
            self.warning("InternalError", failed)
        if draft is not None and resource is not None:
            self.write(*draft.write(resource))
        return Outcome(tuple(self._writes), tuple(self._notes), again_after, failed)


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
