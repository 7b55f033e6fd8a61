"""Controllers as data: a pure `sync` looks at the cluster and says what to write.

The runner (`kube.runner`) does the rest: it watches, queues keys, calls `sync`, performs the writes
in order, records the events, retries with back-off. `sync` is level-triggered: it gets a key, reads
what is there now, and may be called at any time, also after its parent is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import GroupResource, Key, Object

Labels: TypeAlias = Mapping[str, str]


class Lookup(Protocol):
    """Reading single objects."""

    def find(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        """The object, or None."""


class View(Lookup, Protocol):
    """Reading the cluster. What `find` and `list` return is the caller's own copy."""

    def list(
        self, resource: GroupResource, namespace: str | None = None, labels: Labels | None = None
    ) -> list[Object]:
        """Objects of a namespace (None: of all) that carry all of `labels`, sorted by key."""

    def having(self, index: Index, value: str) -> Sequence[Object]:
        """The kept objects themselves, read only, that have `value` in `index`, sorted by key."""


Verb: TypeAlias = Literal["create", "update", "update-status", "update-part", "scale", "delete"]


@dataclass(frozen=True, slots=True)
class Write:
    """One write: `object` is the whole object to create or update, or names the one to delete.

    `scale` writes spec.replicas through the scale subresource; `replicas` is then the number.
    `update-part` writes what the row's part named `part` takes from the object.
    A delete takes `options`, the body of a DeleteOptions (propagationPolicy, gracePeriodSeconds).
    """

    verb: Verb
    resource: GroupResource
    object: Object
    replicas: int = 0
    part: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    refused: Refused | None = field(default=None, compare=False)
    """What to do instead of all that would follow, if the API refuses this write."""


@dataclass(frozen=True, slots=True)
class Note:
    """A Kubernetes Event to record about `regarding`."""

    regarding: Object
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sync wants: writes in order, events, and when to look again (seconds from now).

    `failed` is text for a sync that wrote what it could and must be retried with back-off.
    """

    writes: tuple[Write, ...] = ()
    notes: tuple[Note, ...] = ()
    again_after: float | None = None
    failed: str = ""


NOTHING = Outcome()

Refused: TypeAlias = Callable[[str], Outcome]
"""From the words of the API's refusal to how the sync ends."""

Sync: TypeAlias = Callable[[View, Key, float], Outcome]
"""(cluster, key of the parent, now in epoch seconds) → what to write."""

KeysOf: TypeAlias = Callable[[Object], Iterable[Key]]
"""From a changed object to the keys of the parents to look at."""

Wakes: TypeAlias = Callable[[Callable[[Key], None]], None]
"""Takes the function to call with the key of a parent that should be looked at."""


@dataclass(frozen=True, kw_only=True)
class Controller:
    """One control loop. `owns` maps children to their controlling owner; `watches` maps others."""

    name: str
    """Shown as the `source.component` of events, e.g. `service-controller`."""
    manager: str = ""
    """Noted as the owner of the fields it writes; empty: the program that runs it."""
    parent: GroupResource
    sync: Sync
    owns: tuple[GroupResource, ...] = ()
    watches: Mapping[GroupResource, KeysOf] = field(default_factory=dict)
    resync_on: tuple[GroupResource, ...] = ()
    """Any change of these looks at every parent again (ConfigMaps that everybody reads)."""
    wakes: Wakes | None = None
    """Is given, when the loop starts, the function that queues a key: for news outside objects."""


def create(resource: GroupResource, obj: Object) -> Write:
    """Create `obj`."""
    return Write("create", resource, obj)


def update(resource: GroupResource, obj: Object) -> Write:
    """Replace `obj` except its status; resourceVersion inside it is checked."""
    return Write("update", resource, obj)


def update_status(resource: GroupResource, obj: Object) -> Write:
    """Replace the status of `obj`."""
    return Write("update-status", resource, obj)


def update_part(resource: GroupResource, obj: Object, part: str) -> Write:
    """Write `part` of `obj`: a subresource that the row declares in `parts`."""
    return Write("update-part", resource, obj, part=part)


def scale(resource: GroupResource, obj: Object, replicas: int) -> Write:
    """Set spec.replicas of `obj` through its scale subresource."""
    return Write("scale", resource, obj, replicas=replicas)


def delete(resource: GroupResource, obj: Object, **options: Any) -> Write:
    """Delete `obj`; only if its uid is still the same."""
    return Write("delete", resource, obj, options=options)
