"""Who depends on whom, as the garbage collector needs to know it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeAlias

from knlab.embedded.kube.deletion import FOREGROUND, ORPHAN
from knlab.embedded.kube.objects import GroupResource, Key, Object

_GONE_REMEMBERED: Final = 10_000

Place: TypeAlias = tuple[GroupResource, Key]
"""Where an object is stored."""


class Dependents:
    """Who depends on whom, by uid; also dependents of owners that are not there."""

    def __init__(self) -> None:
        self._dependents: dict[str, dict[Place, None]] = {}
        self._owners: dict[Place, tuple[str, ...]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def seen(self, place: Place, obj: Object) -> None:
        """`obj` is at `place` now."""
        owners = tuple(each["uid"] for each in references(obj))
        before = self._owners.get(place, ())
        if owners == before:
            return
        self._unlink(place, before)
        for uid in owners:
            self._dependents.setdefault(uid, {})[place] = None
        if owners:
            self._owners[place] = owners

    def removed(self, place: Place, obj: Object) -> None:
        """`obj` is gone."""
        self._unlink(place, self._owners.get(place, ()))
        self._gone[obj["metadata"]["uid"]] = None
        while len(self._gone) > _GONE_REMEMBERED:
            self._gone.popitem(last=False)

    def of(self, uid: str) -> list[Place]:
        """Where the dependents of `uid` are."""
        return list(self._dependents.get(uid, ()))

    def is_gone(self, uid: str) -> bool:
        """Whether the object was seen to go; also tells about kinds nobody serves any more."""
        return uid in self._gone

    def _unlink(self, place: Place, owners: tuple[str, ...]) -> None:
        for uid in owners:
            places = self._dependents.get(uid, {})
            places.pop(place, None)
            if not places:
                self._dependents.pop(uid, None)
        self._owners.pop(place, None)


def references(obj: Object) -> list[Object]:
    """The owner references of `obj`."""
    found: list[Object] = obj["metadata"].get("ownerReferences") or []
    return found


def is_terminating(obj: Object) -> bool:
    """Whether somebody deleted `obj` and something still keeps it."""
    return "deletionTimestamp" in obj["metadata"]


def is_waiting(obj: Object) -> bool:
    """Whether `obj` is being deleted in the foreground: after its dependents."""
    return is_terminating(obj) and FOREGROUND in (obj["metadata"].get("finalizers") or ())


def is_orphaning(obj: Object) -> bool:
    """Whether `obj` is being deleted and its dependents are to stay."""
    return is_terminating(obj) and ORPHAN in (obj["metadata"].get("finalizers") or ())
