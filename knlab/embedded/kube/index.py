"""Finding objects by what is in them: an index names the values under which an object is found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from knlab.embedded.kube.objects import GroupResource, Key, Object

Values: TypeAlias = Callable[[Object], Iterable[str]]
"""The values of an object, from nothing but the object; must not raise."""


@dataclass(frozen=True, slots=True)
class Index:
    """Objects of `resource` by their `values`; kept by the store from its first use on."""

    resource: GroupResource
    values: Values


@dataclass(frozen=True, slots=True)
class LabelValue:
    """The values of an index by label `name`."""

    name: str

    def __call__(self, obj: Object) -> Iterable[str]:
        """The label's value, if `obj` has the label."""
        labels = obj["metadata"].get("labels") or {}
        return (labels[self.name],) if self.name in labels else ()


class Entries:
    """One index at work: which objects have which value."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._keys: dict[str, set[Key]] = {}

    def change(self, key: Key, old: Object | None, new: Object | None) -> None:
        """The object under `key` was `old` and is `new`; None: there was, or is, none."""
        before, after = (frozenset(self._values(each) if each else ()) for each in (old, new))
        for value in before - after:
            keys = self._keys[value]
            keys.discard(key)
            if not keys:
                del self._keys[value]
        for value in after - before:
            self._keys.setdefault(value, set()).add(key)

    def keys(self, value: str) -> Collection[Key]:
        """The keys of the objects that have `value`."""
        return self._keys.get(value, frozenset())
