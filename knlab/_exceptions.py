"""Everything knlab raises on purpose.

KnlabError(message, *, hint="")      str() shows the hint on a line of its own
├─ UsageError                        an argument or a setting that cannot work
├─ ClusterError                      something between us and the cluster
│  ├─ Unreachable                    nobody answers
│  ├─ NotInstalled                   the cluster has no Knative
│  ├─ Forbidden                      the cluster refuses us
│  └─ StateError                     a state directory that is stale, foreign or unusable
├─ DeployError                       the cluster took the object and could not make it work
│  ├─ NotReady                       conditions say no
│  ├─ ImagePullFailed                the image cannot be had
│  └─ Invalid                        the cluster refuses the object: field and value
├─ TimedOut                          a wait ended; says what was last seen
├─ MeasureError                      a measurement that means nothing
└─ RecordingError                    a saved run that cannot be read
"""

from __future__ import annotations


class KnlabError(Exception):
    """The root of everything knlab raises on purpose; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class UsageError(KnlabError):
    """An argument or a setting that cannot work; names it and the remedy."""


class ClusterError(KnlabError):
    """Something between us and the cluster."""


class Unreachable(ClusterError):
    """Nobody answers at the cluster's address."""


class NotInstalled(ClusterError):
    """The cluster answers, but has no Knative."""


class Forbidden(ClusterError):
    """The cluster refuses us: which verb on what."""


class StateError(ClusterError):
    """A state directory that is stale, foreign, newer than this knlab, or not writable."""


class DeployError(KnlabError):
    """The cluster took the object and could not make it work."""


class NotReady(DeployError):
    """The object's conditions say no: reason and message of the first that fails."""


class ImagePullFailed(DeployError):
    """The image cannot be resolved or pulled."""


class Invalid(DeployError):
    """The cluster refuses the object; the message is the cluster's own."""


class TimedOut(KnlabError):
    """A wait that ended without what it waited for."""

    def __init__(self, what: str, *, after: float, last_seen: str = "", hint: str = "") -> None:
        seen = f"; last seen: {last_seen}" if last_seen else ""
        super().__init__(f"waited {after:.0f} s for {what}{seen}", hint=hint)
        self.what = what
        self.after = after
        self.last_seen = last_seen


class MeasureError(KnlabError):
    """A measurement that means nothing, such as a run without one success."""


class RecordingError(KnlabError):
    """A saved run that cannot be read: unknown format or damaged."""
